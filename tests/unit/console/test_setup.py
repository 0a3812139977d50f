"""The guided set-up: what is there, what is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reseal.assignment.model import Mode, Target, TargetKind
from reseal.autopilot.model_profile import Profile, ProfileSettings
from reseal.autopilot.registrations import Counted
from reseal.console.saving import Effect, differences
from reseal.console.setup import Facts, Standing, Step, steps_of
from reseal.directory.model_settings import JoinAllowed, MdmScope, TenantSettings
from reseal.esp.model import EspProfile, EspSettings
from reseal.esp.profiles import item_ref
from tests.support.clock import ManualClock

NOW = ManualClock().now()
EMPTY = Facts(TenantSettings(), {}, (), (), {}, 0)


def page(key: int, *, shown: bool, default: bool = False) -> EspProfile:
    settings = EspSettings(show_installation_progress=shown)
    uuid: Any = key
    return EspProfile(key, uuid, f"Page {key}", "", key, default, settings, (), NOW, NOW)


def profile(key: int, *, allowing: bool) -> Profile:
    settings = ProfileSettings(preprovisioning_allowed=allowing)
    return Profile(key, key, f"Profile {key}", "", settings, NOW, NOW)


def step(number: int, **facts: Any) -> Step:
    return list(steps_of(replace(EMPTY, **facts)))[number - 1]


def test_an_empty_organisation_lacks_five_steps() -> None:
    standings = [each.standing for each in steps_of(EMPTY)]

    assert [number for number, one in enumerate(standings, 1) if one is Standing.MISSING] == [1, 3, 4, 5, 6]
    assert standings[6:] == [Standing.OPTIONAL, Standing.PERSON, Standing.PERSON]


@pytest.mark.parametrize(
    "scope, groups, standing",
    [
        (MdmScope.ALL, 0, Standing.DONE),
        (MdmScope.SOME, 1, Standing.DONE),
        (MdmScope.SOME, 0, Standing.MISSING),
        (MdmScope.NONE, 1, Standing.MISSING),
    ],
)
def test_enrolment_is_done_unless_it_reaches_nobody(scope: MdmScope, groups: int, standing: Standing) -> None:
    found = step(1, settings=TenantSettings(mdm_scope=scope), scope_groups=groups)

    assert found.standing is standing


@pytest.mark.parametrize(
    "allowed, selected, standing",
    [
        (JoinAllowed.ALL, 0, Standing.DONE),
        (JoinAllowed.SELECTED, 2, Standing.DONE),
        (JoinAllowed.SELECTED, 0, Standing.PARTLY),
        (JoinAllowed.NONE, 2, Standing.PARTLY),
    ],
)
def test_nobody_who_joins_is_worth_a_look(allowed: JoinAllowed, selected: int, standing: Standing) -> None:
    found = step(2, settings=TenantSettings(join_allowed=allowed), join_selected=selected)

    assert found.standing is standing


@pytest.mark.parametrize(
    "esps, assigned, standing",
    [
        ([page(1, shown=True)], [1], Standing.DONE),
        ([page(1, shown=True)], [], Standing.MISSING),
        ([page(1, shown=False)], [1], Standing.PARTLY),
        ([page(9, shown=True, default=True)], [], Standing.DONE),
        ([page(9, shown=False, default=True)], [], Standing.MISSING),
    ],
)
def test_a_status_page_counts_when_it_is_assigned_and_shown(
    esps: list[EspProfile], assigned: list[int], standing: Standing
) -> None:
    targets = {
        item_ref(key): (Target(item_ref(key), Mode.INCLUDE, TargetKind.ALL_DEVICES),) for key in assigned
    }

    assert step(5, esps=esps, esp_targets=targets).standing is standing


@pytest.mark.parametrize(
    "registrations, standing",
    [
        ({1: Counted(3)}, Standing.DONE),
        ({1: Counted(2), None: Counted(1)}, Standing.PARTLY),
        ({None: Counted(3)}, Standing.PARTLY),
        ({}, Standing.DONE),
        ({2: Counted(3)}, Standing.PARTLY),
    ],
)
def test_a_profile_is_done_when_every_device_has_one_that_allows_it(
    registrations: dict[int | None, Counted], standing: Standing
) -> None:
    profiles = (profile(1, allowing=True), profile(2, allowing=False))

    assert step(6, profiles=profiles, registrations=registrations).standing is standing


@pytest.mark.parametrize(
    "devices, sample, said, named",
    [
        (0, (), "Nothing changes for any device.", ""),
        (1, ("A",), "1 device is affected.", "A"),
        (2, ("A", "B"), "2 devices are affected.", "A, B"),
        (1200, ("A", "B"), "1,200 devices are affected.", "A, B and 1,198 more"),
    ],
)
def test_an_effect_counts_all_devices_and_names_some(
    devices: int, sample: tuple[str, ...], said: str, named: str
) -> None:
    effect = Effect((), (), devices, sample)

    assert (effect.sentence, effect.named) == (said, named)


def test_an_effect_is_another_one_when_anything_of_it_is() -> None:
    effect = Effect(differences(("Name", "a", "b")), ("so",), 1, ("A",))
    others = [
        replace(effect, differences=differences(("Name", "a", "c"))),
        replace(effect, remarks=()),
        replace(effect, devices=2),
        replace(effect, sample=("B",)),
    ]

    assert len({one.mark for one in (effect, *others)}) == 5
    assert replace(effect).mark == effect.mark


def test_only_what_differs_is_told_and_in_words() -> None:
    told = differences(
        ("Hidden", False, True), ("Name", "x", "x"), ("Groups", ["a"], ["a", "b"]), ("No", None, "")
    )

    assert [(one.what, one.before, one.after) for one in told] == [
        ("Hidden", "no", "yes"),
        ("Groups", "a", "a, b"),
    ]
