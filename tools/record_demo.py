"""Records `reseal demo --headless` in a terminal, and draws what was seen into docs/pictures.

tools/record_demo.py            plays the demo (about a minute) and writes the pictures

`demo.svg` is everything that was printed, `demo-moving.svg` the same as it appears, faster. Both are drawn
from one recording: the demo runs in a terminal of 100 columns, and every byte that it writes is kept with its
time. Nothing is loaded from elsewhere: the typeface is a monospaced one of the machine that shows a picture.
"""

from __future__ import annotations

import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fcntl import ioctl
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Final

from rich.color import ColorType
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

PICTURES: Final = Path(__file__).resolve().parent.parent / "docs" / "pictures"
COMMAND: Final = "reseal demo --headless"
COLUMNS: Final = 100
ROWS: Final = 34
"""Of the terminal in the moving picture."""

_CELL_WIDTH: Final = 8.4
_CELL_HEIGHT: Final = 19
_MARGIN: Final = 18
_BAR: Final = 36
_POSTER: Final = 4.0
"""Seconds that the end stays, before it plays from the beginning."""
_PLAYS: Final = 26.0
_PAUSE: Final = 1.2
"""The longest pause between two lines, in seconds of the recording."""

_THEME: Final = TerminalTheme(
    (13, 17, 23),
    (214, 222, 230),
    [(72, 79, 88), (255, 123, 114), (86, 211, 100), (227, 179, 65),
     (121, 192, 255), (210, 168, 255), (86, 212, 221), (177, 186, 196)],
)  # fmt: skip
_FAINT: Final = "#8b949e"
_CONTROL: Final = re.compile(r"\x1b\[(?P<number>\d*)(?P<what>[AK])|\x1b\[\?\d+[hl]|\r")
_PART: Final = re.compile(rf"\n|{_CONTROL.pattern}|(?:[^\n\r\x1b]|\x1b\[[\d;]*m)+")
_TYPEFACES: Final = (
    "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the terminal, with its colours, and when it was complete: seconds since the beginning."""

    at: float
    text: Text


# --- recording ----------------------------------------------------------------------------------------------


def record(command: Sequence[str], columns: int = COLUMNS) -> tuple[list[Line], int]:
    """Run a command in a terminal; the lines that stand there at the end, and the exit code."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RESEAL_")}
    environment = {**kept, "TERM": "xterm-256color", "COLUMNS": str(columns)}
    environment.pop("NO_COLOR", None)
    begin = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        heard = list(_heard(ours, begin))
    os.close(ours)
    return lines_of(heard), process.returncode


def _heard(terminal: int, begin: float) -> Iterator[tuple[float, bytes]]:
    while True:
        try:
            some = os.read(terminal, 1 << 16)
        except OSError:  # how Linux says that nobody has the other end any more
            return
        if not some:
            return
        yield time.monotonic() - begin, some


def lines_of(heard: Sequence[tuple[float, bytes]]) -> list[Line]:
    """What stands on a terminal that was sent these bytes at these times."""
    times, texts, at = [0.0], [""], 0
    for moment, part in _parts(heard):
        control = _CONTROL.fullmatch(part)
        if part == "\n":
            times[at] = moment
            at += 1
            if at == len(texts):
                times.append(moment)
                texts.append("")
        elif control is None:
            texts[at] += part
        elif control["what"] == "A":
            at = max(0, at - int(control["number"] or 1))
        elif control["what"] == "K":
            texts[at] = ""
    lines = [Line(moment, Text.from_ansi(text)) for moment, text in zip(times, texts, strict=True)]
    while lines and not lines[-1].text.plain.strip():
        lines.pop()
    return lines


def _parts(heard: Sequence[tuple[float, bytes]]) -> Iterator[tuple[float, str]]:
    """Text without control, a control sequence, or the end of a line, each with its time."""
    text = b"".join(some for _, some in heard).decode()
    ends = [0]
    for _, some in heard:
        ends.append(ends[-1] + len(some.decode(errors="ignore")))
    index = 0
    for found in _PART.finditer(text):
        while index + 1 < len(heard) and ends[index + 1] <= found.start():
            index += 1
        yield heard[index][0], found[0]


# --- drawing ------------------------------------------------------------------------------------------------


def still(lines: Sequence[Line], title: str) -> str:
    """Everything, from the first line to the last."""
    return _window(title, len(lines), "", _rows(lines))


def moving(lines: Sequence[Line], title: str, rows: int = ROWS) -> str:
    """A terminal of so many rows, which begins with its end, and then fills from the beginning.

    Who has asked for less motion sees the end alone.
    """
    moments = _moments([line.at for line in lines])
    whole = _POSTER + _PLAYS + _POSTER
    rows = min(rows, len(lines))
    shown = [(0.0, len(lines)), (_POSTER, 0)]
    shown += [(_POSTER + moment, number) for number, moment in enumerate(moments, 1)]
    frames = list(_last_of_each(shown))
    style = "\n".join(
        (
            *_steps("rise", [(moment, -max(0, number - rows)) for moment, number in frames], whole),
            *_steps("uncover", [(moment, min(number, rows)) for moment, number in frames], whole),
            "@media (prefers-reduced-motion: reduce) { .rise, .uncover { animation: none } }",
        )
    )
    cover = f'<rect class="uncover" width="{COLUMNS * _CELL_WIDTH:g}" height="{rows * _CELL_HEIGHT}"'
    return _window(
        title,
        rows,
        style,
        f'<g class="rise">\n{_rows(lines)}</g>\n{cover} fill="{_THEME.background_color.hex}"/>',
    )


def _steps(name: str, steps: Sequence[tuple[float, int]], whole: float) -> Iterator[str]:
    """What has that name is moved down by so many rows at each moment, and stands as at the beginning."""
    at = f"transform: translateY({steps[0][1] * _CELL_HEIGHT}px)"
    yield f".{name} {{ {at}; animation: {name} {whole:g}s step-end infinite }}"
    frames = (
        f"{100 * moment / whole:.2f}%{{transform:translateY({rows * _CELL_HEIGHT}px)}}"
        for moment, rows in steps
    )
    yield f"@keyframes {name} {{{''.join(frames)}}}"


def _moments(times: Sequence[float]) -> list[float]:
    """When each line appears: as recorded, without long pauses, all within `_PLAYS`."""
    moments = [0.0]
    for before, after in pairwise(times):
        moments.append(moments[-1] + min(after - before, _PAUSE))
    return [moment * _PLAYS / (moments[-1] or 1) for moment in moments]


def _last_of_each(steps: Sequence[tuple[float, int]]) -> Iterator[tuple[float, int]]:
    """Of steps at nearly the same moment, the last."""
    for (moment, shown), (after, _) in pairwise([*steps, (float("inf"), 0)]):
        if after - moment > 0.02:
            yield moment, shown


def _window(title: str, rows: int, style: str, content: str) -> str:
    width, height = COLUMNS * _CELL_WIDTH + 2 * _MARGIN, rows * _CELL_HEIGHT + _BAR + 2 * _MARGIN
    dots = "".join(
        f'<circle cx="{22 + 20 * number}" cy="{_BAR / 2}" r="6" fill="{colour}"/>'
        for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">
<title>{escape(title)}</title>
<style>
text {{ font: 14px {_TYPEFACES}; fill: {_THEME.foreground_color.hex}; white-space: pre }}
.b {{ font-weight: 700 }}
{style}
</style>
<clipPath id="c"><rect width="{width:g}" height="{rows * _CELL_HEIGHT}"/></clipPath>
<rect x=".5" y=".5" width="{width - 1:g}" height="{height - 1:g}" rx="9"
 fill="{_THEME.background_color.hex}" stroke="#3d444d"/>
{dots}
<text x="{width / 2:g}" y="{_BAR / 2 + 5:g}" text-anchor="middle">
<tspan fill="{_FAINT}">{escape(title)}</tspan></text>
<g transform="translate({_MARGIN} {_BAR + _MARGIN / 2:g})" clip-path="url(#c)">
{content}
</g>
</svg>
"""


def _rows(lines: Sequence[Line]) -> str:
    console = Console(width=COLUMNS, color_system="truecolor", file=io.StringIO())
    return "".join(
        f'<text y="{(number + 1) * _CELL_HEIGHT - 5}">{row}</text>\n'
        for number, line in enumerate(lines)
        if (row := "".join(_spans(console, line.text)))
    )


def _spans(console: Console, text: Text) -> Iterator[str]:
    """Runs of one style, each at its own column: so columns stand whatever the typeface."""
    column = 0
    for segment in text.render(console):
        width = segment.cell_length
        words = segment.text.rstrip("\n")
        if words.strip():
            indent = len(words) - len(words.lstrip())
            word = words.strip()
            place = (column + indent) * _CELL_WIDTH
            yield (
                f'<tspan x="{place:g}" textLength="{len(word) * _CELL_WIDTH:g}" '
                f'lengthAdjust="spacingAndGlyphs"{_look(segment.style)}>{escape(word, quote=False)}</tspan>'
            )
        column += width


def _look(style: Style | None) -> str:
    if style is None:
        return ""
    colour = ""
    if style.dim:
        colour = _FAINT
    elif style.color is not None and style.color.type is not ColorType.DEFAULT:
        colour = style.color.get_truecolor(_THEME).hex
    return (' class="b"' if style.bold else "") + (f' fill="{colour}"' if colour else "")


def main() -> int:
    """Record, and write the pictures; the exit code."""
    lines, code = record([sys.executable, "-m", "reseal.cli", *COMMAND.split()[1:]])
    if code:
        print("\n".join(line.text.plain for line in lines), file=sys.stderr)
        return code
    prompt = Line(0, Text.assemble(("$ ", "green"), (COMMAND, "bold")))
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "demo.svg").write_text(still([prompt, *lines], COMMAND))
    (PICTURES / "demo-moving.svg").write_text(moving([prompt, *lines], COMMAND))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
