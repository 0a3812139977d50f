"""Settings of a server: one TOML file, `RESEAL_*` variables, and what the command line says; the same names
in all.

The command line goes before variables, variables before the file, the file before the defaults. Values are
checked once, here; a key that is not known is an error that names the nearest known one. Every error names
the file or the variable it came from.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec

from reseal.kernel.errors import Detail, Invalid
from reseal.kernel.secrecy import mask_text

PREFIX = "RESEAL_"
COMMAND_VARIABLES = frozenset({"RESEAL_CONFIG", "RESEAL_SERVER", "RESEAL_CA", "RESEAL_CREDENTIALS"})
"""Variables of the commands, which are no settings of a server; `RESEAL_TEST_*` belongs to the test-suite."""
_TEST_PREFIX = "RESEAL_TEST_"


class ListenAddress(str):
    """`HOST:PORT` with an address or name; port 0 means a free one is chosen and then kept. `[::1]:0` for
    IPv6.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> ListenAddress:
        host, separator, port = text.rpartition(":")
        if not separator or not host or not port.isdecimal() or int(port) > 65535:
            raise ValueError("write HOST:PORT, for example 127.0.0.1:8443")
        if ":" in host and not (host.startswith("[") and host.endswith("]")):
            raise ValueError("put an IPv6 address in brackets, for example [::1]:8443")
        return super().__new__(cls, text)

    @property
    def host(self) -> str:
        """The address or name, without brackets."""
        return self.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port; 0 for any free one."""
        return int(self.rpartition(":")[2])


class Origin(str):
    """`https://HOST[:PORT]` without path: how others reach a listener."""

    __slots__ = ()

    def __new__(cls, text: str) -> Origin:
        parts = urlsplit(text)
        if parts.scheme != "https" or not parts.hostname or parts.username or parts.query or parts.fragment:
            raise ValueError("write https://HOST or https://HOST:PORT")
        if parts.path.strip("/"):
            raise ValueError("leave the path away: write https://HOST or https://HOST:PORT")
        parts.port  # noqa: B018 - raises ValueError for a port that is none
        return super().__new__(cls, text.rstrip("/").lower())


class DnsName(str):
    """A DNS name, kept in lower case."""

    __slots__ = ()

    def __new__(cls, text: str) -> DnsName:
        name = text.lower().removesuffix(".")
        if len(name) > 253 or not re.fullmatch(r"(?!-)[a-z0-9-]{1,63}(?:\.(?!-)[a-z0-9-]{1,63})*", name):
            raise ValueError("write a DNS name, for example mdm.contoso.example")
        return super().__new__(cls, name)


class AddressRange(str):
    """An IP address or a network like 10.0.0.0/8."""

    __slots__ = ()

    def __new__(cls, text: str) -> AddressRange:
        return super().__new__(cls, ip_network(text))

    def covers(self, address: str) -> bool:
        """Whether an IP address lies in the range."""
        return ip_address(address) in ip_network(self)


class DatabaseUrl(str):
    """Where the database is: `sqlite:///FILE` or `postgresql://...`."""

    __slots__ = ()

    def __new__(cls, text: str) -> DatabaseUrl:
        if not text.startswith(("sqlite:///", "postgresql://")):
            raise ValueError("write sqlite:///FILE or postgresql://USER@HOST/DATABASE")
        return super().__new__(cls, text)


LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "text"]

_LOOPBACK = ListenAddress("127.0.0.1:0")
_SAMPLE_DOMAIN = DnsName("contoso.example")

Positive = Annotated[int, msgspec.Meta(ge=1)]
Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can set. Each field's text says what it is for, and its unit."""

    data_directory: Path
    """Where the server keeps what it must not lose; locked by the one process that uses it."""

    browser_listen: ListenAddress = _LOOPBACK
    """Where browsers and the APIs connect; no client certificate is asked for there."""

    device_listen: ListenAddress = _LOOPBACK
    """Where devices connect; a client certificate is accepted there."""

    public_url: Origin | None = None
    """How browsers reach the server, if not by the listening address (a proxy, a DNS name)."""

    device_url: Origin | None = None
    """How devices reach the server, if not by the listening address."""

    server_names: tuple[DnsName, ...] = ()
    """Further DNS names under which the server answers and gets a certificate."""

    lab_ca: bool = False
    """Allow names of Microsoft's hosts among the names of this server, for a lab whose
    clients have them built in. They get certificates of a lab authority of their own: never trust its root
    on a machine that people use.
    """

    certificate_file: Path | None = None
    """A certificate of your own for both listeners, with its chain, in PEM; otherwise the
    server makes itself an authority and a certificate.
    """

    certificate_key_file: Path | None = None
    """The private key of that certificate, readable by its owner alone."""

    certificate_root_file: Path | None = None
    """What clients trust to believe that certificate, in PEM; otherwise what this machine trusts."""

    trusted_proxies: tuple[AddressRange, ...] = ()
    """Addresses of proxies that end TLS: the client
    certificates (Client-Cert, RFC 9440) and addresses (X-Forwarded-For) that they tell are believed, nobody
    else's.
    """

    database_url: DatabaseUrl | None = None
    """postgresql://... or sqlite:///FILE; otherwise reseal.db in the data directory."""

    database_connections: Positive = 8
    """How many connections to PostgreSQL this process may hold."""

    blob_dir: Path | None = None
    """Where the contents of apps and uploads are kept; otherwise blobs in the data directory."""

    key_file: Path | None = None
    """The key that encrypts stored secrets; put it outside the data directory,
    so that a copy of that one is not enough. Otherwise a key in the data directory.
    """

    tenant_name: str = "Contoso"
    """Name of the tenant that the first start creates."""

    tenant_domain: DnsName = _SAMPLE_DOMAIN
    """Default domain of the tenant that the first start creates."""

    sync_compatibility: bool = False
    """Refuse a synchronisation within 10 minutes of the last one, as
    Microsoft's service does. Nothing waits for synchronisations here; this is for tools that count on the
    refusal.
    """

    import_record_days: Days = 30
    """How many days the verdicts of a device import stay readable; counts for imports from then on."""

    max_upload_bytes: Positive = 8 * 1024**3
    """The longest content of an app that may be uploaded, in bytes (8 GiB)."""

    worker_threads: Positive = 4
    """How many threads hash passwords and read files."""

    drain_seconds: Positive = 20
    """How long requests under way may go on after the server was told to stop."""

    ready_file: Path | None = None
    """Written when the server answers: its URLs, CA file, tenant and process id, for scripts."""

    log_level: LogLevel = "info"
    """From which level on the log is written: debug, info, warning or error."""

    log_format: LogFormat = "auto"
    """json, text, or auto: text on a terminal, JSON lines elsewhere."""

    @property
    def database(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_directory / 'reseal.db'}"

    @property
    def blobs(self) -> Path:
        """The directory of contents, with the default filled in."""
        return self.blob_dir or self.data_directory / "blobs"

    @property
    def import_records_kept(self) -> timedelta:
        """How long the verdicts of a device import stay readable."""
        return timedelta(days=self.import_record_days)


