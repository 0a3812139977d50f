"""Laying an exported document out as files: `tenant.yaml` in a readable form, and the contents beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import yaml

MAIN_FILE = "tenant.yaml"

_WIDTH = 110
_OTHER_LINE_BREAK = re.compile("[\x85\u2028\u2029]")
_FOLDERS = {"branding": "branding", "certificates": "certs", "wifi": "wifi", "apps": "apps"}
_COMMENTS = {
    "settings": "What is not written here stays as it is.",
    "branding": "How sign-in and setup look; `default` shows where a language says nothing.",
    "users": "A name without @ belongs to the default domain of the tenant that this is applied to.",
    "groups": "A rule decides who is in a group, or its members are listed.",
    "filters": "Filters narrow an assignment to some devices.",
    "profiles": "Deployment profiles. Of several that reach a device alike the oldest wins, the first here.",
    "enrollmentStatusPages": "The order is the priority: the first is 1, the highest. `default` has none.",
    "policies": "Settings by their node in the device's tree.",
    "certificates": "Certification authorities that devices trust.",
    "wifi": "Wireless networks, as `netsh wlan export profile key=clear` writes them. They may hold keys.",
    "apps": "Windows Installer packages.",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """The text of `tenant.yaml`, and the digest of the content that belongs into each file beside it."""

    text: str
    files: Mapping[str, str]


def layout(document: Mapping[str, Any]) -> Layout:
    """How an exported document is written; reading it back gives an equal document."""
    files: dict[str, str] = {}
    sections = {
        name: _with_paths(section, _FOLDERS.get(name, name), files) for name, section in document.items()
    }
    return Layout("\n".join(_texts(sections)), files)


def _with_paths(value: Any, folder: str, files: dict[str, str]) -> Any:
    """A value with the path of a file in place of each content."""
    match value:
        case {"sha256": str(digest), "fileName": str(name)}:
            path = _free_path(folder, name, digest, files)
            files[path] = digest
            return path
        case Mapping():
            return {name: _with_paths(item, folder, files) for name, item in value.items()}
        case list():
            return [_with_paths(item, folder, files) for item in value]
        case _:
            return value


def _free_path(folder: str, name: str, digest: str, files: Mapping[str, str]) -> str:
    """A path for a content; one whose name another content has goes into a folder of its own."""
    name = PurePosixPath(name).name.lstrip(".") or digest
    path = f"{folder}/{name}"
    return path if files.get(path, digest) == digest else f"{folder}/{digest[:12]}/{name}"


def _texts(sections: Mapping[str, Any]) -> Iterator[str]:
    yield "# Written by `reseal export`. Change it, and apply this directory with `reseal apply`.\n"
    for name, section in sections.items():
        comment = f"# {_COMMENTS[name]}\n" if name in _COMMENTS else ""
        yield comment + yaml.dump(
            {name: section},
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=_WIDTH,
            default_flow_style=False,
        )


class _Dumper(yaml.SafeDumper):
    """Writes lists indented, texts of several lines as blocks, and nothing by reference."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if _OTHER_LINE_BREAK.search(text):  # YAML would read them back as blanks
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
