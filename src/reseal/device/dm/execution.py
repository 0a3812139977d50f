"""Carrying out the commands of a message, and what is answered to each (spec/mdm-wire.md 3.3, 3.7).

A command gets a Status; a Get that found something gets Results besides. A command of several items whose
ends differ gets a Status for each item. Of an Atomic either all is done or nothing: the outer Status is 507
then, that of what was undone 216, and what came after the failure is 215.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from reseal.device.csp.effects import Unenrol
from reseal.device.csp.tree import Read, Tree
from reseal.device.quirks import Quirk
from reseal.wire.csp import CspError, LocURI
from reseal.wire.syncml import (
    Add,
    Alert,
    Atomic,
    Command,
    Delete,
    Exec,
    Get,
    Item,
    Malformed,
    Meta,
    NodeCommand,
    Replace,
    Results,
    Sequence,
    Status,
    StatusCode,
    name_of,
    walk,
)


@dataclass(slots=True)
class Answers:
    """What a message is answered with, in the order of its commands."""

    msg_ref: int
    commands: list[Status | Results] = field(default_factory=list)

    def status(self, command: Command, code: int, item: Item | None = None) -> None:
        """Say how a command, or one item of it, ended."""
        self.commands.append(
            Status(
                msg_ref=self.msg_ref,
                cmd_ref=command.cmd_id,
                cmd=name_of(command),
                code=int(code),
                target_ref=item.target if item else "",
            )
        )


def execute(tree: Tree, msg_ref: int, commands: Iterable[Command]) -> Answers:
    """Carry out the commands of the server's message `msg_ref`. Stops where the enrolment ends."""
    answers = Answers(msg_ref)
    for command in commands:
        _run(tree, command, answers)
        if any(isinstance(effect, Unenrol) for effect in tree.effects):
            break
    return answers


def _run(tree: Tree, command: Command, answers: Answers) -> bool:
    """Carry out one command; whether all of it was done."""
    match command:
        case Status() | Results():
            return True
        case Alert():
            answers.status(command, StatusCode.OK)
            return True
        case Malformed():
            answers.status(command, StatusCode.BAD_REQUEST)
            return False
        case _ if not command.cmd_id:
            answers.status(command, StatusCode.BAD_REQUEST)
            return False
        case Atomic():
            return _run_atomic(tree, command, answers)
        case Sequence():
            answers.status(command, StatusCode.OK)
            ends = [_run(tree, inner, answers) for inner in command.commands]
            return all(ends)
        case Get():
            return _run_get(tree, command, answers)
        case _:
            return _run_on_nodes(tree, command, answers)


# --- single commands


def _run_on_nodes(tree: Tree, command: NodeCommand, answers: Answers) -> bool:
    ends = [(item, _act(tree, command, item)) for item in command.items]
    codes = {code for _, code in ends}
    if len(codes) == 1:
        answers.status(command, ends[0][1])
    elif not ends:
        answers.status(command, StatusCode.INCOMPLETE_COMMAND)
    else:
        for item, code in ends:
            answers.status(command, code, item)
    return bool(ends) and codes <= {StatusCode.OK, StatusCode.ACCEPTED_FOR_PROCESSING}


def _act(tree: Tree, command: NodeCommand, item: Item) -> StatusCode:
    try:
        uri = LocURI.parse(item.target)
    except CspError:
        return StatusCode.NOT_FOUND
    match command:
        case Add():
            return tree.add(uri, item.meta.format, item.text)
        case Replace():
            return tree.replace(uri, item.meta.format, item.text)
        case Delete():
            return tree.delete(uri)
        case Exec():
            return tree.execute(uri, item.target, item.text)
        case _:
            return StatusCode.OPTIONAL_FEATURE_NOT_SUPPORTED


def _run_get(tree: Tree, command: Get, answers: Answers) -> bool:
    found: list[Item] = []
    codes: list[StatusCode] = []
    for item in command.items:
        read = _read(tree, item.target)
        if isinstance(read, Read):
            meta = Meta(format=read.format, type="text/plain")
            found.append(Item(source=_source(tree, item.target), meta=meta, data=read.text))
            codes.append(StatusCode.OK)
        else:
            codes.append(read)
    if len(set(codes)) == 1:
        answers.status(command, codes[0])
    else:
        for item, code in zip(command.items, codes, strict=True):
            answers.status(command, code, item)
    if found:
        answers.commands.append(Results(msg_ref=answers.msg_ref, cmd_ref=command.cmd_id, items=tuple(found)))
    return bool(found)


def _read(tree: Tree, target: str) -> Read | StatusCode:
    try:
        return tree.get(LocURI.parse(target))
    except CspError:
        return StatusCode.NOT_FOUND


def _source(tree: Tree, target: str) -> str:
    """The address in Results: as it was asked, if the device has no other way."""
    if Quirk.ADDRESS_CASE not in tree.quirks:
        return target
    lower = target.lower()
    return "./" + lower.removeprefix("./device/") if lower.startswith("./device/") else lower


# --- Atomic


def _run_atomic(tree: Tree, atomic: Atomic, answers: Answers) -> bool:
    mark = tree.mark()
    inner = Answers(answers.msg_ref)
    failed_at = _first_failure(tree, atomic, inner)
    if failed_at is None:
        answers.status(atomic, StatusCode.OK)
        answers.commands += inner.commands
        return True
    tree.roll_back(mark)
    answers.status(atomic, StatusCode.ATOMIC_FAILED)
    undone = {command.cmd_id for command in walk(atomic.commands[:failed_at])}
    for answer in inner.commands:
        if isinstance(answer, Status):
            rolled_back = answer.cmd_ref in undone
            answers.commands.append(
                replace(answer, code=int(StatusCode.ATOMIC_ROLLED_BACK)) if rolled_back else answer
            )
    for command in walk(atomic.commands[failed_at + 1 :]):
        answers.status(command, StatusCode.NOT_EXECUTED)
    return False


def _first_failure(tree: Tree, atomic: Atomic, answers: Answers) -> int | None:
    """Carry the commands out up to the one that fails; its index."""
    added: set[str] = set()
    for index, command in enumerate(atomic.commands):
        if isinstance(command, Atomic | Get) or _sets_what_was_added(command, added):
            answers.status(command, StatusCode.COMMAND_FAILED)
            for inner in walk(command.commands if isinstance(command, Atomic) else ()):
                answers.status(inner, StatusCode.NOT_EXECUTED)
            return index
        if not _run(tree, command, answers):
            return index
        if isinstance(command, Add):
            added.update(_targets(command))
    return None


def _sets_what_was_added(command: Command, added: set[str]) -> bool:
    return isinstance(command, Replace) and any(target in added for target in _targets(command))


def _targets(command: NodeCommand) -> Iterator[str]:
    return (item.target.casefold().replace("./device/", "./", 1) for item in command.items)
