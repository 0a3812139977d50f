"""The log in plain sentences: who did what to whom, with names instead of ids.

Deployments are told by `deployment.story`; what else happens has its words here. Names come from the payload,
or from what exists now: one statement for all the lines of a page. Something that is gone and left no name is
called by what it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from reseal.autopilot.tables import autopilot_profile, registration
from reseal.catalog.tables import catalog_item
from reseal.deployment.story import Line, Tone, is_told, line_of
from reseal.deployment.tables import deployment
from reseal.directory.tables import device, group, user
from reseal.esp.tables import esp_profile
from reseal.kernel.db import Tx
from reseal.kernel.events import SealedEvent
from reseal.kernel.ids import TenantKey
from reseal.managed.tables import enrolment

TOPICS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "devices": ("Devices and registrations", ("registration", "device", "hardware", "import", "autopilot")),
    "deployments": ("Deployments", ("deployment", "attestation", "enrolment")),
    "groups": ("Groups", ("group",)),
    "settings": ("Profiles, pages, policies, apps", ("profile", "esp", "item", "assignment", "blueprint")),
    "users": ("Users and sign-ins", ("user", "client")),
    "organisation": ("Organisation and log", ("tenant", "event")),
}
"""What a reader may narrow the log to, by the topics of kinds."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event for people. `of` says what kind of thing it is about."""

    position: int
    at: datetime
    line: Line
    name: str
    actor: str
    of: str
    subject: UUID


def subjects_of_device(tx: Tx, tenant_key: TenantKey, ztdid: UUID) -> frozenset[UUID]:
    """Everything by which the log speaks of a registered device; one statement."""
    own = sa.select(registration.c.id).where(
        registration.c.tenant_id == tenant_key, registration.c.uuid == ztdid
    )
    directory = sa.select(registration.c.device_id).where(
        registration.c.tenant_id == tenant_key, registration.c.uuid == ztdid
    )
    found = sa.union_all(
        sa.select(device.c.uuid).where(device.c.tenant_id == tenant_key, device.c.id.in_(directory)),
        sa.select(enrolment.c.uuid).where(
            enrolment.c.tenant_id == tenant_key, enrolment.c.device_id.in_(directory)
        ),
        sa.select(deployment.c.uuid).where(
            deployment.c.tenant_id == tenant_key, deployment.c.registration_id.in_(own)
        ),
    ).subquery()
    return frozenset({ztdid, *(row.uuid for row in tx.rows(sa.select(found.c.uuid).order_by(found.c.uuid)))})


def told(tx: Tx, tenant_key: TenantKey, found: Sequence[SealedEvent]) -> tuple[Told, ...]:
    """Events as lines; at most one statement."""
    names = _names(tx, tenant_key, found)
    return tuple(_told(each, names) for each in found)


def _told(each: SealedEvent, names: Mapping[UUID, str]) -> Told:
    payload = each.payload or {}
    name = _name_in(payload) or names.get(each.subject.id, "")
    has_words = is_told(each.kind) and each.kind not in _SENTENCES
    line = line_of(each) if has_words else _line(each.kind, payload)
    if each.payload is None:
        line = Line(line.text, "What it said was erased.", Tone.QUIET)
    return Told(
        position=each.position,
        at=each.at,
        line=line,
        name=name,
        actor=_actor(each.actor, names),
        of=NOUNS.get(each.subject.kind, each.subject.kind),
        subject=each.subject.id,
    )


# --- sentences ----------------------------------------------------------------------------------------------

NOUNS: Final[Mapping[str, str]] = {
    "registration": "device",
    "device": "directory device",
    "enrolment": "managed device",
    "deployment": "device",
    "user": "user",
    "group": "group",
    "profile": "profile",
    "esp": "status page",
    "policy": "policy",
    "certificate": "certificate",
    "wifi": "Wi-Fi profile",
    "app": "app",
    "filter": "filter",
    "tenant": "organisation",
    "client": "program",
    "import": "import",
    "import_batch": "import",
}
"""What things are called in the log."""

