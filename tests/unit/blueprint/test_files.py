"""Laying a document out as files that read back equal."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.blueprint.files import layout
from reseal.blueprint.source import read_source

SAMPLE = Path(__file__).parents[3] / "examples" / "contoso"


def content(data: bytes, name: str) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "fileName": name}


def written(document: dict[str, Any], contents: dict[str, bytes], directory: Path) -> Path:
    """The document in files."""
    found = layout(document)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "tenant.yaml").write_text(found.text, "utf-8")
    for name, digest in found.files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(contents[digest])
    return directory


def test_the_sample_reads_back_equal(tmp_path: Path) -> None:
    source = read_source(SAMPLE)
    contents = {digest: path.read_bytes() for digest, path in source.contents.items()}
    assert read_source(written(source.document, contents, tmp_path)).document == source.document


def test_files_stand_in_the_folder_of_their_section() -> None:
    files = layout({"apps": [{"name": "A", "file": content(b"a", "a.msi")}]}).files
    assert files == {"apps/a.msi": hashlib.sha256(b"a").hexdigest()}


def test_two_contents_of_one_name_keep_it(tmp_path: Path) -> None:
    document = {"apps": [{"file": content(b"1", "a.msi")}, {"file": content(b"2", "a.msi")}]}
    contents = {hashlib.sha256(data).hexdigest(): data for data in (b"1", b"2")}
    assert read_source(written(document, contents, tmp_path)).document == document


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", ".", "", ".bashrc"])
def test_no_name_leads_out_of_the_folder_or_hides(name: str) -> None:
    (path,) = layout({"apps": [{"file": content(b"a", name)}]}).files
    folder, file = path.split("/")
    assert folder == "apps"
    assert file.strip(".")
    assert not file.startswith(".")


def test_sections_are_apart_and_explained() -> None:
    text = layout({"reseal": 1, "groups": [{"name": "A", "members": ["adele"]}]}).text
    assert "\n\nreseal: 1\n\n# " in text
    assert "groups:\n  - name: A\n    members:\n      - adele\n" in text


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.lists(st.fixed_dictionaries({"name": TEXTS, "description": TEXTS}), min_size=1, max_size=3))
def test_any_text_reads_back_equal(tmp_path_factory: pytest.TempPathFactory, groups: list[Any]) -> None:
    document = {"reseal": 1, "groups": groups}
    directory = written(document, {}, tmp_path_factory.mktemp("layout"))
    assert read_source(directory).document == document
