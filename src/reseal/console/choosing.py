"""Choosing groups and users in a form: what is offered, and following what was chosen to what it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from reseal.console.forms import Option
from reseal.directory.groups import group_by_uuid, list_groups
from reseal.directory.model import Group, Membership, User
from reseal.directory.users import find_user
from reseal.kernel.db import Tx
from reseal.kernel.errors import Detail, Invalid, NotFound
from reseal.kernel.ids import TenantKey

MOST: Final = 500
"""Groups that a form offers; those that are chosen already come on top."""

KINDS: Final = {
    Membership.ASSIGNED: "Members are chosen by hand",
    Membership.DYNAMIC_USER: "A rule over users",
    Membership.DYNAMIC_DEVICE: "A rule over devices",
}


def groups_offered(
    tx: Tx, tenant: TenantKey, chosen: Iterable[Group] = (), *, of_users: bool = False
) -> tuple[Option, ...]:
    """Groups to choose from, by name; `of_users` leaves out those that hold devices alone."""
    found = list_groups(tx, tenant, limit=MOST).items
    shown = {group.uuid: group for group in (*found, *chosen)}
    return tuple(
        Option(str(group.uuid), group.name, group.description or KINDS[group.membership])
        for group in shown.values()
        if not (of_users and group.membership is Membership.DYNAMIC_DEVICE)
    )


def groups_chosen(tx: Tx, tenant: TenantKey, ids: Sequence[str]) -> list[Group]:
    """The groups that a form names by their public ids. Raises `Invalid`, `NotFound`."""
    return [group_by_uuid(tx, tenant, uuid_of(text)) for text in ids]


def users_named(tx: Tx, tenant: TenantKey, text: str, *, where: str) -> list[User]:
    """The users whose names stand in a text, one on each line.

    Raises `Invalid` with a detail at `where` for each that does not exist.
    """
    names = [name.strip() for name in text.replace(",", "\n").splitlines() if name.strip()]
    found = {name: find_user(tx, tenant, name) for name in names}
    missing = [name for name, user in found.items() if user is None]
    if missing:
        raise Invalid(
            code="UserNotFound",
            message=f"There is no user {missing[0]}.",
            details=[
                Detail(where, f"There is no user {name}.", "Check the user principal name.")
                for name in missing
            ],
        )
    return list({user.id: user for user in found.values() if user is not None}.values())


def uuid_of(text: str) -> UUID:
    """An id that a form sent back. Raises `NotFound` for anything else."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(
            code="NoSuchChoice", message="What was chosen does not exist.", remedy="Load the page again."
        ) from None
