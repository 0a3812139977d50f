"""How a session begins: its id, and the first package (spec/mdm-wire.md 3.6, 3.9)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from reseal.device.csp.tree import Tree
from reseal.device.dm.session import Opening
from reseal.device.installer import News
from reseal.device.quirks import Quirk
from reseal.wire.csp import DevDetail, DevInfo, LocURI
from reseal.wire.syncml import (
    Alert,
    AlertCode,
    AlertType,
    Command,
    Format,
    Item,
    LoginStatus,
    Replace,
    typed_alert,
)

_FEW: Final = 3
"""With how many SessionIDs Quirk.SESSION_IDS_RETURN gets along."""
_UNKNOWN_TYPE: Final = "com.contoso/MDM/NobodyKnows"
_IN_SET_UP: Final = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Why a session is held, and who is there."""

    number: int
    """Of this enrolment's sessions, from 1."""
    code: AlertCode = AlertCode.CLIENT_INITIATED_MANAGEMENT
    login: LoginStatus
    token: str | None = field(default=None, repr=False)
    bootstrap: bool = False
    news: Sequence[News] = ()
    leaving: bool = False
    """It is the last one: the enrolment ends."""


def opening(tree: Tree, address: str, occasion: Occasion) -> Opening:
    """The beginning of a session with the server at `address`."""
    silent = occasion.number == 1 and Quirk.NO_LOGIN_STATUS in tree.quirks
    alerts = [] if silent else list(_alerts(occasion, tree.quirks))
    is_split = Quirk.SPLIT_PACKAGE in tree.quirks and bool(alerts)
    return Opening(
        session_id=session_id(occasion.number, tree.quirks),
        address=address,
        source=_source(tree),
        commands=(*alerts, _facts(tree)),
        split_after=len(alerts) if is_split else None,
    )


def session_id(number: int, quirks: frozenset[Quirk]) -> str:
    """The SessionID of the session of this number; never that of the one before."""
    first = 0 if Quirk.SESSION_ZERO in quirks else 1
    count = number - 1
    return str(first + (count % _FEW if Quirk.SESSION_IDS_RETURN in quirks else count))


def _alerts(occasion: Occasion, quirks: frozenset[Quirk]) -> Iterator[Command]:
    yield Alert(code=occasion.code)
    yield typed_alert(AlertCode.CLIENT_EVENT, AlertType.LOGIN_STATUS, occasion.login)
    if occasion.leaving:
        unenrolled = AlertType.UNENROLLMENT
        yield typed_alert(AlertCode.GENERIC_ALERT, unenrolled, "1", data_format=Format.INT)
        return
    if occasion.token is not None:
        yield typed_alert(AlertCode.CLIENT_EVENT, AlertType.USER_TOKEN, occasion.token)
    if occasion.bootstrap:
        yield typed_alert(AlertCode.CLIENT_EVENT, AlertType.BOOTSTRAP_SYNC, _IN_SET_UP)
    for news in occasion.news:
        yield typed_alert(
            AlertCode.CLIENT_EVENT,
            AlertType.MSI_INSTALLED,
            str(news.result),
            source=news.target,
            data_format=Format.INT,
        )
    if Quirk.UNKNOWN_ALERT in quirks:
        yield typed_alert(AlertCode.CLIENT_EVENT, _UNKNOWN_TYPE, "1")  # type: ignore[arg-type]


def _facts(tree: Tree) -> Replace:
    known = ((uri, tree.read(LocURI.parse(uri))) for uri in DevInfo)
    return Replace(items=tuple(Item(source=uri, data=text or "") for uri, text in known))


def _source(tree: Tree) -> str:
    says = DevDetail.DEVICE_NAME if Quirk.SOURCE_IS_NAME in tree.quirks else DevInfo.DEV_ID
    return tree.read(LocURI.parse(says)) or ""
