"""Finding a server, proving who asks, and asking.

A server is named by its ready file, or by URL, CA file and credentials file, each an option or a variable
(design: contract for scripts). The token comes from the server's own token endpoint. Devices have no
credentials: for them `reach` finds the device listener.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from cryptography import x509
from cyclopts import Parameter

from reseal.kernel.errors import Detail, Invalid, ResealError, Unavailable

_CHUNK = 1024 * 1024
_PAGE = 200
_LONGEST_LINE = 64 * 1024 * 1024
"""Bytes; the warnings of the largest file that can be imported stand in one line."""
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=600)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Server:
    """Which server, and as whom.

    Parameters
    ----------
    ready_file
        The file that `reseal up` writes; it names everything else.
    server
        The server's browser URL.
    ca
        The certificate authority to trust, in PEM.
    credentials
        The file with the client to act as.
    """

    ready_file: Annotated[Path | None, Parameter(env_var="RESEAL_READY_FILE")] = None
    server: Annotated[str | None, Parameter(env_var="RESEAL_SERVER")] = None
    ca: Annotated[Path | None, Parameter(env_var="RESEAL_CA")] = None
    credentials: Annotated[Path | None, Parameter(env_var="RESEAL_CREDENTIALS")] = None


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ServerOfDevices:
    """Which server a device is to meet.

    Parameters
    ----------
    ready_file
        The file that `reseal up` writes; it names everything else.
    server
        The server's browser URL; where devices go is asked there.
    ca
        The certificate authority that the device trusts, in PEM.
    """

    ready_file: Annotated[Path | None, Parameter(env_var="RESEAL_READY_FILE")] = None
    server: Annotated[str | None, Parameter(env_var="RESEAL_SERVER")] = None
    ca: Annotated[Path | None, Parameter(env_var="RESEAL_CA")] = None


@dataclass(frozen=True, slots=True)
class DeviceListener:
    """Where devices meet a server, and the roots that they trust."""

    url: str
    anchors: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class _Target:
    url: str
    ca: Path
    credentials: Path


def _target(server: Server) -> _Target:
    """The server's URL and files; single options win over the ready file."""
    ready: dict[str, Any] = _read_json(server.ready_file, "ready file") if server.ready_file else {}
    url = server.server or ready.get("browser_url")
    ca = server.ca or ready.get("ca_file")
    credentials = server.credentials or ready.get("credentials_file")
    if not (url and ca and credentials):
        raise _which_server("--server, --ca and --credentials")
    return _Target(str(url).rstrip("/"), Path(ca), Path(credentials))


def _which_server(options: str) -> Invalid:
    return Invalid(
        code="WhichServer",
        message="It is not said which server to speak to.",
        remedy=f"Give --ready-file FILE (reseal up writes it to DATA/ready.json), or {options}.",
    )


