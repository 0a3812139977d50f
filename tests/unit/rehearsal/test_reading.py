"""Reading a device back by Gets in messages of our own."""

from __future__ import annotations

from reseal.device.csp.tree import Tree
from reseal.device.csp.windows import empty_tree
from reseal.device.quirks import ALL, Quirk
from reseal.rehearsal.reading import read_nodes
from reseal.wire.csp import LocURI
from tests.support.clock import ManualClock

CAMERA = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
LONG = "./Device/Vendor/MSFT/Policy/Config/Update/UpdateServiceUrl"
HOME = "./User/Vendor/MSFT/Policy/Config/Browser/HomePages"
MISSING = "./Device/Vendor/MSFT/Policy/Config/Camera/Nothing"


def _tree(quirks: frozenset[Quirk]) -> Tree:
    tree = empty_tree("Reseal", ManualClock(), quirks)
    tree.add(LocURI.parse(CAMERA), "int", "0")
    tree.add(LocURI.parse(LONG), "chr", "x" * 9000)
    tree.user = "adele@contoso.example"
    tree.add(LocURI.parse(HOME), "chr", "<https://intranet>")
    return tree


def test_values_statuses_and_what_is_the_users() -> None:
    found = read_nodes(_tree(frozenset()), [CAMERA, HOME, MISSING])

    assert found == {CAMERA: "0", HOME: "<https://intranet>", MISSING: 404}


def test_a_device_with_every_quirk_is_understood_too() -> None:
    found = read_nodes(_tree(ALL), [CAMERA, LONG, HOME, MISSING])

    assert {address: str(value).strip() for address, value in found.items()} == {
        CAMERA: "0",
        LONG: "x" * 9000,
        HOME: "<https://intranet>",
        MISSING: "404",
    }


def test_the_users_nodes_are_not_there_without_the_user() -> None:
    tree = _tree(frozenset())
    tree.user = None

    assert read_nodes(tree, [HOME]) == {HOME: 404}


def test_many_addresses_take_several_messages() -> None:
    tree = _tree(frozenset())
    addresses = [f"./Device/Vendor/MSFT/Policy/Config/Area/Setting{n}" for n in range(120)]
    for number, address in enumerate(addresses):
        tree.add(LocURI.parse(address), "int", str(number))

    assert read_nodes(tree, addresses) == {address: str(n) for n, address in enumerate(addresses)}
