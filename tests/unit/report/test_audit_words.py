"""Every kind of event has words: what the code records, and what pages say of it."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import pytest

import reseal
from reseal.deployment.story import is_told
from reseal.kernel.events import JsonValue
from reseal.report.audit import TOPICS, _actor, _line, known_kinds

_TOPICS = "|".join(each for _, topics in TOPICS.values() for each in topics)
_KIND = re.compile(rf'"((?:{_TOPICS})\.[a-z_]+)"')
_OTHERS = {
    "assignment.changed",
    "assignment.device_user_changed",
    "assignment.effective_devices_changed",
    "assignment.effective_sets_changed",
    "autopilot.import_expiry",
    "autopilot.import_work",
    "autopilot.profile_changed",
    "autopilot.profiles",
    "autopilot.registration_changed",
    "autopilot.registrations_removed",
    "autopilot.users",
    "esp.apps",
    "esp.budget",
    "group.objectid",
    "hardware.json",
    "profile.file_ignored",
    "tenant.domains",
    "tenant.id",
    "tenant.yaml",
}
"""Names of changes, jobs, deadlines, files and attributes."""


def _recorded() -> set[str]:
    """What looks like a kind of event in what the server is made of."""
    source = Path(reseal.__file__).parent
    apart = {"device", "cli", "rehearsal"}  # those write no log of a server's
    files = [file for file in source.rglob("*.py") if file.relative_to(source).parts[0] not in apart]
    return {kind for file in files for kind in _KIND.findall(file.read_text())}


def test_every_kind_that_is_recorded_has_words() -> None:
    endings = (".id", ".tenant_id", ".html", ".css")
    kinds = {kind for kind in _recorded() - _OTHERS if not kind.endswith(endings)}
    assert {kind for kind in kinds if kind not in known_kinds() and not is_told(kind)} == set()


@pytest.mark.parametrize(
    "payload, said",
    [
        ({"groupTag": {"from": "", "to": "sales"}}, "Group tag: nothing → sales"),
        ({"count": 3, "registrations": ["7d0a8c7e-3e6f-4d1c-9a53-2f1f8f1d7f10"]}, "Count: 3"),
        ({"id": "7d0a8c7e-3e6f-4d1c-9a53-2f1f8f1d7f10", "role": "Global Reader"}, "Role: Global Reader"),
        ({"code": "0x80180014", "message": "One time only."}, "One time only (0x80180014)"),
        ({}, ""),
    ],
)
def test_what_changed_is_said_without_ids(payload: dict[str, JsonValue], said: str) -> None:
    assert _line("registration.changed", payload).more == said


def test_nobody_is_called_by_an_id() -> None:
    key = UUID("7d0a8c7e-3e6f-4d1c-9a53-2f1f8f1d7f10")
    assert _actor(f"user:{key}", {key: "adele@contoso.example"}) == "adele@contoso.example"
    assert _actor(f"user:{key}", {}) == "a former user"
    assert _actor(f"device:{key}", {}) == "the device"
    assert _actor("system", {}) == "the server"
    assert _actor("Administrator", {}) == "Administrator"


def test_an_unknown_kind_is_said_in_its_own_words() -> None:
    assert _line("moon.landed_on", {}).text == "Moon landed on."
