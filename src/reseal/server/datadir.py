"""The data directory: one process holds it at a time, and everything in it is readable by its owner alone."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from reseal.kernel.entropy import Entropy
from reseal.kernel.errors import Conflict, Invalid
from reseal.kernel.files import write_file
from reseal.kernel.locks import DirectoryLock, Held
from reseal.kernel.secretbox import KEY_BYTES


class DataDirectory:
    """Holds the directory's lock from `with` to its end; names the files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = DirectoryLock(path)

    @property
    def tls(self) -> Path:
        """Certificates and keys of the listeners."""
        return self.path / "tls"

    @property
    def credentials(self) -> Path:
        """The administrator and the automation client of the first start."""
        return self.path / "credentials.json"

    def __enter__(self) -> Self:
        """Make the directory if need be and lock it. Raises `Conflict` naming the process that holds it."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Held as held:
            raise Conflict(
                code="DataDirectoryInUse",
                message=f"The data directory {self.path} is used by the process {held.holder}.",
                remedy="Stop that process, or start this one with another --data directory.",
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def secret_keys(self, key_file: Path | None, entropy: Entropy) -> list[bytes]:
        """The keys of the secret box: those of the configured file (one in hex per line, the first encrypts),
        else one of our own in the directory, made at the first start.
        """
        if key_file is not None:
            return _read_keys(key_file)
        own = self.path / "secret.key"
        if not own.exists():
            write_file(own, entropy.bytes(KEY_BYTES).hex().encode() + b"\n")
        return _read_keys(own)

    def chosen_port(self, listener: str) -> int:
        """The port that this directory's listener had the last time, or 0."""
        try:
            return int(json.loads((self.path / "ports.json").read_text())[listener])
        except (FileNotFoundError, KeyError):
            return 0

    def keep_ports(self, ports: dict[str, int]) -> None:
        """Remember the ports, so that URLs that were handed out stay true."""
        write_json(self.path / "ports.json", ports)


def _read_keys(path: Path) -> list[bytes]:
    try:
        keys = [bytes.fromhex(line) for line in path.read_text().split()]
    except (OSError, ValueError) as error:
        raise _bad_key_file(path, str(error)) from error
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise _bad_key_file(path, f"it must hold keys of {KEY_BYTES} bytes")
    return keys


def _bad_key_file(path: Path, why: str) -> Invalid:
    return Invalid(
        code="BadKeyFile",
        message=f"The key file {path} cannot be used: {why}.",
        remedy=f"Give a file with one key a line, each {KEY_BYTES * 2} hexadecimal digits.",
    )


def write_json(path: Path, document: Any) -> None:
    """A JSON document that people can read, for the owner only, whole or not at all."""
    write_file(path, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
