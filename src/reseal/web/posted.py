"""What a browser sends with a form: texts, choices, files.

Both forms of bodies are read, `application/x-www-form-urlencoded` and `multipart/form-data`, as they arrive
and no further than the route allows. Texts come before files in our forms, so whoever takes a file can look
at the canary first (`before_files`), and a large file goes straight to where it is kept (`keep`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from reseal.kernel.errors import Invalid, TooLarge
from reseal.web.calls import Call
from reseal.web.phrases import say
from reseal.web.routes import KIB, MIB

FORM_LIMIT: Final = 256 * KIB
"""Bytes of a form without files."""

_MOST_FIELDS: Final = 2_000
_MOST_TEXT: Final = 1 * MIB
_MULTIPART: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class File:
    """A file that was chosen. `content` is empty if the route keeps it elsewhere; then `sha256` names it."""

    name: str
    size: int
    content: bytes = field(default=b"", repr=False)
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """The fields of a form, each with all its values in the order in which they stand, and the files."""

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: Mapping[str, File] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A field's last value without blanks around it; empty if it was not sent."""
        return self.texts(name)[-1].strip() if self.texts(name) else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """All values of a field."""
        return self.fields.get(name, ())

    def has(self, name: str) -> bool:
        """Whether a box is ticked, or a button was pressed."""
        return bool(self.texts(name))


Keep: TypeAlias = Callable[[AsyncIterator[bytes]], Awaitable[tuple[str, int]]]
"""Keeps the bytes of a file elsewhere; its SHA-256 and size."""


async def read_posted(
    call: Call, *, before_files: Callable[[Posted], None] | None = None, keep: Keep | None = None
) -> Posted:
    """The form in the body. `before_files` is called with the texts before any file is taken.

    Raises `Invalid` (`BadForm`) for what is no form, `TooLarge`.
    """
    kind, options = parse_options_header(call.request.headers.get("content-type", ""))
    if kind.decode("latin-1").lower() == _MULTIPART and (boundary := options.get(b"boundary")):
        return await _Reading(call, boundary, before_files, keep).read()
    pairs = _pairs(await call.body())
    posted = Posted(_grouped(pairs))
    if before_files is not None:
        before_files(posted)
    return posted


def _pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise _bad() from None


def _grouped(pairs: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        fields[name] = (*fields.get(name, ()), value.replace("\r\n", "\n"))
    return fields


def _bad() -> Invalid:
    return Invalid(
        code="BadForm",
        message=say("This is not the form of a page."),
        remedy=say("Load the page again."),
    )


# --- multipart ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Begin:
    name: str
    file_name: str | None


@dataclass(frozen=True, slots=True)
class _End:
    pass


_Event: TypeAlias = "_Begin | bytes | _End"


class _Events:
    """The parser's calls as a queue of events."""

    def __init__(self, boundary: bytes) -> None:
        self.queue: deque[_Event] = deque()
        self.over = False
        self._header, self._value = b"", b""
        self._begin = _Begin("", None)
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part,
                "on_header_field": self._add_to_header,
                "on_header_value": self._add_to_value,
                "on_header_end": self._headed,
                "on_headers_finished": lambda: self.queue.append(self._begin),
                "on_part_data": lambda data, start, end: self.queue.append(data[start:end]),
                "on_part_end": lambda: self.queue.append(_End()),
                "on_end": self._finish,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """More of the body."""
        try:
            self._parser.write(chunk)
        except MultipartParseError:
            raise _bad() from None

    def _part(self) -> None:
        self._begin = _Begin("", None)

    def _add_to_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _headed(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            name, file_name = options.get(b"name", b""), options.get(b"filename")
            self._begin = _Begin(
                name.decode("utf-8", "replace"),
                None if file_name is None else _bare(file_name.decode("utf-8", "replace")),
            )
        self._header, self._value = b"", b""

    def _finish(self) -> None:
        self.over = True


def _bare(file_name: str) -> str:
    """Some browsers used to send the path along."""
    return file_name.replace("\\", "/").rpartition("/")[2]


class _Reading:
    """Reads one multipart body."""

    def __init__(
        self, call: Call, boundary: bytes, before_files: Callable[[Posted], None] | None, keep: Keep | None
    ) -> None:
        self._stream = call.stream()
        self._events = _Events(boundary)
        self._before_files = before_files
        self._keep = keep

    async def read(self) -> Posted:
        pairs: list[tuple[str, str]] = []
        files: dict[str, File] = {}
        while (event := await self._next()) is not None:
            if not isinstance(event, _Begin) or len(pairs) + len(files) >= _MOST_FIELDS:
                raise _bad()
            if event.file_name is None:
                pairs.append((event.name, await self._text()))
                continue
            self._look(pairs)
            files[event.name] = await self._file(event.file_name)
        self._look(pairs)
        return Posted(_grouped(pairs), {name: file for name, file in files.items() if file.name})

    def _look(self, pairs: list[tuple[str, str]]) -> None:
        if self._before_files is not None:
            look, self._before_files = self._before_files, None
            look(Posted(_grouped(pairs)))

    async def _text(self) -> str:
        text = b""
        async for data in self._content():
            text += data
            if len(text) > _MOST_TEXT:
                raise TooLarge(
                    code="FieldTooLarge",
                    message=say(
                        "A field of the form holds more than {limit} bytes.", limit=f"{_MOST_TEXT:,}"
                    ),
                    remedy=say("Write less."),
                )
        return text.decode("utf-8", "replace")

    async def _file(self, name: str) -> File:
        content = self._content()
        if self._keep is not None and name:
            sha256, size = await self._keep(content)
            return File(name, size, sha256=sha256)
        held = b"".join([data async for data in content])
        return File(name, len(held), held)

    async def _content(self) -> AsyncIterator[bytes]:
        """The data of the part that has begun."""
        while isinstance(data := await self._next(), bytes):
            yield data
        if data is None:
            raise _bad()

    async def _next(self) -> _Event | None:
        """The next event; None at the end of the body."""
        while not self._events.queue:
            chunk = await anext(self._stream, None)
            if chunk is None:
                if not self._events.over:
                    raise _bad()
                return None
            if chunk:
                self._events.feed(chunk)
        return self._events.queue.popleft()
