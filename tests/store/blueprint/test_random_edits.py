"""Random edits of the sample: plans tell what is done, once, and an export makes an equal tenant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from reseal.kernel.entropy import Entropy, SeededEntropy
from tests.store.blueprint.organisation import Organisation, sample

T = TypeVar("T")

Document = dict[str, Any]
Edit = Callable[[Document, Entropy], object]

ITEMS = ("profiles", "enrollmentStatusPages", "policies", "certificates", "wifi", "apps")
ROUNDS = 4
EDITS_OF_A_ROUND = 5


def pick(entropy: Entropy, values: list[T]) -> T:
    return values[entropy.below(len(values))]


def any_of(document: Document, entropy: Entropy, *sections: str) -> dict[str, Any]:
    """An entry of one of the sections."""
    return pick(entropy, [entry for section in sections for entry in document[section]])


def describe(document: Document, entropy: Entropy) -> None:
    entry = any_of(document, entropy, "groups", *ITEMS)
    entry["description"] = f"Text {entropy.below(100)}"


def flip(document: Document, entropy: Entropy) -> None:
    profile = any_of(document, entropy, "profiles")
    name = pick(entropy, ["eulaHidden", "privacySettingsHidden", "escapeLinkHidden"])
    profile[name] = not profile.get(name, False)


def slow_down(document: Document, entropy: Entropy) -> None:
    page = any_of(document, entropy, "enrollmentStatusPages")
    page["installProgressTimeoutInMinutes"] = 1 + entropy.below(1440)


def select(document: Document, entropy: Entropy) -> None:
    page = any_of(document, entropy, "enrollmentStatusPages")
    page["selectedApps"] = [app["name"] for app in document["apps"] if entropy.below(2)]


def reorder(document: Document, entropy: Entropy) -> None:
    pages = document["enrollmentStatusPages"]
    pages.insert(entropy.below(len(pages)), pages.pop())


def aim(document: Document, entropy: Entropy) -> None:
    entry = any_of(document, entropy, "policies", "certificates", "wifi")
    lines = [{"all": "devices"}, {"all": "users"}, {"group": "Sales laptops"}, {"group": "Pilots"}]
    entry["assign"] = [line for line in lines if entropy.below(2)]
    if entropy.below(2):
        entry["assign"] = [*entry["assign"][:2], {"exclude": "All Autopilot devices"}]


def revalue(document: Document, entropy: Entropy) -> None:
    policy = any_of(document, entropy, "policies")
    for setting in policy["settings"]:
        if setting["format"] == "int":
            setting["value"] = entropy.below(3)


def move(document: Document, entropy: Entropy) -> None:
    user = any_of(document, entropy, "users")
    user["department"] = pick(entropy, ["Sales", "Engineering", "Finance"])
    user["roles"] = ["Global Reader"] if entropy.below(2) else []
    user["manager"] = any_of(document, entropy, "users")["upn"]
    if user["manager"] == user["upn"]:
        del user["manager"]


def gather(document: Document, entropy: Entropy) -> None:
    pilots = next(group for group in document["groups"] if group["name"].casefold() == "pilots")
    pilots["members"] = [user["upn"] for user in document["users"] if entropy.below(3) == 0]


def respell(document: Document, entropy: Entropy) -> None:
    entry = any_of(document, entropy, "filters", "groups", *ITEMS)
    entry["name"] = entry["name"].upper() if entropy.below(2) else entry["name"].capitalize()


def retag(document: Document, entropy: Entropy) -> None:
    sales = next(group for group in document["groups"] if group["name"].casefold() == "sales laptops")
    sales["rule"] = pick(
        entropy,
        [
            '(device.devicePhysicalIds -any (_ -eq "[OrderID]:sales"))',
            '(device.deviceModel -eq "Virtual Laptop 13")',
            '(device.deviceModel -eq "Virtual Laptop 15") -or (device.deviceModel -eq "x")',
        ],
    )


def narrow(document: Document, entropy: Entropy) -> None:
    document["filters"][0]["rule"] = f'device.model -eq "Virtual Laptop {pick(entropy, ["13", "15"])}"'
    entry = any_of(document, entropy, "policies")
    entry["assign"] = [{"all": "devices", "filter": document["filters"][0]["name"]}]


def repackage(document: Document, entropy: Entropy) -> None:
    app = any_of(document, entropy, "apps")
    app["file"] = dict(any_of(sample(), entropy, "apps")["file"])
    app.pop("context", None)


def decide(document: Document, entropy: Entropy) -> None:
    document["settings"]["userDeviceQuota"] = pick(entropy, [5, 50, "unlimited"])
    document["settings"]["joinAllowed"] = pick(entropy, ["all", "none", "selected"])
    document["settings"]["joinSelected"] = {"users": [any_of(document, entropy, "users")["upn"]]}


def drop(document: Document, entropy: Entropy) -> None:
    section = pick(entropy, ["profiles", "policies"])
    if len(document[section]) > 1:
        document[section].pop(entropy.below(len(document[section])))


def add(document: Document, entropy: Entropy) -> None:
    number = entropy.below(10_000)
    document["policies"].append(
        {
            "name": f"New {number}",
            "settings": [{"uri": f"./Device/New{number}", "format": "int", "value": number}],
            "assign": [{"group": "Sales laptops"}],
        }
    )
    document["users"].append({"upn": f"new{number}", "displayName": f"New {number}"})


ALL_EDITS: tuple[Edit, ...] = (
    describe,
    flip,
    slow_down,
    select,
    reorder,
    aim,
    revalue,
    move,
    gather,
    respell,
    retag,
    narrow,
    repackage,
    decide,
    drop,
    add,
)


def at_first() -> Document:
    document = sample()
    document["filters"] = [{"name": "Some", "rule": 'device.model -eq "Virtual Laptop 13"'}]
    return document


@pytest.mark.parametrize("seed", range(3))
async def test_plan_application_and_export_agree(
    contoso: Organisation, fabrikam: Organisation, seed: int
) -> None:
    entropy = SeededEntropy(f"edits {seed}")
    document = at_first()
    await contoso.apply(document)
    await contoso.import_devices()
    for _ in range(ROUNDS):
        for _ in range(EDITS_OF_A_ROUND):
            pick(entropy, list(ALL_EDITS))(document, entropy)
        prune = bool(entropy.below(2))
        planned = await contoso.plan(document, prune=prune)
        assert await contoso.apply(document, prune=prune) == planned
        again = await contoso.apply(document, prune=prune)
        assert again.lines == ()
    exported = await contoso.export()
    assert (await contoso.plan(exported)).lines == ()
    await fabrikam.apply(exported)
    assert await fabrikam.export() == exported
