"""A device in a directory: what its disk promises, through kills, and who may switch it on."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from reseal.device import hardware
from reseal.device.disk import Disk, MemoryDisk
from reseal.device.folder import FolderDisk, encoded, look_at, make, switched_on
from reseal.device.journal import Journal, Product, read_journal
from reseal.kernel.errors import Conflict, NotFound, StorageFull
from reseal.kernel.locks import holder_of
from tests.unit.device.laptops import LAPTOP

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12) | st.sampled_from(
    [
        "windows/oobe",
        "windows",
        "windows%2Foobe",
        ".",
        "..",
        "../disk",
        ".x.tmp",
        "a b",
        "programs/{AB}@x@y.z",
    ]
)
contents = st.binary(max_size=40)


class LikeMemory(RuleBasedStateMachine):
    """A disk in a directory is a disk in memory, also for another process that opens it later."""

    def __init__(self) -> None:
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = FolderDisk(Path(self.temporary.name))
        self.memory = MemoryDisk()

    def both(self, do: Callable[[Disk], None]) -> None:
        do(self.folder)
        do(self.memory)

    @rule(name=names, content=contents)
    def replace(self, name: str, content: bytes) -> None:
        self.both(lambda disk: disk.replace(name, content))

    @rule(name=names, content=contents)
    def append(self, name: str, content: bytes) -> None:
        self.both(lambda disk: disk.append(name, content))

    @rule(name=names)
    def sync(self, name: str) -> None:
        self.both(lambda disk: disk.sync(name))

    @rule(name=names)
    def delete(self, name: str) -> None:
        self.both(lambda disk: disk.delete(name))

    @rule()
    def reopen(self) -> None:
        self.folder = FolderDisk(Path(self.temporary.name))
        self.folder.clean()

    @rule(prefix=names)
    def begins_with(self, prefix: str) -> None:
        assert self.folder.names(prefix[:1]) == self.memory.names(prefix[:1])

    @invariant()
    def the_same(self) -> None:
        known = self.memory.names()
        assert self.folder.names() == known
        assert [self.folder.read(name) for name in known] == [self.memory.read(name) for name in known]
        assert self.folder.read("never written") is None

    def teardown(self) -> None:
        self.temporary.cleanup()


LikeMemory.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestLikeMemory = LikeMemory.TestCase


@given(st.lists(names, min_size=2, max_size=2, unique=True))
def test_no_two_names_share_a_file(pair: list[str]) -> None:
    assert encoded(pair[0]) != encoded(pair[1])
    assert "/" not in encoded(pair[0])
    assert not encoded(pair[0]).startswith(".")


@pytest.mark.parametrize("name", ["", "x" * 201, "\N{SNOWMAN}" * 30])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be called"):
        encoded(name)


# --- through kills ------------------------------------------------------------------------------------------

_WRITES = """
import os, signal, sys
from pathlib import Path
from reseal.device.folder import FolderDisk

folder, flush, number = Path(sys.argv[1]), os.fsync, int(sys.argv[2])
left = number

def fsync(handle):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    flush(handle)

os.fsync = fsync
disk = FolderDisk(folder)
disk.replace("state", b"new" * 1000)
disk.append("journal", b"second\\n")
disk.sync("journal")
disk.delete("old")
"""


def _killed_at(folder: Path, flush: int) -> bool:
    ended = subprocess.run([sys.executable, "-c", _WRITES, str(folder), str(flush)], check=False)
    assert ended.returncode in {0, -signal.SIGKILL}
    return ended.returncode != 0


def test_a_kill_at_any_flush_leaves_whole_files(tmp_path: Path) -> None:
    seen = set()
    for flush in range(1, 10):
        folder = tmp_path / str(flush)
        folder.mkdir()
        before = FolderDisk(folder)
        before.replace("state", b"old" * 1000)
        before.append("journal", b"first\n")
        before.sync("journal")
        before.replace("old", b"x")
        killed = _killed_at(folder, flush)
        after = FolderDisk(folder)
        after.clean()
        state = (after.read("state"), after.read("journal"), after.read("old"))
        assert state[0] in {b"old" * 1000, b"new" * 1000}
        assert state[1] in {b"first\n", b"first\nsecond\n"}
        assert state[2] in {b"x", None}
        assert [file.name for file in folder.iterdir() if file.name.startswith(".")] == []
        seen.add(state)
        if not killed:
            break
    else:
        pytest.fail("it was killed each time")
    assert len(seen) == 4, "each write was seen done and undone"


def test_what_is_not_on_the_disk_in_time_is_not_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each promise is a flush of the file, and of the directory where a name is new or gone."""
    flushed: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(os.readlink(f"/proc/self/fd/{handle}")))
    disk, folder = FolderDisk(tmp_path), str(tmp_path)

    def flushes(write: Callable[[], None]) -> list[str]:
        flushed.clear()
        write()
        return ["folder" if each == folder else "file" for each in flushed]

    assert flushes(lambda: disk.replace("a", b"1")) == ["file", "folder"]
    assert flushes(lambda: disk.append("b", b"1")) == []
    assert flushes(lambda: disk.sync("b")) == ["file", "folder"]
    assert flushes(lambda: disk.append("b", b"2")) == []
    assert flushes(lambda: disk.sync("b")) == ["file"]
    assert flushes(lambda: disk.delete("b")) == ["folder"]
    assert flushes(lambda: disk.delete("b")) == []
    assert flushes(lambda: disk.sync("b")) == []
    assert flushes(lambda: FolderDisk(tmp_path).sync("a")) == ["file", "folder"]


