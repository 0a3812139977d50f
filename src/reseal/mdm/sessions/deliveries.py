"""Deliveries: what an item has to be sent, and what the device's answers make of it. Pure.

    PENDING --sent--> SENT --all nodes 200--> DONE        a node is added; 418: it is replaced
       ^                |------any other----> FAILED
       |                |--405 in ./User----> HELD         waits for the next session of its user
       |                '--202, an app------> RUNNING --read or told--> DONE | FAILED
       '------------------------ 404 to Status: the Exec was never carried out ---'

An app is Add and Exec of its DownloadInstall. An Exec is not repeatable: when its answer is lost, Status is
read first. An installation that stands still, or that Windows parked, is begun again up to `MOST_ATTEMPTS`
times, then the item fails, visibly (spec/mdm-wire.md 4.5, 5.4; `patience` says what stands still).

`progress` keeps the last code per node (0: sent, not answered); below `STATUS` the status of an app, below
`REFUSED` how many sessions in a row answered 405, below `FAULTS` how often a deletion failed. A node that
shall go away stands in `leftovers`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from reseal.catalog.model import Kind
from reseal.managed.delivery import scope_of
from reseal.managed.model import MACHINE, Item, ItemState
from reseal.mdm.sessions.handling import HANDLING, Handling
from reseal.mdm.sessions.patience import STATUS, stands_still
from reseal.mdm.sessions.purposes import Answer, Planned, Purpose, What
from reseal.wire.csp import (
    CspError,
    LocURI,
    Msi,
    MsiInstallJob,
    MsiStatus,
    NodeValue,
    install_commands,
)
from reseal.wire.syncml import StatusCode, delete, get

Key = tuple[int, str, int]
Node = tuple[str, NodeValue]
"""An address as it is written, and what shall stand there."""

REFUSED: Final = "refused"
FAULTS: Final = "faults"
_COUNTERS: Final = frozenset({STATUS, REFUSED, FAULTS})

MOST_ATTEMPTS: Final = 4
"""An installation is begun once, and again at most three times."""
MOST_REFUSALS: Final = 10
"""Sessions in a row that may answer 405 to a user's node although its user is logged in."""
MOST_FAULTS: Final = 3
"""Sessions that may fail to delete a node."""

STOOD_STILL: Final = 0x8007_05B4
"""HRESULT of a time-out: what an installation fails with that stood still too often."""

_UNDER_WAY: Final = frozenset({ItemState.PENDING, ItemState.SENT, ItemState.RUNNING})
"""States in which there may be something to send for what shall come."""
_RUNS: Final = frozenset({StatusCode.ACCEPTED_FOR_PROCESSING})
_NOT_DONE: Final = frozenset({StatusCode.NOT_EXECUTED, StatusCode.ATOMIC_ROLLED_BACK})
"""Nothing happened, through no fault of the command: it is sent again in the next session."""


@dataclass(frozen=True, slots=True)
class Sender:
    """What is needed to make commands; what was not loaded, or is gone from the catalogue, is missing."""

    nodes: Mapping[Key, Sequence[Node]]
    """What policies, certificates and networks consist of, by the key of the item."""
    jobs: Mapping[int, MsiInstallJob]
    """How apps are installed, by the key of the catalogue's item."""
    waiting: Collection[Purpose] = frozenset()
    """What is with the device and not answered."""
    asked: Collection[Purpose] = frozenset()
    """What was asked in this session already and need not be asked again."""
    handling: Handling = HANDLING


# --- what to send -------------------------------------------------------------------------------------------


def needs_body(item: Item, handling: Handling = HANDLING) -> bool:
    """Whether the item's commands can only be made from its body."""
    if item.kind is Kind.APP:
        sent = item.exec_sent and handling.reads_before_exec
        return item.state in {ItemState.PENDING, ItemState.SENT} and not sent
    return item.state in _UNDER_WAY


def commands_for(item: Item, sender: Sender) -> Iterator[Planned]:
    """What the device has to be sent for one item now, in its order; nothing if it has to be waited for.

    An item whose body is gone from the catalogue gets nothing: the next refresh removes it.
    """
    for planned in (*_deletions(item), *_installation(item, sender)):
        if planned.purpose not in sender.waiting and planned.purpose not in sender.asked:
            yield planned


def _installation(item: Item, sender: Sender) -> Iterator[Planned]:
    if item.state not in _UNDER_WAY:
        return
    if item.kind is Kind.APP:
        yield from _app(item, sender)
    else:
        yield from _settings(item, sender)


def _settings(item: Item, sender: Sender) -> Iterator[Planned]:
    """A policy, certificate or network: each node that is not there yet."""
    for uri, node in sender.nodes.get(item.key, ()):
        match item.progress.get(uri, 0):
            case StatusCode.ALREADY_EXISTS:
                yield Planned(node.replace(), _of(item, What.REPLACE, uri))
            case StatusCode.ACCEPTED_FOR_PROCESSING:
                yield Planned(get(uri), _of(item, What.VERIFY, uri))
            case 0:
                yield Planned(node.add(), _of(item, What.ADD, uri))
            case _:
                pass


