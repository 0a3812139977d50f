"""What the targets of an item mean for one device: scopes, exclusions, filters, intents."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.assignment.model import (
    Basis,
    Entry,
    FilterMode,
    Intent,
    ItemKind,
    ItemRef,
    Mode,
    Outcome,
    Scope,
    Signature,
    Target,
    TargetIndex,
    TargetKind,
    Via,
    decide,
    resolve,
)

APP = ItemRef(ItemKind.APP, 7)
POLICY = ItemRef(ItemKind.POLICY, 3)
BERLIN, SALES, LAB = 11, 12, 13
LAPTOPS = 21


def include(group: int, **more: object) -> Target:
    return Target(APP, Mode.INCLUDE, TargetKind.GROUP, group, **more)  # type: ignore[arg-type]


def exclude(group: int) -> Target:
    return Target(APP, Mode.EXCLUDE, TargetKind.GROUP, group)


def all_devices(**more: object) -> Target:
    return Target(APP, Mode.INCLUDE, TargetKind.ALL_DEVICES, **more)  # type: ignore[arg-type]


def all_users(**more: object) -> Target:
    return Target(APP, Mode.INCLUDE, TargetKind.ALL_USERS, **more)  # type: ignore[arg-type]


def entry(scope: Scope, via: Via = Via.GROUP, intent: Intent = Intent.REQUIRED) -> Entry:
    return Entry(APP, scope, intent, via)


ON_DEVICE = entry(Scope.DEVICE)
FOR_USER = entry(Scope.USER)


def entries(*targets: Target, signature: Signature) -> tuple[Entry, ...]:
    return decide(targets, signature).entries


def outcomes(*targets: Target, signature: Signature) -> list[tuple[Scope, Outcome]]:
    return [(step.scope, step.outcome) for step in decide(targets, signature).steps]


# --- scopes ---------------------------------------------------------------------------------------


def test_no_target_gives_nothing() -> None:
    assert entries(signature=Signature.of(groups=[BERLIN], user_groups=[SALES])) == ()


def test_group_of_the_device_gives_the_device_scope() -> None:
    assert entries(include(BERLIN), signature=Signature.of(groups=[BERLIN])) == (ON_DEVICE,)


def test_group_of_the_user_gives_the_user_scope() -> None:
    assert entries(include(SALES), signature=Signature.of(user_groups=[SALES])) == (FOR_USER,)


def test_group_that_holds_device_and_user_gives_both_scopes() -> None:
    signature = Signature.of(groups=[BERLIN], user_groups=[BERLIN])
    assert entries(include(BERLIN), signature=signature) == (ON_DEVICE, FOR_USER)


def test_another_group_gives_nothing() -> None:
    signature = Signature.of(groups=[SALES], user_groups=[LAB])
    assert entries(include(BERLIN), signature=signature) == ()
    assert outcomes(include(BERLIN), signature=signature) == [
        (Scope.DEVICE, Outcome.NOT_REACHED),
        (Scope.USER, Outcome.NOT_REACHED),
    ]


def test_all_devices_reaches_the_device_scope_alone() -> None:
    signature = Signature.of(user_groups=[SALES])
    assert entries(all_devices(), signature=signature) == (entry(Scope.DEVICE, Via.ALL),)
    assert outcomes(all_devices(), signature=signature) == [(Scope.DEVICE, Outcome.ASSIGNS)]


def test_all_users_reaches_the_user_scope_alone() -> None:
    signature = Signature.of(user_groups=[])
    assert entries(all_users(), signature=signature) == (entry(Scope.USER, Via.ALL),)
    assert outcomes(all_users(), signature=signature) == [(Scope.USER, Outcome.ASSIGNS)]


def test_all_users_needs_an_assigned_user() -> None:
    signature = Signature.of(groups=[BERLIN])
    assert entries(all_users(), signature=signature) == ()
    assert outcomes(all_users(), signature=signature) == [(Scope.USER, Outcome.NOT_REACHED)]


# --- how an entry was reached ---------------------------------------------------------------------


def test_group_is_the_closer_reason_than_all() -> None:
    signature = Signature.of(groups=[BERLIN], user_groups=[SALES])
    given_twice = (all_devices(), include(BERLIN), all_users(), include(SALES))
    assert entries(*given_twice, signature=signature) == (ON_DEVICE, FOR_USER)


def test_group_of_one_scope_says_nothing_about_the_other() -> None:
    signature = Signature.of(groups=[BERLIN], user_groups=[])
    assert entries(all_users(), include(BERLIN), signature=signature) == (
        ON_DEVICE,
        entry(Scope.USER, Via.ALL),
    )


def test_group_whose_filter_drops_the_device_is_no_reason() -> None:
    narrowed = include(BERLIN, filter=LAPTOPS, filter_mode=FilterMode.INCLUDE)
    signature = Signature.of(groups=[BERLIN])
    assert entries(all_devices(), narrowed, signature=signature) == (entry(Scope.DEVICE, Via.ALL),)


# --- exclusions -----------------------------------------------------------------------------------


def test_exclusion_wins_over_a_group() -> None:
    signature = Signature.of(groups=[BERLIN, LAB])
    assert entries(include(BERLIN), exclude(LAB), signature=signature) == ()
    assert outcomes(include(BERLIN), exclude(LAB), signature=signature) == [
        (Scope.DEVICE, Outcome.EXCLUDED),
        (Scope.USER, Outcome.NOT_REACHED),
        (Scope.DEVICE, Outcome.EXCLUDES),
        (Scope.USER, Outcome.NOT_REACHED),
    ]


def test_every_step_names_its_target() -> None:
    targets = [include(BERLIN), exclude(LAB)]
    steps = decide(targets, Signature.of(groups=[BERLIN, LAB])).steps
    assert [step.target for step in steps] == [include(BERLIN)] * 2 + [exclude(LAB)] * 2


def test_exclusion_wins_over_all_devices() -> None:
    assert entries(all_devices(), exclude(LAB), signature=Signature.of(groups=[LAB])) == ()


def test_exclusion_wins_over_all_users() -> None:
    assert entries(all_users(), exclude(LAB), signature=Signature.of(user_groups=[LAB])) == ()


def test_exclusion_of_the_device_leaves_the_user_scope() -> None:
    signature = Signature.of(groups=[BERLIN, LAB], user_groups=[BERLIN])
    assert entries(include(BERLIN), exclude(LAB), signature=signature) == (FOR_USER,)


def test_exclusion_of_the_user_leaves_the_device_scope() -> None:
    signature = Signature.of(groups=[BERLIN], user_groups=[BERLIN, LAB])
    assert entries(include(BERLIN), exclude(LAB), signature=signature) == (ON_DEVICE,)


def test_exclusion_that_does_not_reach_the_device_changes_nothing() -> None:
    assert entries(include(BERLIN), exclude(LAB), signature=Signature.of(groups=[BERLIN])) == (ON_DEVICE,)


def test_exclusion_alone_gives_nothing() -> None:
    assert entries(exclude(LAB), signature=Signature.of(groups=[BERLIN])) == ()


def test_exclusion_removes_every_intent() -> None:
    targets = (
        include(BERLIN, intent=Intent.UNINSTALL),
        include(SALES, intent=Intent.AVAILABLE),
        exclude(LAB),
    )
    assert entries(*targets, signature=Signature.of(groups=[BERLIN, SALES, LAB])) == ()


def test_the_step_names_the_exclusion_that_removed_it() -> None:
    decision = decide(
        [exclude(LAB), exclude(SALES), include(BERLIN)], Signature.of(groups=[BERLIN, LAB, SALES])
    )
    removed = [step for step in decision.steps if step.outcome is Outcome.EXCLUDED]
    assert [step.because for step in removed] == [exclude(SALES)]


# --- filters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mode, true_filters, given",
    [
        (FilterMode.INCLUDE, [LAPTOPS], True),
        (FilterMode.INCLUDE, [], False),
        (FilterMode.INCLUDE, [LAPTOPS + 1], False),
        (FilterMode.EXCLUDE, [LAPTOPS], False),
        (FilterMode.EXCLUDE, [], True),
    ],
)
def test_filter_keeps_or_drops_the_device(mode: FilterMode, true_filters: list[int], given: bool) -> None:
    narrowed = include(BERLIN, filter=LAPTOPS, filter_mode=mode)
    signature = Signature.of(groups=[BERLIN], filters=true_filters)
    assert entries(narrowed, signature=signature) == ((ON_DEVICE,) if given else ())
    expected = Outcome.ASSIGNS if given else Outcome.FILTERED
    assert outcomes(narrowed, signature=signature)[0] == (Scope.DEVICE, expected)


def test_filter_narrows_the_user_scope_by_the_device() -> None:
    narrowed = all_users(filter=LAPTOPS, filter_mode=FilterMode.INCLUDE)
    assert entries(narrowed, signature=Signature.of(user_groups=[])) == ()
    assert entries(narrowed, signature=Signature.of(filters=[LAPTOPS], user_groups=[])) == (
        entry(Scope.USER, Via.ALL),
    )


def test_filter_narrows_only_its_own_target() -> None:
    narrowed = include(BERLIN, filter=LAPTOPS, filter_mode=FilterMode.INCLUDE)
    assert entries(narrowed, include(SALES), signature=Signature.of(groups=[BERLIN, SALES])) == (ON_DEVICE,)


# --- intents --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "one, other, winner",
    [
        (Intent.REQUIRED, Intent.AVAILABLE, Intent.REQUIRED),
        (Intent.REQUIRED, Intent.UNINSTALL, Intent.REQUIRED),
        (Intent.UNINSTALL, Intent.AVAILABLE, Intent.UNINSTALL),
        (Intent.AVAILABLE, Intent.AVAILABLE, Intent.AVAILABLE),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_stronger_intent_wins_in_a_scope(one: Intent, other: Intent, winner: Intent, swapped: bool) -> None:
    first, second = (other, one) if swapped else (one, other)
    targets = (include(BERLIN, intent=first), include(SALES, intent=second))
    signature = Signature.of(groups=[BERLIN, SALES])
    assert entries(*targets, signature=signature) == (entry(Scope.DEVICE, intent=winner),)


@pytest.mark.parametrize("strong_is_device", [False, True])
def test_stronger_intent_wins_across_scopes(strong_is_device: bool) -> None:
    required, uninstall = include(BERLIN), include(SALES, intent=Intent.UNINSTALL)
    if strong_is_device:
        signature, left = Signature.of(groups=[BERLIN], user_groups=[SALES]), ON_DEVICE
    else:
        signature, left = Signature.of(groups=[SALES], user_groups=[BERLIN]), FOR_USER
    assert entries(required, uninstall, signature=signature) == (left,)


def test_the_step_names_the_target_that_outranked_it() -> None:
    weak, strong = include(BERLIN, intent=Intent.AVAILABLE), include(SALES)
    decision = decide([weak, strong], Signature.of(groups=[BERLIN, SALES]))
    steps = [
        (step.target, step.outcome, step.because) for step in decision.steps if step.scope is Scope.DEVICE
    ]
    assert steps == [(weak, Outcome.OUTRANKED, strong), (strong, Outcome.ASSIGNS, None)]


def test_only_what_would_count_is_outranked() -> None:
    weak = include(BERLIN, intent=Intent.AVAILABLE)
    dropped = include(LAB, intent=Intent.AVAILABLE, filter=LAPTOPS, filter_mode=FilterMode.INCLUDE)
    steps = decide([weak, dropped, include(SALES)], Signature.of(groups=[SALES, LAB])).steps
    on_device = [(step.target.group, step.outcome) for step in steps if step.scope is Scope.DEVICE]
    assert on_device == [
        (BERLIN, Outcome.NOT_REACHED),
        (SALES, Outcome.ASSIGNS),
        (LAB, Outcome.FILTERED),
    ]


def test_excluded_intent_outranks_nothing() -> None:
    targets = (include(BERLIN), exclude(LAB), include(SALES, intent=Intent.UNINSTALL))
    signature = Signature.of(groups=[BERLIN, LAB], user_groups=[SALES])
    assert entries(*targets, signature=signature) == (entry(Scope.USER, intent=Intent.UNINSTALL),)


def test_all_with_the_winning_intent_beats_a_group_with_a_weaker_one() -> None:
    targets = (include(BERLIN, intent=Intent.AVAILABLE), all_devices())
    assert entries(*targets, signature=Signature.of(groups=[BERLIN])) == (entry(Scope.DEVICE, Via.ALL),)


# --- steps, many items ----------------------------------------------------------------------------


def test_steps_come_in_reading_order() -> None:
    targets = [exclude(LAB), all_users(), all_devices(), include(SALES), include(BERLIN)]
    steps = decide(targets, Signature.of()).steps
    read = list(dict.fromkeys((step.target.mode, step.target.kind, step.target.group) for step in steps))
    assert read == [
        (Mode.INCLUDE, TargetKind.GROUP, BERLIN),
        (Mode.INCLUDE, TargetKind.GROUP, SALES),
        (Mode.INCLUDE, TargetKind.ALL_USERS, None),
        (Mode.INCLUDE, TargetKind.ALL_DEVICES, None),
        (Mode.EXCLUDE, TargetKind.GROUP, LAB),
    ]


def test_resolve_keeps_items_apart_and_sorts() -> None:
    policy = Target(POLICY, Mode.INCLUDE, TargetKind.GROUP, BERLIN)
    signature = Signature.of(groups=[BERLIN, LAB], user_groups=[SALES])
    resolved = resolve([policy, include(BERLIN), include(SALES), exclude(LAB)], signature)
    assert resolved == (FOR_USER, Entry(POLICY, Scope.DEVICE, Intent.REQUIRED, Via.GROUP))


def test_resolve_of_nothing_is_nothing() -> None:
    assert resolve([], Signature.of(groups=[BERLIN])) == ()


GROUPS = st.sets(st.sampled_from([BERLIN, SALES, LAB]))
SIGNATURES = st.builds(Signature.of, GROUPS, st.sets(st.just(LAPTOPS)), st.none() | GROUPS)
INCLUDES = st.builds(
    Target,
    st.sampled_from([APP, POLICY]),
    st.just(Mode.INCLUDE),
    st.just(TargetKind.GROUP),
    st.sampled_from([BERLIN, SALES, LAB]),
    filter=st.just(LAPTOPS),
    filter_mode=st.sampled_from([FilterMode.INCLUDE, FilterMode.EXCLUDE]),
    intent=st.sampled_from(Intent),
)
TARGETS = st.lists(
    INCLUDES | st.sampled_from([all_devices(), all_users(), exclude(BERLIN), exclude(LAB)]), max_size=6
)


@given(TARGETS, SIGNATURES, st.randoms(use_true_random=False))
def test_order_of_targets_does_not_matter(
    targets: list[Target], signature: Signature, random: object
) -> None:
    shuffled = list(targets)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert resolve(shuffled, signature) == resolve(targets, signature)


@given(TARGETS, SIGNATURES)
def test_an_item_has_one_intent_and_one_entry_per_scope(targets: list[Target], signature: Signature) -> None:
    resolved = resolve(targets, signature)
    assert len({(found.item, found.scope) for found in resolved}) == len(resolved)
    assert len({(found.item, found.intent) for found in resolved}) == len({found.item for found in resolved})


@given(TARGETS, SIGNATURES)
def test_resolve_is_decide_for_each_item(targets: list[Target], signature: Signature) -> None:
    decided = [
        found
        for item in (APP, POLICY)
        for found in decide([target for target in targets if target.item == item], signature).entries
    ]
    assert resolve(targets, signature) == tuple(sorted(decided))


@given(TARGETS, SIGNATURES)
def test_what_no_target_names_does_not_matter(targets: list[Target], signature: Signature) -> None:
    basis = Basis.of(targets)
    narrowed = Signature.of(
        groups=basis.groups.intersection(signature.groups),
        filters=basis.filters.intersection(signature.filters),
        user_groups=basis.groups.intersection(signature.user_groups) if signature.has_user else None,
    )
    assert resolve(targets, narrowed) == resolve(targets, signature)


# --- values ---------------------------------------------------------------------------------------


def test_signature_is_the_same_in_any_order() -> None:
    one = Signature.of(groups=[2, 10, 2], filters=[4, 3], user_groups=[9, 8])
    assert one == Signature.of(groups=[10, 2], filters=[3, 4], user_groups=[8, 9, 9])
    assert (
        one.digest() == Signature(groups=(2, 10), filters=(3, 4), has_user=True, user_groups=(8, 9)).digest()
    )
    assert len(one.digest()) == 32


def test_different_signatures_have_different_digests() -> None:
    different = [
        Signature.of(),
        Signature.of(groups=[1]),
        Signature.of(groups=[1, 2]),
        Signature.of(groups=[12]),
        Signature.of(filters=[1]),
        Signature.of(user_groups=[]),
        Signature.of(user_groups=[1]),
        Signature.of(groups=[1], user_groups=[]),
    ]
    assert len({signature.digest() for signature in different}) == len(different)


def test_digest_never_changes_between_versions() -> None:
    """Stored sets are found by their digest; another canonical form would orphan them."""
    signature = Signature.of(groups=[2, 1], filters=[3], user_groups=[4])
    assert signature.digest() == sha256(b"1,2;3;user;4").digest()
    assert Signature.of(groups=[1]).digest() == sha256(b"1;;;").digest()


def test_basis_is_what_targets_name() -> None:
    targets = [include(BERLIN, filter=LAPTOPS, filter_mode=FilterMode.EXCLUDE), all_devices(), exclude(LAB)]
    assert Basis.of(targets) == Basis(groups=frozenset({BERLIN, LAB}), filters=frozenset({LAPTOPS}))
    assert Basis.of([]) == Basis()


def test_item_reference_is_written_as_kind_and_key() -> None:
    assert str(APP) == "app:7"
    assert ItemRef.parse("app:7") == APP


@pytest.mark.parametrize("text", ["", "app", "app:", "app:x", "gadget:7"])
def test_item_reference_refuses_anything_else(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|is not a valid"):
        ItemRef.parse(text)


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        ({"kind": TargetKind.GROUP}, "name a group"),
        ({"kind": TargetKind.ALL_DEVICES, "group": BERLIN}, "name a group"),
        ({"kind": TargetKind.ALL_DEVICES, "filter": LAPTOPS}, "come together"),
        ({"kind": TargetKind.ALL_DEVICES, "filter_mode": FilterMode.INCLUDE}, "come together"),
        ({"kind": TargetKind.ALL_DEVICES, "mode": Mode.EXCLUDE}, "only a group"),
        ({"kind": TargetKind.ALL_USERS, "mode": Mode.EXCLUDE}, "only a group"),
        (
            {
                "kind": TargetKind.GROUP,
                "group": BERLIN,
                "mode": Mode.EXCLUDE,
                "filter": LAPTOPS,
                "filter_mode": FilterMode.INCLUDE,
            },
            "never an exclusion",
        ),
    ],
)
def test_a_target_that_contradicts_itself_cannot_be_made(
    arguments: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Target(**({"item": APP, "mode": Mode.INCLUDE} | arguments))  # type: ignore[arg-type]


@given(TARGETS, SIGNATURES)
def test_index_finds_every_target_that_matters(targets: list[Target], signature: Signature) -> None:
    index = TargetIndex(targets)
    assert resolve(index.reaching(signature), signature) == resolve(targets, signature)
    of_app = [target for target in targets if target.item == APP]
    assert resolve(index.of_items({APP}).reaching(signature), signature) == resolve(of_app, signature)


def test_index_leaves_out_what_cannot_reach() -> None:
    index = TargetIndex([include(BERLIN), include(SALES), exclude(LAB), all_users()])
    assert index.reaching(Signature.of(groups=[BERLIN])) == [all_users(), include(BERLIN)]
    both = Signature.of(groups=[LAB], user_groups=[LAB])
    assert index.reaching(both) == [all_users(), exclude(LAB)]
    assert index.of_items({POLICY}).reaching(both) == []
