"""What is made of messages that were heard between a laptop and its server."""

from __future__ import annotations

import base64
import json

import pytest

from reseal.cli.overhearing import Exchange, answers_to_release, people_of_tokens
from reseal.wire.syncml import (
    Command,
    Format,
    Item,
    Message,
    Meta,
    Replace,
    Status,
    SyncHdr,
    numbered,
    write_message,
)

PAGE = "/Vendor/MSFT/DMClient/Provider/Reseal/FirstSyncStatus/"
RELEASE = f"./User{PAGE}ServerHasFinishedProvisioning"


def _message(number: int, *commands: Command, session: str = "7") -> bytes:
    header = SyncHdr(session_id=session, msg_id=number, target="a", source="b")
    return write_message(Message(header=header, commands=tuple(numbered(commands))))


def _set(uri: str, text: str) -> Replace:
    return Replace(items=(Item(target=uri, meta=Meta(format=Format.BOOL), data=text),))


def _answer(code: int, message: int = 1, command: str = "1") -> Status:
    return Status(msg_ref=message, cmd_ref=command, cmd="Replace", code=code)


def _heard(asked: Replace, *answers: Command, session: str = "7") -> list[Exchange]:
    """A session in which the server sets one node."""
    first = Exchange(_message(1), _message(1, asked), "")
    return [first, Exchange(_message(2, *answers, session=session), _message(2), "")]


@pytest.mark.parametrize("code", [200, 405])
def test_the_answer_to_the_release_of_a_user_counts(code: int) -> None:
    assert answers_to_release(_heard(_set(RELEASE, "true"), _answer(code))) == [code]


@pytest.mark.parametrize(
    "asked",
    [
        _set(RELEASE, "false"),
        _set(RELEASE.replace("./User", "./Device"), "true"),
        _set(f"./User{PAGE}IsSyncDone", "true"),
    ],
    ids=["hold", "of the device", "another node"],
)
def test_no_other_answer_does(asked: Replace) -> None:
    assert answers_to_release(_heard(asked, _answer(200))) == []


def test_an_answer_belongs_to_its_command_message_and_session() -> None:
    release = _set(RELEASE, "true")
    assert answers_to_release(_heard(release, _answer(200, command="2"))) == []
    assert answers_to_release(_heard(release, _answer(200, message=2))) == []
    assert answers_to_release(_heard(release, _answer(200), session="8")) == []
    assert answers_to_release(_heard(release)) == []


def test_every_token_is_read_once() -> None:
    def token(upn: str) -> str:
        claims = base64.urlsafe_b64encode(json.dumps({"upn": upn}).encode()).decode().rstrip("=")
        return f"e30.{claims}.c2ln"

    heard = [Exchange(b"", b"", each) for each in ("", token("a@b"), token("a@b"), token("c@d"))]
    assert people_of_tokens(heard) == [{"upn": "a@b"}, {"upn": "c@d"}]
