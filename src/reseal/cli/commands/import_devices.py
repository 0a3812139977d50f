"""`reseal import`."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from reseal.cli.connection import Server, connect
from reseal.cli.output import people, print_line, results
from reseal.kernel.errors import Invalid

_DEFAULT_SERVER = Server()


async def import_devices(
    file: Path,
    /,
    *,
    server: Server = _DEFAULT_SERVER,
    strict: bool = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Register the devices of a CSV with hardware hashes.

    Each row gets a verdict: registered, with the profile and the Enrollment Status Page that it will meet and
    why, or refused, with the code and what to do. A row is registered for good once its verdict is printed;
    importing a file again is harmless. Exit code 2 if any row was refused.

    Examples
    --------
    reseal import devices.csv --ready-file data/ready.json
    reseal import devices.csv --json | grep ZtdDeviceAlreadyAssigned

    Parameters
    ----------
    file
        The CSV as Get-WindowsAutopilotInfo writes it.
    strict
        Accept only what Microsoft's portal accepts: ANSI, at most 500 rows.
    json
        Print one JSON document per row.
    """
    query = {"fileName": file.name, "strict": str(strict).lower()}
    async with connect(server) as connection:
        answers = connection.lines("POST", "/imports", query=query, data=io.BytesIO(_read(file)))
        refused = await _follow(answers, file.name, print_line if json else _show)
    return 2 if refused else 0


async def _follow(
    answers: AsyncIterator[dict[str, Any]], name: str, show: Callable[[dict[str, Any]], None]
) -> int:
    """Show each answer as it comes, with a progress bar; how many rows were refused."""
    refused = 0
    with _progress() as progress:
        task = progress.add_task(f"Importing {escape(name)}", total=None)
        async for answer in answers:
            show(answer)
            if "rows" in answer:
                progress.update(task, total=answer["rows"])
            if "line" in answer:
                progress.advance(task)
                refused += answer["code"] != 0
    return refused


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Invalid(
            code="UnreadableFile",
            message=f"{file} cannot be read: {error.strerror}.",
            remedy="Name the CSV file with the hardware hashes.",
        ) from error


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=people, transient=True, disable=not people.is_terminal)


def _show(answer: dict[str, Any]) -> None:
    """One document of the answer, for people."""
    if "rows" in answer:
        for warning in answer["warnings"]:
            people.print(f"[yellow]line {warning['line']}:[/] {escape(warning['message'])}")
    elif "done" in answer:
        people.print(f"{answer['done']['imported']} registered, {answer['done']['refused']} refused.")
    elif answer["code"]:
        name = f"line {answer['line']}: {answer['serial']}"
        results.print(f"[red]refused[/]    {escape(name)}: {answer['code']} {answer['name']}")
        results.print(f"           {escape(answer['message'])} {escape(answer['remedy'])}")
    else:
        results.print(f"[green]registered[/] line {answer['line']}: {escape(answer['serial'])}")
        results.print(f"           profile {_choice(answer, 'profile')}")
        results.print(f"           ESP {_choice(answer, 'esp')}")
        for warning in answer["warnings"]:
            results.print(f"           [yellow]{escape(warning)}[/]")


def _choice(answer: dict[str, Any], name: str) -> str:
    return escape(f"{answer[name] or 'none'}: {answer[f'{name}Reason']}")