_TYPES: Mapping[str, Any] = get_type_hints(Settings, include_extras=True)
_REQUIRED = tuple(field.name for field in fields(Settings) if field.default is MISSING)
_OPTIONS = {"data_directory": "--data", "server_names": "--server-name"}
_LISTS = frozenset(name for name, kind in _TYPES.items() if get_origin(kind) is tuple)
_PATHS = frozenset(name for name, kind in _TYPES.items() if Path in (kind, *get_args(kind)))


@dataclass(frozen=True, slots=True)
class _Given:
    """A value with the place it came from. `text`: from a variable, where everything is text."""

    value: object
    where: str
    text: bool = False


def load_settings(
    config_file: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object] | None = None
) -> Settings:
    """The settings from a file, `RESEAL_*` variables and the command line.

    `overrides` are the command line's values by name; None means not given. Relative paths in the file are
    relative to the file. In variables, lists are separated by commas or spaces. Raises `Invalid`
    (`SettingsInvalid`) with one detail for everything that is wrong.
    """
    problems: list[Detail] = []
    given = _from_file(config_file, problems) if config_file else {}
    given |= _from_variables(environ, problems)
    given |= {
        name: _Given(value, _option(name)) for name, value in (overrides or {}).items() if value is not None
    }
    values = {name: _convert(name, each, problems) for name, each in given.items()}
    for name in _REQUIRED:
        if name not in given:
            remedy = f"Give {_option(name)}, {_variable(name)}, or {name} in the configuration file."
            problems.append(Detail(name, "is not set", remedy))
    if problems:
        raise _invalid(problems)
    return Settings(**values)


def _from_file(file: Path, problems: list[Detail]) -> dict[str, _Given]:
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problem = Detail(str(file), f"cannot be read as TOML ({error})", "Correct the file, or name another.")
        raise _invalid([problem]) from error
    given = {}
    for name, value in table.items():
        where = f"{file}, {name}"
        if name not in _TYPES:
            problems.append(_unknown(where, name, str))
        elif name in _PATHS and isinstance(value, str):
            given[name] = _Given(str(file.parent / value), where)
        else:
            given[name] = _Given(value, where)
    return given


def _from_variables(environ: Mapping[str, str], problems: list[Detail]) -> dict[str, _Given]:
    given = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable.startswith(_TEST_PREFIX):
            continue
        if variable in COMMAND_VARIABLES:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in _TYPES and variable == _variable(name):
            given[name] = _Given(environ[variable], variable, text=True)
        else:
            problems.append(_unknown(variable, name, _variable))
    return given


def _convert(name: str, given: _Given, problems: list[Detail]) -> Any:
    value = given.value
    if given.text and name in _LISTS:
        value = [part for part in re.split(r"[,\s]+", str(value)) if part]
    try:
        return msgspec.convert(value, _TYPES[name], strict=not given.text, dec_hook=_parse)
    except msgspec.ValidationError as error:
        problems.append(Detail(given.where, f"cannot be {mask_text(repr(value))}: {error}"))
        return None


def _parse(kind: Any, value: object) -> object:
    """A checked value from its text; what it raises, msgspec reports."""
    if isinstance(value, kind):
        return value
    if not isinstance(value, str):
        raise ValueError("write it as text")
    return kind(value)


def _unknown(where: str, name: str, spell: Callable[[str], str]) -> Detail:
    (nearest,) = difflib.get_close_matches(name.lower(), _TYPES, n=1, cutoff=0.0)
    return Detail(where, "is not a setting", f"Did you mean {spell(nearest)}?")


def _option(name: str) -> str:
    return _OPTIONS.get(name, f"--{name.replace('_', '-')}")


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _invalid(problems: list[Detail]) -> Invalid:
    found = "; ".join(f"{each.where} {each.message}" for each in problems)
    return Invalid(
        code="SettingsInvalid",
        message=f"The settings cannot be used: {found}.",
        remedy=" ".join(dict.fromkeys(each.remedy for each in problems if each.remedy)),
        details=problems,
    )
