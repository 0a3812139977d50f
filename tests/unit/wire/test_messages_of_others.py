"""Where the messages of others come from: each is in the table, and nobody changed it."""

import hashlib
import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "data" / "third_party"
LICENCES = re.compile(r".*_(LICENSE|NOTICE)")
ROW = re.compile(
    r"\| `(?P<file>[^`]+)` \| [^|]+ \| (?P<source>[^|]+) \| (?P<licence>[^|]+) \| (?P<digest>\S+) \|"
)


def rows() -> dict[str, re.Match[str]]:
    """The rows of the table, by file."""
    found = map(ROW.fullmatch, (FOLDER / "README.md").read_text().splitlines())
    return {row["file"]: row for row in found if row}


def files() -> dict[str, bytes]:
    """Every message there is."""
    paths = (path for path in FOLDER.rglob("*") if path.is_file() and path.name != "README.md")
    return {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in paths
        if not LICENCES.fullmatch(path.name)
    }


def test_every_message_is_in_the_table_and_every_row_has_its_message() -> None:
    assert sorted(rows()) == sorted(files())


def test_every_message_is_as_it_was_published() -> None:
    given = {file: row["digest"] for file, row in rows().items()}
    assert given == {file: hashlib.sha256(data).hexdigest() for file, data in files().items()}


def test_every_message_has_a_commit_and_a_licence_that_is_here() -> None:
    for file, row in rows().items():
        assert re.search(r"commit [0-9a-f]{40}\b", row["source"]), file
        named = re.search(r"`([^`]+)`", row["licence"])
        assert named, file
        assert (FOLDER / named[1]).is_file(), file
