"""What browsers send with forms, read as it arrives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from reseal.kernel.errors import Invalid
from reseal.web.posted import Posted, read_posted

BOUNDARY = "----boundary"


class Sent:
    """A call whose body arrives in pieces of a few bytes."""

    def __init__(self, kind: str, body: bytes, piece: int) -> None:
        self.request = self
        self.headers = {"content-type": kind}
        self._body = body
        self._piece = piece

    async def stream(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), self._piece):
            yield self._body[start : start + self._piece]

    async def body(self) -> bytes:
        return self._body


def multipart(*parts: tuple[str, bytes], piece: int = 7, end: str = "--\r\n") -> Any:
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in parts
    )
    return Sent(f"multipart/form-data; boundary={BOUNDARY}", body + f"--{BOUNDARY}{end}".encode(), piece)


async def test_a_plain_form_keeps_all_values_of_a_name_and_its_lines() -> None:
    call: Any = Sent("application/x-www-form-urlencoded", b"a=1&a=2&text=one%0D%0Atwo&empty=", 9)

    posted = await read_posted(call)

    assert posted.fields == {"a": ("1", "2"), "text": ("one\ntwo",), "empty": ("",)}
    assert (posted.text("a"), posted.text("missing"), posted.has("empty")) == ("2", "", True)


@pytest.mark.parametrize("piece", [1, 7, 10_000])
async def test_texts_and_files_are_told_apart_wherever_the_pieces_end(piece: int) -> None:
    content = bytes(range(256)) + b"\r\n--" + BOUNDARY.encode()[:-1]
    posted = await read_posted(
        multipart(
            ('name="ü"', "tür\r\nzu".encode()),
            ('name="file"; filename="C:\\folder\\devices.csv"', content),
            ('name="none"; filename=""', b""),
            piece=piece,
        )
    )

    assert posted.fields == {"ü": ("tür\nzu",)}
    assert list(posted.files) == ["file"]
    assert (posted.files["file"].name, posted.files["file"].content) == ("devices.csv", content)


async def test_texts_are_looked_at_before_a_file_is_taken() -> None:
    taken: list[bytes] = []

    async def keep(content: AsyncIterator[bytes]) -> tuple[str, int]:
        taken.append(b"".join([piece async for piece in content]))
        return "digest", len(taken[0])

    def refuse(posted: Posted) -> None:
        assert (posted.text("canary"), taken) == ("seal", [])
        raise Invalid(code="Stale", message="It is too old.")

    parts = ('name="canary"', b"seal"), ('name="file"; filename="a.msi"', b"content")
    with pytest.raises(Invalid, match="too old"):
        await read_posted(multipart(*parts), before_files=refuse, keep=keep)
    assert taken == []

    posted = await read_posted(multipart(*parts), keep=keep)
    assert (posted.files["file"].sha256, posted.files["file"].size, taken) == ("digest", 7, [b"content"])


@pytest.mark.parametrize("end", ["", "\r\n", "\r\nnonsense"])
async def test_a_body_that_is_cut_off_is_no_form(end: str) -> None:
    with pytest.raises(Invalid) as refused:
        await read_posted(multipart(('name="a"', b"1"), end=end))
    assert refused.value.code == "BadForm"