def _app(item: Item, sender: Sender) -> Iterator[Planned]:
    job = sender.jobs.get(item.item_id)
    reads = item.exec_sent and sender.handling.reads_before_exec
    if item.state is ItemState.RUNNING or reads:
        base = _base_of(item)
        if base is not None:
            yield Planned(get(str(Msi.STATUS.at(base))), _of(item, What.STATUS))
            yield Planned(get(str(Msi.LAST_ERROR.at(base))), _of(item, What.LAST_ERROR))
    elif job is not None:
        added, started = install_commands(job, scope_of(item.user))
        yield Planned(added, _of(item, What.JOB, added.target))
        yield Planned(started, _of(item, What.START, started.target))


def _deletions(item: Item) -> Iterator[Planned]:
    for uri in item.leftovers:
        yield Planned(delete(uri), _of(item, What.DELETE, uri))


def _base_of(item: Item) -> LocURI | None:
    """The node of an app's package, from what was sent."""
    for uri in item.progress:
        if uri not in _COUNTERS:
            sent = LocURI.parse(uri)
            return replace(sent, names=sent.names[:-1])
    return None


def _of(item: Item, what: What, node: str = "") -> Purpose:
    user, kind, key = item.key
    return Purpose(what, user, kind, key, node)


# --- what was sent ------------------------------------------------------------------------------------------


def sent(item: Item, purposes: Iterable[Purpose], now: datetime) -> Item:
    """The item after commands of these purposes went out for it."""
    progress = dict(item.progress)
    changed = item
    for purpose in purposes:
        match purpose.what:
            case What.ADD | What.JOB:
                progress.setdefault(purpose.node, 0)
            case What.START:
                progress[purpose.node] = 0
                progress.pop(STATUS, None)
                changed = replace(changed, exec_sent=True, attempt=item.attempt + 1, changed_at=now)
            case _:
                continue
        if changed.state in {ItemState.PENDING, ItemState.HELD}:
            changed = _into(changed, ItemState.SENT, now)
        if item.kind is not Kind.APP and item.state is ItemState.PENDING:
            changed = replace(changed, attempt=item.attempt + 1)
    return replace(changed, progress=progress) if progress != item.progress else changed


# --- what came of it ----------------------------------------------------------------------------------------


def answered(
    item: Item,
    answers: Sequence[Answer],
    now: datetime,
    nodes: Sequence[Node] | None,
    handling: Handling = HANDLING,
    others: Collection[Item] = (),
) -> Item:
    """The item after these answers, all of them about it. `nodes` are what it consists of, if that is known:
    it is done when all of them are there. `others` are all deliveries to the same device.
    """
    for answer in answers:
        if answer.purpose.what is What.DELETE:
            item = _deleted(item, answer, now)
    if item.state is ItemState.REMOVING:
        return item
    if item.kind is Kind.APP:
        return _app_answered(item, answers, now, handling, others)
    for answer in answers:
        item = _node_answered(item, answer, now, handling)
    return _settled(item, nodes, now)


def finished_removal(item: Item) -> bool:
    """Whether nothing is left of what was to be removed, so that the item can be forgotten."""
    return item.state is ItemState.REMOVING and not item.leftovers


def _deleted(item: Item, answer: Answer, now: datetime) -> Item:
    """A node is gone, or could not be deleted so often that it is given up."""
    faults = item.progress.get(FAULTS, 0)
    is_gone = answer.good or answer.code == StatusCode.NOT_FOUND
    if not is_gone and (answer.code in _NOT_DONE or faults + 1 < MOST_FAULTS):
        return replace(item, progress={**item.progress, FAULTS: faults + 1}, changed_at=now)
    left = tuple(uri for uri in item.leftovers if uri != answer.purpose.node)
    return replace(item, leftovers=left, changed_at=now)


def _node_answered(item: Item, answer: Answer, now: datetime, handling: Handling) -> Item:
    node, code = answer.purpose.node, answer.code
    match answer.purpose.what:
        case What.VERIFY:
            arrived = answer.good and code not in _RUNS
            return _noted(item, node, StatusCode.OK, now) if arrived else item
        case What.ADD | What.REPLACE:
            pass
        case _:
            return item
    if code in _NOT_DONE:
        return item
    if code == StatusCode.COMMAND_NOT_ALLOWED and item.user != MACHINE and handling.holds_user_nodes:
        return _refused(item, node, code, now)
    exists = code == StatusCode.ALREADY_EXISTS and answer.purpose.what is What.ADD
    item = _noted(item, node, code, now)
    if answer.good or (exists and handling.replaces_existing):
        return item
    return _failed(item, code, now)


def _settled(item: Item, nodes: Sequence[Node] | None, now: datetime) -> Item:
    """Whether the item as a whole is done, or still runs."""
    if item.state in {ItemState.DONE, ItemState.FAILED, ItemState.HELD} or nodes is None:
        return item
    codes = [item.progress.get(uri, 0) for uri, _ in nodes]
    if all(_is_there(code) for code in codes):
        return _into(replace(item, error=None), ItemState.DONE, now)
    if all(_is_there(code) or code in _RUNS for code in codes):
        return _into(item, ItemState.RUNNING, now)
    return item