_SENTENCES: Final[Mapping[str, tuple[str, Tone]]] = {
    "user.created": ("The user was made.", Tone.STEP),
    "user.changed": ("The user was edited.", Tone.STEP),
    "user.deleted": ("The user was deleted.", Tone.PERSON),
    "user.password_changed": ("The user has another password.", Tone.PERSON),
    "user.role_assigned": ("The user was given a role.", Tone.PERSON),
    "user.role_removed": ("A role was taken from the user.", Tone.PERSON),
    "user.signed_in": ("Signed in.", Tone.QUIET),
    "user.signed_out": ("Signed out.", Tone.QUIET),
    "user.sign_in_refused": ("A sign-in was refused.", Tone.BAD),
    "user.sign_in_revoked": ("A sign-in was taken back, because its token was used twice.", Tone.BAD),
    "user.device_code_declined": ("The sign-in of a device was declined.", Tone.PERSON),
    "user.terms_accepted": ("The terms of use were accepted.", Tone.PERSON),
    "user.terms_declined": ("The terms of use were declined.", Tone.PERSON),
    "group.created": ("The group was made.", Tone.STEP),
    "group.changed": ("The group was edited.", Tone.STEP),
    "group.rule_changed": ("The rule of the group is another one.", Tone.STEP),
    "group.members_changed": ("Members came or went.", Tone.QUIET),
    "group.deleted": ("The group was deleted.", Tone.PERSON),
    "device.created": ("It came into the directory.", Tone.QUIET),
    "device.changed": ("The directory device was edited.", Tone.QUIET),
    "device.physical_ids_changed": ("Its physical ids are others.", Tone.QUIET),
    "device.deleted": ("It was deleted from the directory.", Tone.PERSON),
    "device.certificate_revoked": ("Its certificate was revoked.", Tone.PERSON),
    "registration.created": ("The device was registered.", Tone.STEP),
    "registration.changed": ("The registration was edited.", Tone.STEP),
    "registration.deleted": ("The device is no longer registered.", Tone.PERSON),
    "registration.user_linked": ("Its assigned user exists now.", Tone.STEP),
    "registration.without_profile": ("Devices have no profile any more.", Tone.PERSON),
    "hardware.remediation_changed": ("The hardware that it presents is judged anew.", Tone.PERSON),
    "hardware.ambiguous": ("Hardware that could be several devices was presented.", Tone.BAD),
    "hardware.clone_suspected": ("Hardware that may be a clone was presented.", Tone.BAD),
    "hardware.confirmed": ("Its repaired hardware was confirmed.", Tone.PERSON),
    "import.opened": ("An import began.", Tone.STEP),
    "import.rows_decided": ("Rows of an import were decided.", Tone.QUIET),
    "autopilot.sync_requested": ("A synchronisation was asked for.", Tone.QUIET),
    "profile.created": ("The profile was made.", Tone.STEP),
    "profile.changed": ("The profile was edited.", Tone.STEP),
    "profile.deleted": ("The profile was deleted.", Tone.PERSON),
    "profile.given": ("Devices get this profile now.", Tone.STEP),
    "esp.created": ("The status page was made.", Tone.STEP),
    "esp.changed": ("The status page was edited.", Tone.STEP),
    "esp.deleted": ("The status page was deleted.", Tone.PERSON),
    "esp.priority_changed": ("The status page has another priority.", Tone.STEP),
    "esp.apps_removed": ("Apps that are gone were taken out of the status page.", Tone.PERSON),
    "item.created": ("It was made.", Tone.STEP),
    "item.changed": ("It was edited.", Tone.STEP),
    "item.deleted": ("It was deleted.", Tone.PERSON),
    "item.arrived": ("It arrived on a device.", Tone.STEP),
    "item.failed": ("It failed on a device.", Tone.BAD),
    "item.removed": ("It was removed from a device.", Tone.STEP),
    "assignment.targets_changed": ("It is assigned to others.", Tone.STEP),
    "assignment.filter_created": ("The filter was made.", Tone.STEP),
    "assignment.filter_changed": ("The filter was edited.", Tone.STEP),
    "assignment.filter_deleted": ("The filter was deleted.", Tone.PERSON),
    "assignment.groups_removed": ("Assignments to groups that are gone were dropped.", Tone.PERSON),
    "assignment.effective_changed": ("Devices get something else than before.", Tone.QUIET),
    "enrolment.user_token_refused": ("The token of a user was refused on the device.", Tone.BAD),
    "client.created": ("The program may speak to this server.", Tone.PERSON),
    "blueprint.applied": ("A document was applied.", Tone.STEP),
    "tenant.created": ("The organisation was made.", Tone.STEP),
    "tenant.renamed": ("The organisation has another name.", Tone.STEP),
    "tenant.settings_changed": ("Settings of the organisation were edited.", Tone.STEP),
    "tenant.branding_changed": ("The branding was edited.", Tone.STEP),
    "tenant.join_selection_changed": ("Who may join devices was edited.", Tone.PERSON),
    "tenant.mdm_scope_changed": ("The groups of automatic enrolment are others.", Tone.PERSON),
    "tenant.domain_added": ("A domain was added.", Tone.PERSON),
    "tenant.domain_removed": ("A domain was removed.", Tone.PERSON),
    "tenant.default_domain_changed": ("Another domain is the default.", Tone.STEP),
    "event.erased": ("What an event said was erased.", Tone.PERSON),
}
_MOST: Final = 6
_LONGEST: Final = 120
_UNSAID: Final = frozenset(
    {
        *("name", "upn", "display_name", "displayName", "serial"),
        *("registration", "registrations", "code", "message"),
    }
)


def known_kinds() -> frozenset[str]:
    """The kinds that have words here."""
    return frozenset(_SENTENCES)