def test_a_full_disk_leaves_appends_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, write = FolderDisk(tmp_path), os.write
    disk.append("journal", b"first\n")
    room = [4]

    def into_a_full_disk(handle: int, content: bytes) -> int:
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, content[: room.pop()])

    monkeypatch.setattr(os, "write", into_a_full_disk)
    with pytest.raises(StorageFull):
        disk.append("journal", b"second\n")
    assert disk.read("journal") == b"first\n"


def test_a_line_cut_in_two_does_not_spoil_the_next(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path)
    journal = Journal(disk)
    journal.begin(Product("{A}", "1"))
    journal.end(b"files")
    disk.append("journal", b'{"step":"begin","prod')
    again = Journal(disk)
    assert again.recover() is None
    again.begin(Product("{B}", "1"))
    assert [(entry.step, entry.product.code) for entry in read_journal(disk)] == [
        ("begin", "{A}"),
        ("end", "{A}"),
        ("begin", "{B}"),
    ]
    assert Journal(disk).recover() == Product("{B}", "1")


def test_writes_are_numbered_and_can_be_probed(tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []
    disk = FolderDisk(tmp_path, lambda moment, number: seen.append((moment, number)))
    disk.replace("a", b"")
    disk.append("a", b"x")
    assert seen == [("before", 1), ("after", 1), ("before", 2), ("after", 2)]
    assert disk.writes == 2


# --- whole devices ------------------------------------------------------------------------------------------


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """The directory of a device."""
    hardware.install(LAPTOP, make(tmp_path / "laptop"))
    return tmp_path / "laptop"


def test_everything_is_its_owners_alone(device: Path) -> None:
    with switched_on(device) as disk:
        disk.append("journal", b"x")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (device, *device.rglob("*"))}
    assert modes == {"laptop": 0o700, "disk": 0o700, "lock": 0o600, "hardware.json": 0o600, "journal": 0o600}


def test_a_device_is_switched_on_once(device: Path) -> None:
    with switched_on(device):
        assert holder_of(device) == os.getpid()
        assert hardware.installed(look_at(device)) == LAPTOP
        with pytest.raises(Conflict, match=f"process {os.getpid()}"), switched_on(device):
            pass
    assert holder_of(device) is None
    with switched_on(device) as disk:
        assert hardware.installed(disk) == LAPTOP


def test_whoever_died_holds_nothing(device: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (device / "lock").write_text(f"{dead.pid}\n")
    assert holder_of(device) is None
    with switched_on(device):
        pass


def test_leftovers_of_a_killed_process_are_removed(device: Path) -> None:
    (device / "disk" / ".journal.1.1.tmp").write_bytes(b"half")
    with switched_on(device) as disk:
        assert disk.names() == ["hardware.json"]
        assert not (device / "disk" / ".journal.1.1.tmp").exists()


def test_a_new_device_takes_an_empty_directory_only(device: Path, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="not empty"):
        make(device)
    (tmp_path / "empty").mkdir()
    assert make(tmp_path / "empty").names() == []


@pytest.mark.parametrize("path", ["nothing", ".", "half"])
def test_where_no_device_is_it_is_said_how_to_make_one(tmp_path: Path, path: str) -> None:
    make(tmp_path / "half")
    with pytest.raises(NotFound, match="reseal device new"):
        look_at(tmp_path / path)
