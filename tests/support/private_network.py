"""A network of its own, in which the names of other people's hosts lead to this machine.

For clients that have host names built in: they are run unchanged, and nothing on the machine notices. Network
and mounts belong to threads; who is inside sees the private ones, and so does every process started from
there. Everything that takes part has to be started inside.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.system_parts import miss

_CLONE_FS, _CLONE_NEWNS, _CLONE_NEWNET = 0x00000200, 0x00020000, 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_KINDS = {"net": _CLONE_NEWNET, "mnt": _CLONE_NEWNS}

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class PrivateNetwork:
    """A network with nothing but the loopback interface, and the mounts that go with it; as open files."""

    namespaces: Mapping[str, int]

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread is in the network, and what it starts meanwhile stays there."""
        home = _namespaces()
        try:
            _enter(self.namespaces)
            yield
        finally:
            _enter(home)
            _close(home)


def whereabouts() -> str:
    """Where this thread is, for `follow` in another process; as long as the thread lives and stays there."""
    return f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns"


def follow(place: str) -> None:
    """Go where that thread is: this process was forked from one that is elsewhere, perhaps."""
    if any(not os.path.samefile(f"{place}/{kind}", f"/proc/self/ns/{kind}") for kind in _KINDS):
        there = _namespaces(place)
        _enter(there)
        _close(there)


@contextmanager
def private_network(folder: Path, names: Mapping[str, str]) -> Iterator[PrivateNetwork]:
    """A network where `names` (host name to loopback address) and `localhost` are all there is.

    Where the kernel or its owner does not allow that the test is skipped; with `CI=true` it fails.
    """
    hosts = folder / "hosts"
    lines = [f"{address} {name}\n" for name, address in {"localhost": "127.0.0.1", **names}.items()]
    hosts.write_text("".join(lines))
    made = _made(hosts)
    if made is None:
        miss("the right to a network and mounts of one's own (be root)", "mount")
    try:
        yield PrivateNetwork(made)
    finally:
        _close(made)


def _made(hosts: Path) -> dict[str, int] | None:
    """New namespaces, where names are looked up in `hosts`; None if that is not allowed."""
    home = _namespaces()
    try:
        _call("unshare", _CLONE_NEWNET | _CLONE_NEWNS)
    except OSError:
        _close(home)
        return None
    try:
        _mount("--make-rprivate", "/")
        _mount("--bind", hosts, "/etc/hosts")
        _raise_loopback()
        return _namespaces()
    except (OSError, subprocess.CalledProcessError):
        return None
    finally:
        _enter(home)
        _close(home)


def _namespaces(place: str = "/proc/thread-self/ns") -> dict[str, int]:
    """Those that this thread is in, or one elsewhere."""
    return {kind: os.open(f"{place}/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in _KINDS}


def _enter(namespaces: Mapping[str, int]) -> None:
    place = Path.cwd()
    _call("unshare", _CLONE_FS)  # a thread that shares its working directory cannot change its mounts
    for kind, file in namespaces.items():
        _call("setns", file, _KINDS[kind])
    os.chdir(place)


def _close(namespaces: Mapping[str, int]) -> None:
    for file in namespaces.values():
        os.close(file)


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], capture_output=True, check=True)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        _, flags = struct.unpack("16sh14x", asked)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
