"""Do the tests of the rules notice a mistake? Makes small ones, one at a time, and runs the tests on each.

    tools/mutants.py                                  200 mistakes in all models; takes minutes
    tools/mutants.py directory.rules esp.model        only in these modules or packages of reseal
    tools/mutants.py --sample 1000 --seed 7           more of them, others of them
    tools/mutants.py --all                            every mistake there is; takes hours
    tools/mutants.py --threshold 70                   another pass mark than 80 per cent

Prints every mistake that no test noticed, with file and line, then the score of each module: the share of
mistakes that made a test fail or hang. Exits with 2 if the score of all together is below the pass mark. What
is mutated and which tests are asked stands in pyproject.toml under `tool.mutmut`; mutmut makes the mistakes.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "mutants"
PASS_MARK = 80
SAMPLE = 200

_NOTICED = frozenset({"killed", "timeout", "suspicious", "segfault", "caught by type check"})
_UNNOTICED = frozenset({"survived", "no tests"})


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: the file it is in, mutmut's name for it, and what became of it."""

    file: str
    name: str
    status: str

    @property
    def noticed(self) -> bool:
        """Whether a test failed or hung because of it."""
        return self.status in _NOTICED


@dataclass(frozen=True, slots=True)
class Score:
    """How many of so many mistakes were noticed."""

    noticed: int
    made: int

    @property
    def per_cent(self) -> float:
        """Between 0 and 100; of no mistakes, all were noticed."""
        return 100 * self.noticed / self.made if self.made else 100.0


def score(mutants: Sequence[Mutant]) -> Score:
    """The score of these mistakes together."""
    return Score(sum(mutant.noticed for mutant in mutants), len(mutants))


def choose(names: Sequence[str], modules: Sequence[str], count: int | None, seed: int) -> list[str]:
    """Of these mutants those in `modules` (none named: all), and of them `count` by chance (None: all)."""
    wanted = tuple(f"reseal.{module.removeprefix('reseal.')}." for module in modules)
    candidates = sorted(name for name in names if not wanted or name.startswith(wanted))
    if count is None or count >= len(candidates):
        return candidates
    return sorted(random.Random(seed).sample(candidates, count))


def make() -> list[str]:
    """Make a fresh copy of the tree with every mistake in it, none of them active; their names."""
    shutil.rmtree(WORK, ignore_errors=True)
    # mutmut has no command that only makes mutants; asked to run one that is not there, it stops after that.
    _mutmut("run", "none is called this")
    return [name for path in _metas() for name in _codes(path)]


def run(names: Sequence[str]) -> bool:
    """Run the tests with each of these mistakes in turn; False if they fail without any."""
    finished = _mutmut("run", *names, show=sys.stdout.isatty())
    if finished.returncode:
        print((finished.stdout or "")[-5000:], file=sys.stderr)
    return finished.returncode == 0


def _mutmut(*arguments: str, show: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=ROOT,
        check=False,
        text=True,
        stdout=None if show else subprocess.PIPE,
        stderr=None if show else subprocess.STDOUT,
    )


def _metas() -> list[Path]:
    return sorted(WORK.rglob("*.py.meta"))


def _codes(meta: Path) -> dict[str, int | None]:
    codes: dict[str, int | None] = json.loads(meta.read_text())["exit_code_by_key"]
    return codes


def results() -> list[Mutant]:
    """What became of every mistake that was tried, by file and name."""
    from mutmut.stats import status_by_exit_code

    found = [
        Mutant(path.relative_to(WORK).as_posix().removesuffix(".meta"), name, status_by_exit_code[code])
        for path in _metas()
        for name, code in _codes(path).items()
    ]
    return [mutant for mutant in found if mutant.status in _NOTICED | _UNNOTICED]


def describe(mutant: Mutant) -> str:
    """File and line of a mistake, and the line before and after."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    diff = get_diff_for_mutant(mutant.name).splitlines()[2:]
    before = next((line[1:].strip() for line in diff if line.startswith("-")), "")
    after = next((line[1:].strip() for line in diff if line.startswith("+")), "(gone)")
    line = line_of(ROOT / mutant.file, mutant.name, before)
    untested = " (no test comes here)" if mutant.status == "no tests" else ""
    return f"{mutant.file}:{line}: {before}\n    {'':>{len(mutant.file)}}-> {after}{untested}"


def _function(name: str) -> list[str]:
    """`[class, function]` or `[function]` in mutmut's name, which joins and numbers them."""
    mangled = name.rpartition(".")[2].partition("__mutmut_")[0]
    return mangled.removeprefix("x_").removeprefix("xǁ").split("ǁ")


def line_of(file: Path, name: str, text: str) -> int:
    """The line that reads `text` in the function that mutmut's `name` means, else that function's first."""
    source = file.read_text()
    lines = source.splitlines()
    for node in _definitions(ast.parse(source), _function(name)):
        start, end = node.lineno, node.end_lineno or node.lineno
        return next((number for number in range(start, end + 1) if lines[number - 1].strip() == text), start)
    return 1


def _definitions(node: ast.Module | ast.ClassDef, names: list[str]) -> Iterator[ast.stmt]:
    for child in node.body:
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if child.name != names[0]:
            continue
        if len(names) == 1:
            yield child
        elif isinstance(child, ast.ClassDef):
            yield from _definitions(child, names[1:])


def report(mutants: Sequence[Mutant]) -> None:
    """Print the unnoticed mistakes and the scores."""
    for mutant in mutants:
        if not mutant.noticed:
            print(describe(mutant))
    print()
    for file in sorted({mutant.file for mutant in mutants}):
        _print_score(file, score([mutant for mutant in mutants if mutant.file == file]))
    _print_score("all", score(mutants))


def _print_score(name: str, result: Score) -> None:
    print(f"{result.per_cent:6.1f} %  {result.noticed:5} of {result.made:5} noticed  {name}")


def main(arguments: Sequence[str]) -> int:
    """Run and report; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as directory.rules or esp.model")
    parser.add_argument("--sample", type=int, default=SAMPLE, metavar="N", help="how many mistakes")
    parser.add_argument("--all", action="store_true", help="every mistake")
    parser.add_argument("--seed", type=int, default=0, help="which of them")
    parser.add_argument("--threshold", type=float, default=PASS_MARK, metavar="PER_CENT")
    options = parser.parse_args(arguments)
    names = make()
    chosen = choose(names, options.modules, None if options.all else options.sample, options.seed)
    if not chosen:
        print("there is nothing of that name to make mistakes in", file=sys.stderr)
        return 64
    print(f"{len(chosen)} of {len(names)} mistakes, drawn with seed {options.seed}", file=sys.stderr)
    if not run(chosen):
        return 1
    mutants = results()
    report(mutants)
    if score(mutants).per_cent < options.threshold:
        print(f"below the pass mark of {options.threshold:g} %", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
