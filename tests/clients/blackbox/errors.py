"""The two ways in which a conversation with a server goes wrong."""

from __future__ import annotations


class Broken(Exception):
    """The server did what a specification says it must not do."""


class Refused(Exception):
    """The server said no; `code` is its own word for why."""

    def __init__(self, code: str, message: str = "", status: int = 0) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def demand(condition: object, sentence: str) -> None:
    """What the server must do; `sentence` says what it did instead."""
    if not condition:
        raise Broken(sentence)
