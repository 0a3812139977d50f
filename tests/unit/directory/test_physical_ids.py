"""Physical ids: how they are read, and how those of a registration are put together (spec/autopilot.md 2.4,
3.1).
"""

from __future__ import annotations

from uuid import UUID

import pytest

from reseal.directory.model_physical import (
    ORDER_ID,
    PURCHASE_ORDER_ID,
    ZTDID,
    PhysicalId,
    check,
    compose,
    parse,
    value_of,
)
from reseal.kernel.errors import Invalid

REGISTRATION = UUID("6c2c9d2e-1f0a-4d5c-9f6b-0d6f3f1f5a11")


def code_of(call, *args) -> str:
    with pytest.raises(Invalid) as refusal:
        call(*args)
    assert refusal.value.remedy
    return refusal.value.code


def test_a_registered_device_carries_its_three_ids_in_this_order():
    assert compose(ztdid=REGISTRATION, group_tag="Berlin", purchase_order="76222342342") == (
        "[ZTDID]:6c2c9d2e-1f0a-4d5c-9f6b-0d6f3f1f5a11",
        "[OrderID]:Berlin",
        "[PurchaseOrderId]:76222342342",
    )


def test_without_tag_and_purchase_order_only_the_registration_is_named():
    assert compose(ztdid=REGISTRATION) == ("[ZTDID]:6c2c9d2e-1f0a-4d5c-9f6b-0d6f3f1f5a11",)


def test_a_new_tag_replaces_the_old_one_whatever_its_letter_case():
    present = ["[ZTDId]:other", "[ORDERID]:Paris", "[purchaseorderid]:1", "[HWID]:h:6825", "[GID]:g:1"]
    assert compose(present, ztdid=REGISTRATION, group_tag="Berlin") == (
        "[ZTDID]:6c2c9d2e-1f0a-4d5c-9f6b-0d6f3f1f5a11",
        "[OrderID]:Berlin",
        "[HWID]:h:6825",
        "[GID]:g:1",
    )


def test_a_deregistered_device_keeps_only_foreign_ids():
    assert compose(["[ZTDID]:x", "[OrderID]:y", "[HWID]:h:1"], ztdid=None) == ("[HWID]:h:1",)


def test_a_value_may_hold_colons_and_blanks():
    assert parse("[GID]:g:12 34") == PhysicalId("GID", "g:12 34")
    assert str(parse("[GID]:g:12 34")) == "[GID]:g:12 34"


@pytest.mark.parametrize("tag", ["orderid", "ORDERID", "OrderId"])
def test_tags_are_found_in_any_letter_case(tag):
    assert value_of(["[HWID]:h:1", f"[{tag}]:Berlin", "[OrderID]:Paris"], ORDER_ID) == "Berlin"
    assert PhysicalId(tag, "Berlin").has_tag(ORDER_ID)


def test_a_tag_that_is_not_there_has_no_value():
    assert value_of(["[OrderID]:Berlin"], PURCHASE_ORDER_ID) is None
    assert not PhysicalId(ORDER_ID, "x").has_tag(ZTDID)


@pytest.mark.parametrize(
    "text", ["", "Berlin", "[OrderID]", "[OrderID]:", "[]:x", "OrderID:x", "[Order ID]:x"]
)
def test_what_is_no_physical_id(text):
    assert code_of(parse, text) == "InvalidPhysicalId"


@pytest.mark.parametrize("character", ["\x00", "\n", "\x1f", "\x7f"])
def test_a_control_character_is_refused(character):
    assert code_of(parse, f"[OrderID]:a{character}") == "InvalidPhysicalId"


def test_a_value_has_at_most_512_characters():
    assert parse("[OrderID]:" + "x" * 512).value == "x" * 512
    with pytest.raises(Invalid, match=r"\[OrderID\] has 513 characters; 512") as refusal:
        compose(ztdid=None, group_tag="x" * 513)
    assert refusal.value.code == "PhysicalIdTooLong"


def test_a_device_has_at_most_64_physical_ids():
    ids = [f"[HWID]:h:{number}" for number in range(64)]
    assert check(ids) == tuple(ids)
    assert code_of(check, [*ids, "[HWID]:h:64"]) == "TooManyPhysicalIds"


def test_one_bad_id_among_good_ones_is_refused():
    assert code_of(check, ["[HWID]:h:1", "Berlin"]) == "InvalidPhysicalId"