def _is_there(code: int) -> bool:
    return 0 < code < 300 and code not in _RUNS


def _refused(item: Item, node: str, code: int, now: datetime) -> Item:
    """405 to a user's node: not yet, for a while (spec/mdm-wire.md 4.4, 4.6)."""
    progress = {uri: known for uri, known in item.progress.items() if uri != node}
    if item.state is ItemState.HELD:  # another node of the same item, in the same answer
        return replace(item, progress=progress)
    refusals = item.progress.get(REFUSED, 0) + 1
    if refusals >= MOST_REFUSALS:
        return _failed(item, code, now)
    return _into(
        replace(item, progress={**progress, REFUSED: refusals}, exec_sent=False), ItemState.HELD, now
    )


# --- apps


def _app_answered(
    item: Item, answers: Sequence[Answer], now: datetime, handling: Handling, others: Collection[Item]
) -> Item:
    by_kind = {answer.purpose.what: answer for answer in answers}
    if start := by_kind.get(What.START):
        item = _started(item, by_kind.get(What.JOB), start, now, handling)
    if status := by_kind.get(What.STATUS):
        last_error = by_kind.get(What.LAST_ERROR)
        error = _number(last_error)
        still = partial(stands_still, last_error=error, now=now, others=others)
        item = _read(item, status, error, now, still if handling.watches_installs else _never)
    return item


def _started(item: Item, job: Answer | None, start: Answer, now: datetime, handling: Handling) -> Item:
    """The Exec was answered. What the Add said matters only if the Exec failed for it."""
    if start.good:
        known = {**item.progress, start.purpose.node: start.code}
        known.pop(REFUSED, None)
        return _into(replace(item, progress=known, changed_at=now), ItemState.RUNNING, now)
    if start.code in _NOT_DONE:
        return _again(item, now)
    code = start.code
    if job is not None and not job.good and job.code != StatusCode.ALREADY_EXISTS:
        code = job.code
    if code == StatusCode.COMMAND_NOT_ALLOWED and item.user != MACHINE and handling.holds_user_nodes:
        return _refused(item, start.purpose.node, code, now)
    return _failed(_noted(item, start.purpose.node, code, now), code, now)


def _read(
    item: Item,
    answer: Answer,
    last_error: int | None,
    now: datetime,
    is_still: Callable[[Item, int], bool],
) -> Item:
    """Status was read: the job's, or there is none."""
    if answer.code == StatusCode.NOT_FOUND:
        return _again(item, now) if item.attempt < MOST_ATTEMPTS else _failed(item, answer.code, now)
    status = _number(answer)
    if status is None:
        return item
    moved = status != item.progress.get(STATUS)
    if moved:
        item = replace(item, progress={**item.progress, STATUS: status}, changed_at=now)
    if status == MsiStatus.DONE:
        return _into(replace(item, error=None), ItemState.DONE, now)
    if status in {MsiStatus.DOWNLOAD_FAILED, MsiStatus.INSTALL_FAILED}:
        return _failed(item, last_error or status, now)
    item = _into(item, ItemState.RUNNING, now)
    return _begun_again(item, last_error, now) if not moved and is_still(item, status) else item


def _never(_item: Item, _status: int) -> bool:
    return False


def _begun_again(item: Item, last_error: int | None, now: datetime) -> Item:
    if item.attempt >= MOST_ATTEMPTS:
        return _failed(item, last_error or STOOD_STILL, now)
    return _again(item, now)


def _again(item: Item, now: datetime) -> Item:
    """Add and Exec are to be sent once more; how often that was done stays known."""
    known = {uri: code for uri, code in item.progress.items() if uri in {REFUSED, FAULTS}}
    return _into(replace(item, exec_sent=False, progress=known, changed_at=now), ItemState.PENDING, now)


def was_not_done(answer: Answer) -> bool:
    """Whether a command was left out, through no fault of its own."""
    return answer.code in _NOT_DONE


# --- small steps


def _noted(item: Item, node: str, code: int, now: datetime) -> Item:
    if item.progress.get(node) == code:
        return item
    return replace(item, progress={**item.progress, node: code}, changed_at=now)


def _failed(item: Item, error: int, now: datetime) -> Item:
    return _into(replace(item, error=error & 0xFFFF_FFFF), ItemState.FAILED, now)


def _into(item: Item, state: ItemState, now: datetime) -> Item:
    return item if item.state is state else replace(item, state=state, since=now)


def _number(answer: Answer | None) -> int | None:
    if answer is None or not answer.good or answer.value is None:
        return None
    try:
        value = Msi.LAST_ERROR.read(answer.value)
    except CspError:
        return None
    return value if isinstance(value, int) else None


# --- who may be served --------------------------------------------------------------------------------------


def held(item: Item, now: datetime) -> Item:
    """The item waits for its user's session on the device; it spends no attempt."""
    return _into(item, ItemState.HELD, now) if item.state is ItemState.PENDING else item


def due_again(item: Item, now: datetime) -> Item:
    """Its user's session is there."""
    return _into(item, ItemState.PENDING, now) if item.state is ItemState.HELD else item