def _line(kind: str, payload: Mapping[str, Any]) -> Line:
    sentence = _SENTENCES.get(kind)
    if sentence is None:
        text = f"{kind.replace('.', ' ').replace('_', ' ').capitalize()}."
        return Line(text, _more(payload), Tone.QUIET)
    return Line(sentence[0], _more(payload), sentence[1])


def _more(payload: Mapping[str, Any]) -> str:
    """What changed, or a few plain facts."""
    parts = []
    if payload.get("message"):
        code = f" ({payload['code']})" if payload.get("code") else ""
        parts.append(f"{str(payload['message']).rstrip('.')}{code}")
    for name, value in payload.items():
        said = "" if name in _UNSAID else _said(value)
        if said:
            parts.append(f"{_spaced(name)}: {said}")
    more = f"; and {len(parts) - _MOST} more" if len(parts) > _MOST else ""
    return "; ".join(parts[:_MOST]) + more


def _said(value: Any) -> str:
    match value:
        case {"from": before, "to": after}:
            return f"{_said(before) or 'nothing'} → {_said(after) or 'nothing'}"
        case bool():
            return "yes" if value else "no"
        case str():
            return "" if _is_id(value.removeprefix("[ZTDID]:")) else value[:_LONGEST]
        case int():
            return f"{value:,}"
        case list():
            texts = [text for each in value if (text := _said(each))]
            return ", ".join(texts[:_MOST]) or (f"{len(value):,}" if value else "")
        case {"count": int() as count}:
            return f"{count:,}"
        case {"name": str() as name}:
            return name
        case _:
            return ""


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _spaced(name: str) -> str:
    """`groupTag` and `group_tag` as words."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).replace("_", " ")
    return words.strip().capitalize()


# --- names --------------------------------------------------------------------------------------------------


def _name_in(payload: Mapping[str, Any]) -> str:
    for key in ("serial", "upn", "name", "displayName", "display_name"):
        value = payload.get(key)
        if isinstance(value, Mapping):
            value = value.get("to")
        if isinstance(value, str) and value:
            return value
    return ""


_SOURCES: Final[Mapping[str, tuple[sa.Table, sa.Column[Any]]]] = {
    "registration": (registration, registration.c.serial),
    "deployment": (deployment, deployment.c.serial),
    "device": (device, device.c.display_name),
    "enrolment": (enrolment, enrolment.c.device_name),
    "user": (user, user.c.upn),
    "group": (group, group.c.name),
    "profile": (autopilot_profile, autopilot_profile.c.name),
    "esp": (esp_profile, esp_profile.c.name),
    **dict.fromkeys(("policy", "certificate", "wifi", "app", "item"), (catalog_item, catalog_item.c.name)),
}


def _names(tx: Tx, tenant_key: TenantKey, found: Iterable[SealedEvent]) -> dict[UUID, str]:
    wanted: dict[str, set[UUID]] = {}
    for each in found:
        if not _name_in(each.payload or {}) and each.subject.kind in _SOURCES:
            wanted.setdefault(_SOURCES[each.subject.kind][0].name, set()).add(each.subject.id)
        kind, _, key = each.actor.partition(":")
        if kind in {"user", "device"} and _is_id(key):
            table = user if kind == "user" else enrolment
            wanted.setdefault(table.name, set()).add(UUID(key))
    tables = {table.name: (table, column) for table, column in _SOURCES.values()}
    parts = [
        sa.select(table.c.uuid, column.label("name")).where(
            table.c.tenant_id == tenant_key, table.c.uuid.in_(sorted(wanted[name]))
        )
        for name, (table, column) in tables.items()
        if name in wanted
    ]
    if not parts:
        return {}
    every = sa.union_all(*parts).subquery()
    return {row.uuid: row.name for row in tx.rows(sa.select(every).order_by(every.c.uuid)) if row.name}


def _actor(actor: str, names: Mapping[UUID, str]) -> str:
    kind, _, key = actor.partition(":")
    if actor == "system":
        return "the server"
    if actor in {"device", "user"}:
        return f"the {actor}"
    if _is_id(key):
        return names.get(UUID(key), {"device": "the device", "user": "a former user"}.get(kind, "a program"))
    return actor


def actors_named(tx: Tx, tenant_key: TenantKey, text: str) -> Collection[str]:
    """What the log calls whoever has this name: the text itself, and users by their id; one statement."""
    lowered = text.lower()
    rows = tx.rows(
        sa.select(user.c.uuid)
        .where(
            user.c.tenant_id == tenant_key,
            sa.or_(
                user.c.upn_folded.contains(lowered, autoescape=True),
                user.c.display_name_folded.contains(lowered, autoescape=True),
            ),
        )
        .order_by(user.c.id)
        .limit(50)
    )
    fixed = {"the server": "system", "server": "system"}.get(lowered, lowered)
    return (fixed, *(f"user:{row.uuid}" for row in rows))


__all__ = ["NOUNS", "TOPICS", "Told", "actors_named", "known_kinds", "subjects_of_device", "told"]
