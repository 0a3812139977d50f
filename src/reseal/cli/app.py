"""The tree of commands, and how a command ends."""

from __future__ import annotations

import inspect
import os
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from cyclopts import App, CycloptsError
from rich.console import Console

from reseal.cli.output import show_error
from reseal.kernel.errors import ResealError

OUR_FAULT, NOT_DONE, BAD_USAGE = 1, 2, 64


def _version() -> str:
    import importlib.metadata  # brings the email package along, which no other start of the command needs

    return importlib.metadata.version("reseal")


app = App(
    name="reseal",
    help="Windows Autopilot pre-provisioned deployment, self-hosted.",
    help_epilogue=(
        "Start with:  reseal up --data ./data\n"
        "Then:        reseal apply examples/contoso --ready-file ./data/ready.json"
    ),
    help_format="plaintext",
    version=_version,
    error_console=Console(stderr=True),
)
_tenant = App(name="tenant", help="Organisations on this server.")
_events = App(name="events", help="The log of everything that happened.")
_registration = App(name="registration", help="Devices that are registered: what each will meet, and why.")
_device = App(name="device", help="Virtual laptops, and the people who stand before them.")
_groups = (_tenant, _registration, _events, _device)
for _group in _groups:
    app.command(_group)

_commands = "reseal.cli.commands"
app.command(f"{_commands}.up:up", name="up", help="Start the server.")
app.command(f"{_commands}.apply:apply", name="apply", help="Make a tenant what a file or directory says.")
app.command(f"{_commands}.export:export", name="export", help="Write a tenant as files that apply reads.")
app.command(
    f"{_commands}.import_devices:import_devices", name="import", help="Register the devices of a CSV."
)
app.command(
    f"{_commands}.preflight:preflight",
    name="preflight",
    help="Say what will fail before a device is switched on.",
)
app.command(
    f"{_commands}.rehearse:rehearse",
    name="rehearse",
    help="Play the deployment of virtual devices, and say what will fail.",
)
app.command(f"{_commands}.demo:demo", name="demo", help="Play a whole deployment and read it back.")
app.command(f"{_commands}.doctor:doctor", name="doctor", help="Check an installation, and say what to mend.")
_tenant.command(f"{_commands}.tenant:new", name="new", help="Make an organisation of its own.")
_events.command(f"{_commands}.events:verify", name="verify", help="Recompute the log's chain of digests.")
_registration.command(f"{_commands}.registration:list_", name="list", help="List what is registered.")
_registration.command(
    f"{_commands}.registration:show", name="show", help="Say what a device will meet, and why."
)
_registration.command(
    f"{_commands}.registration:edit", name="edit", help="Change its group tag or its assigned user."
)
_device.command(f"{_commands}.device_new:new", name="new", help="Make a virtual laptop in a directory.")
_device.command(f"{_commands}.device_csv:csv", name="csv", help="Write the list that registers laptops.")
_device.command(
    f"{_commands}.device_technician:technician",
    name="technician",
    help="Switch a laptop on as a technician: to green, and reseal.",
)
_device.command(
    f"{_commands}.device_user:user",
    name="user",
    help="Switch a laptop on as its user: to the desktop.",
)
_device.command(
    f"{_commands}.device_screen:screen", name="screen", help="Operate a laptop by hand: its page, or --text."
)
_device.command(f"{_commands}.device_show:show", name="show", help="Say what is on a laptop.")


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code."""
    _tell_more_of_one(arguments)
    try:
        result: Any = app(
            list(arguments), exit_on_error=False, print_error=True, result_action="return_value"
        )
    except CycloptsError:
        return BAD_USAGE
    except ResealError as error:
        show_error(error)
        return OUR_FAULT if error.status >= 500 else NOT_DONE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return result if isinstance(result, int) else 0


def _tell_more_of_one(arguments: Sequence[str]) -> None:
    """A list of commands shows their short help; the help of one command is what its function says."""
    command = app
    for word in arguments:
        if word.startswith("-") or word not in command:
            break
        command = command[word]
    if command not in (app, *_groups):
        told, _, rest = inspect.cleandoc(command.default_command.__doc__ or "").partition("\nExamples\n")
        examples = rest.partition("\nParameters\n")[0].strip("-\n")
        paragraphs = told.partition("\nParameters\n")[0].split("\n\n")
        command.help = "\n\n".join(" ".join(lines.split()) for lines in paragraphs)
        command.help_epilogue = f"Examples:\n{textwrap.indent(examples, '  ')}"
