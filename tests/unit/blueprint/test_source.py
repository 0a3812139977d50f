"""Reading YAML: values, places, content files, and what is refused with file and line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from reseal.blueprint.source import MAXIMUM_NODES, Source, read_source
from reseal.kernel.errors import Detail, Invalid

SAMPLE = Path(__file__).parents[3] / "examples" / "contoso"


def written(directory: Path, text: str, name: str = "tenant.yaml") -> Path:
    """A YAML file with this text."""
    path = directory / name
    path.write_text(text, "utf-8")
    return path


def refused(path: Path) -> list[Detail]:
    with pytest.raises(Invalid) as caught:
        read_source(path)
    assert caught.value.remedy
    assert all(detail.remedy for detail in caught.value.details)
    return list(caught.value.details)


def line_of(source: Source, path: str) -> int | None:
    place = source.places.of(path)
    return place.line if place else None


def test_the_sample_reads_and_every_content_is_named_by_its_digest() -> None:
    source = read_source(SAMPLE)
    package = SAMPLE / "apps" / "agent.msi"
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    assert source.document["apps"][0]["file"] == {
        "sha256": digest,
        "size": package.stat().st_size,
        "fileName": "agent.msi",
    }
    assert source.contents[digest] == package


def test_values_stand_where_they_were_written(tmp_path: Path) -> None:
    text = "reseal: 1\ngroups:\n  - name: A\n  - {name: B,\n     rule: x}\n"
    source = read_source(written(tmp_path, text))
    assert line_of(source, "$.groups[1].rule") == 5
    assert str(source.places.of("$.groups[0].name")) == f"{tmp_path / 'tenant.yaml'}:3:11"


def test_a_value_that_is_not_written_has_the_place_of_what_it_would_stand_in(tmp_path: Path) -> None:
    source = read_source(written(tmp_path, "reseal: 1\ngroups:\n  - name: A\n"))
    assert line_of(source, "$.groups[0].rule") == 3
    assert line_of(source, "$.groups[7].assign[0].group") == 3
    assert line_of(source, "$.users") == 1
    assert source.places.of('group "A"') is None


def test_problems_are_told_with_the_place_in_the_file(tmp_path: Path) -> None:
    source = read_source(written(tmp_path, "reseal: 1\ngroups:\n  - name: A\n"))
    (located,) = source.places.locate([Detail("$.groups[0].name", "is odd.", "Change it.", "Odd")])
    assert located.where == f"{tmp_path / 'tenant.yaml'}:3:11 ($.groups[0].name)"
    assert (located.message, located.remedy, located.code) == ("is odd.", "Change it.", "Odd")


def test_a_directory_is_read_in_the_order_of_names_and_lists_are_joined(tmp_path: Path) -> None:
    written(tmp_path, "users: [{upn: b}]\n", "20-more.yml")
    written(tmp_path, "reseal: 1\nusers:\n  - {upn: a}\n", "10-first.yaml")
    written(tmp_path, "not: [yaml", "notes.txt")
    source = read_source(tmp_path)
    assert source.document == {"reseal": 1, "users": [{"upn": "a"}, {"upn": "b"}]}
    assert str(source.places.of("$.users[1].upn")).endswith("20-more.yml:1:15")


def test_two_files_may_not_say_different_things_of_one(tmp_path: Path) -> None:
    written(tmp_path, "reseal: 1\nsettings: {joinAllowed: all}\n", "a.yaml")
    written(tmp_path, "settings: {joinAllowed: none}\n", "b.yaml")
    (problem,) = refused(tmp_path)
    assert "b.yaml:1:1" in problem.where
    assert "a.yaml:2:11" in problem.message


@pytest.mark.parametrize(
    "text, line, words",
    [
        ("reseal: 1\nusers:\n\t- upn: a\n", 3, "tab"),
        ("reseal: 1\nusers: [\n", 3, "expected"),
        ("reseal: 1\nreseal: 1\n", 2, "stands twice"),
        ("reseal: 1\ngroups:\n  - name: A\n    name: B\n", 4, "stands twice"),
        ("reseal: 1\n1: 2\n", 2, "not a plain text"),
        ("reseal: 1\nusers: [{upn: a, <<: {b: c}}]\n", 2, "not a plain text"),
        ("reseal: 1.5\n", 1, "float"),
        ("reseal: 1\nvalue: 13:45\n", 2, "int"),
        ("reseal: 1\nvalue: 010\n", 2, "int"),
        ("reseal: 1\nvalue: !!python/object:os.system x\n", 2, "python"),
        ("- reseal\n", 1, "mapping"),
        ("", 1, "mapping"),
        ("a: 1\n---\nb: 2\n", 2, "document"),
    ],
)
def test_what_is_no_document_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    path = written(tmp_path, text)
    first, *_ = refused(path)
    assert first.where.startswith(str(path))
    assert first.where == str(path) or first.where.startswith(f"{path}:{line}:")
    assert words in first.message


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    written(tmp_path, "reseal: 1\nreseal: 2\nvalue: 1.5\n", "a.yaml")
    written(tmp_path, "apps: [{name: A, file: a.msi}]\n\n", "b.yaml")
    assert len(refused(tmp_path)) == 3


def test_texts_that_look_like_something_else_stay_texts_in_quotes(tmp_path: Path) -> None:
    text = "reseal: 1\na: '13:45'\nb: \"no\"\nc: 2026-01-01\nd: no\ne: ~\n"
    document = read_source(written(tmp_path, text)).document
    assert document == {"reseal": 1, "a": "13:45", "b": "no", "c": "2026-01-01", "d": False, "e": None}


def test_a_file_that_is_missing_is_told_where_it_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "reseal: 1\napps:\n  - name: A\n    file: apps/a.msi\n")
    (problem,) = refused(path)
    assert problem.where == f"{path}:4:11"
    assert "apps/a.msi" in problem.message


def test_a_file_outside_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    (tmp_path / "tenant").mkdir()
    path = written(tmp_path / "tenant", "reseal: 1\nwifi: [{name: A, file: ../secret}]\n")
    (problem,) = refused(path)
    assert "outside" in problem.message


def test_a_link_out_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    (tmp_path / "tenant").mkdir()
    (tmp_path / "tenant" / "a.xml").symlink_to(tmp_path / "secret")
    path = written(tmp_path / "tenant", "reseal: 1\nwifi: [{name: A, file: a.xml}]\n")
    (problem,) = refused(path)
    assert "outside" in problem.message


def test_aliases_of_aliases_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (problem,) = refused(written(tmp_path, "\n".join(rows)))
    assert f"{MAXIMUM_NODES:,}" in problem.message


@pytest.mark.parametrize(
    "text", ["a: &a [*a]\n", "a: " + "[" * 40 + "]" * 40, "a: " + "[" * 9000 + "]" * 9000]
)
def test_bottomless_documents_are_refused(tmp_path: Path, text: str) -> None:
    (problem,) = refused(written(tmp_path, text))
    assert "levels" in problem.message


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "missing.yaml")[0].message
    (tmp_path / "latin.yaml").write_bytes("name: M\u00fcller".encode("latin-1"))
    assert "UTF-8" in refused(tmp_path / "latin.yaml")[0].message


def test_a_directory_without_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"no \.yaml file"):
        read_source(tmp_path)