def _read_json(path: Path, what: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise Invalid(
            code="NoSuchFile",
            message=f"The {what} {path} does not exist.",
            remedy="Is the server running? Start it with reseal up.",
        ) from None
    except (OSError, ValueError) as error:
        raise Invalid(code="UnreadableFile", message=f"The {what} {path} cannot be read: {error}.") from error
    return document


class Remote(ResealError):
    """An error that the server answered, with its own words."""

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        details = [
            Detail(**{name: str(item.get(name, "")) for name in ("where", "message", "remedy", "code")})
            for item in error.get("details", ())
        ]
        super().__init__(
            code=str(error.get("code", status)),
            message=str(error.get("message", f"The server answered {status}.")),
            remedy=str(error.get("remedy", "")),
            details=details,
        )
        self.status = status


class Connection:
    """An authenticated connection to one server's API."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str, tenant_domain: str) -> None:
        self.tenant_domain = tenant_domain
        """Which organisation the credentials belong to, for names of files."""
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    @asynccontextmanager
    async def request(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, **body: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request to `/api/v1` + path (`json=` or `data=` for a body). Raises the server's error."""
        url = f"{self._url}/api/v1{path}"
        with _reported(self._url):
            response = await self._session.request(method, url, params=query, headers=self._headers, **body)
            if response.status >= 400:
                raise await _remote(response)
        async with response:
            yield response

    async def json(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, **body: Any
    ) -> Any:
        """The JSON document that one request answers, None for 204."""
        async with self.request(method, path, query=query, **body) as response:
            with _reported(self._url):
                return None if response.status == 204 else await response.json()

    async def items(self, path: str, query: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
        """Everything that is on a list, page by page."""
        asked = {**query, "top": str(_PAGE)}
        while asked:
            page = await self.json("GET", path, query=asked)
            for one in page["value"]:
                yield one
            asked = dict(parse_qsl(urlsplit(page.get("nextLink", "")).query, keep_blank_values=True))

    async def chunks(self, path: str) -> AsyncIterator[bytes]:
        """The bytes that are at a path, as they arrive."""
        async with self.request("GET", path) as response:
            while True:
                with _reported(self._url):
                    chunk = await response.content.read(_CHUNK)
                if not chunk:
                    return
                yield chunk

    async def lines(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, **body: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """The documents of an NDJSON answer, as they arrive. Raises the error if a line is one."""
        async with self.request(method, path, query=query, **body) as response:
            async for line in _lines(response.content, self._url):
                document = json.loads(line)
                if "error" in document:
                    raise Remote(500, document["error"])
                yield document


async def _lines(content: aiohttp.StreamReader, url: str) -> AsyncIterator[bytes]:
    """The lines of an answer, as they arrive; aiohttp's own are of 128 KiB at most."""
    begun: list[bytes] = []
    length = 0
    while True:
        with _reported(url):
            chunk = await content.readany()
        if not chunk:
            break
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            yield b"".join([*begun, end])
            begun, length = [], 0
        begun.append(rest)
        length += len(rest)
        if length > _LONGEST_LINE:
            raise Unavailable(
                code="AnswerTooLong",
                message=f"The server {url} answered a line of more than {_LONGEST_LINE} bytes.",
                remedy="What it acknowledged before is kept. Is it a server of this version?",
            )
    if last := b"".join(begun):
        yield last


@asynccontextmanager
async def connect(server: Server) -> AsyncIterator[Connection]:
    """A connection to the server that the options name."""
    target = _target(server)
    credentials = _read_json(target.credentials, "credentials file")
    async with _session(target.ca) as session:
        with _reported(target.url):
            token = await _token(session, target.url, credentials)
        yield Connection(session, target.url, token, str(credentials.get("tenant_domain", "tenant")))


async def reach(server: ServerOfDevices) -> DeviceListener:
    """The device listener of the server that the options name."""
    ready: dict[str, Any] = _read_json(server.ready_file, "ready file") if server.ready_file else {}
    ca = server.ca or ready.get("ca_file")
    if not ca or not (server.server or ready.get("device_url")):
        raise _which_server("--server and --ca")
    url = await _device_url(server.server, Path(ca)) if server.server else str(ready["device_url"])
    return DeviceListener(url.rstrip("/"), _anchors(Path(ca)))


async def _device_url(browser_url: str, ca: Path) -> str:
    """Where the server says that devices meet it."""
    url = browser_url.rstrip("/")
    async with _session(ca) as session:
        with _reported(url):
            response = await session.get(f"{url}/.well-known/reseal", allow_redirects=False)
            if response.status != 200:
                raise await _remote(response)
            told = await response.json(content_type=None)
    if not isinstance(told, dict) or not isinstance(told.get("device_url"), str):
        raise Unavailable(
            code="NotReseal", message=f"What answers at {url} does not say where devices meet it."
        )
    return str(told["device_url"])


def _anchors(ca: Path) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(ca.read_bytes()))
    except (OSError, ValueError) as error:
        raise _bad_ca_file(ca, error) from error


def _bad_ca_file(ca: Path, error: Exception) -> Invalid:
    return Invalid(code="BadCaFile", message=f"The CA file {ca} cannot be used: {error}.")


@asynccontextmanager
async def _session(ca: Path) -> AsyncIterator[aiohttp.ClientSession]:
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise _bad_ca_file(ca, error) from error
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session:
        yield session


async def _token(session: aiohttp.ClientSession, url: str, credentials: Mapping[str, Any]) -> str:
    try:
        tenant, client = credentials["tenant_id"], credentials["client"]
        form = {
            "grant_type": "client_credentials",
            "client_id": client["id"],
            "client_secret": client["secret"],
        }
    except (KeyError, TypeError) as error:
        raise Invalid(code="BadCredentialsFile", message=f"The credentials file lacks {error}.") from error
    async with session.post(f"{url}/{tenant}/oauth2/v2.0/token", data=form) as response:
        if response.status != 200:
            raise await _remote(response)
        return str((await response.json())["access_token"])


async def _remote(response: aiohttp.ClientResponse) -> Remote:
    try:
        document = await response.json(content_type=None)
        error = document["error"]
    except (ValueError, KeyError, TypeError):
        return Remote(response.status, {})
    if isinstance(error, str):  # the OAuth endpoints have a form of their own
        return Remote(response.status, {"code": error, "message": document.get("error_description", "")})
    return Remote(response.status, error)


@contextmanager
def _reported(url: str) -> Iterator[None]:
    """Turns what goes wrong on the way into a sentence."""
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        raise Unavailable(
            code="UntrustedServer",
            message=f"The certificate of {url} is not trusted: {error.certificate_error}.",
            remedy="Give the server's own CA with --ca, or its ready file.",
        ) from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Unavailable(
            code="ServerUnreachable",
            message=f"The server {url} did not answer: {str(error) or type(error).__name__}.",
            remedy="Is it running? What it acknowledged before is kept.",
        ) from error
