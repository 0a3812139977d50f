"""`python -m tools.bench`: measure, print, and fail above twice a budget."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path

from reseal.kernel.clock import SystemClock
from reseal.kernel.logs import configure_logs
from reseal.server.running import collect_seldom
from tools.bench import checkins, console, enrolments, imports, over_tls, processes, rehearsals, scale, units
from tools.bench.figures import Figure, as_json, as_table
from tools.bench.measuring import Host
from tools.bench.sizes import FULL, QUICK, Sizes
from tools.bench.stores import Store, stores

Topic = Callable[[Store, Sizes], AsyncIterator[Figure]]

ON_DATABASES: dict[str, Topic] = {
    "units": units.figures,
    "import": imports.figures,
    "scale": scale.figures,
    "check-in": checkins.figures,
    "console": console.figures,
    "enrolment": enrolments.figures,
    "tls": over_tls.figures,
}
TOPICS = (*ON_DATABASES, "processes", "rehearsal")


def main(arguments: Sequence[str]) -> int:
    """Run the command; the exit code."""
    asked = _parser().parse_args(arguments)
    sizes = QUICK if asked.quick else FULL
    collect_seldom()
    configure_logs(clock=SystemClock(), level="warning")
    with tempfile.TemporaryDirectory(prefix="reseal-measured-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL's account has to pass through
        host = Host()
        found = asyncio.run(_measure(folder, sizes, asked.database, asked.only or TOPICS))
        stolen = host.stolen()
    if asked.json:
        print(as_json(found, quick=asked.quick, stolen=stolen))
    else:
        print(as_table(found, quick=asked.quick))
        print(f"The machine got {1 - stolen:.0%} of the CPU time that it wanted; the figures hold the rest.")
    failed = [figure for figure in found if figure.fails and not asked.quick]
    for figure in failed:
        print(f"{figure.what} {figure.where}: {figure.share or 0:.1f} times its budget", file=sys.stderr)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tools.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing is judged: does it work?")
    parser.add_argument("--json", action="store_true", help="print a document for programs")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--only", choices=TOPICS, action="append", help="this topic; may be repeated")
    return parser


async def _measure(folder: Path, sizes: Sizes, database: str, topics: Collection[str]) -> list[Figure]:
    found: list[Figure] = []
    for store in stores(folder, database):
        for name, topic in ON_DATABASES.items():
            if name in topics:
                found += [_shown(figure) async for figure in topic(store, sizes)]
    if "units" in topics:
        found.append(_shown(await units.token(sizes)))
    if "processes" in topics:
        found += map(_shown, processes.figures(folder, sizes))
    if "rehearsal" in topics:
        found.append(_shown(await rehearsals.figure(sizes)))
    return found


def _shown(figure: Figure) -> Figure:
    """Say on the way what was measured: a full run takes minutes."""
    print(f"  {figure.what} {figure.where}".rstrip(), file=sys.stderr, flush=True)
    return figure


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
