"""What becomes of each row of an import: reading it, finding duplicates in the file, the verdict. No storage.

    read_rows    rows -> `Prepared` (a decoded hash and its evidence) or a `Verdict` that refuses the row
    judge        `Prepared` and what the database knows -> `Acceptance` or `Verdict`

Codes and names are those of spec/autopilot.md 2.3 and spec/graph-api.md 2.1. Microsoft publishes no numbers
for some names (spec/autopilot.md 11, choice 8); ours begin at 8201, far from its three digits.

Our choices where the documents are silent:

- The serial number of the file names the registration; if the hash holds another one, a warning says so.
- A row without a serial number takes the one in the hash, and is refused if that one cannot name a device.
- An assigned user of a foreign domain refuses the row. A user whom the domain does not know yet is kept by
  name and linked when the user appears. A user without licence is not assigned, with a warning: the device
  itself is fine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final
from uuid import UUID

from reseal.autopilot.model_matching import claim_keys, same_hardware
from reseal.directory.model_names import DISPLAY_NAME_LIMIT, fold
from reseal.directory.model_physical import VALUE_LIMIT
from reseal.kernel.errors import Detail, Invalid
from reseal.kernel.ids import TenantKey
from reseal.wire import hwhash
from reseal.wire.devicecsv import DeviceCsv
from reseal.wire.hwhash import EvidenceKey, HardwareHash, HardwareHashError, is_placeholder_serial

SERIAL_LIMIT: Final = DISPLAY_NAME_LIMIT
"""Characters; the serial number becomes the display name of the directory device."""
TEXT_LIMIT: Final = VALUE_LIMIT
"""Characters of the other texts; a physical id of a directory device holds no more."""


class Refusal(Enum):
    """Why a row is not imported: number, name, and what to do."""

    INVALID_REQUEST_BODY = (801, "InvalidZtdRequestBody", "Correct the row and import it again.")
    INVALID_HARDWARE_HASH = (
        802,
        "InvalidZtdHardwareHash",
        "Collect the hash again on the device (Get-WindowsAutopilotInfo) and import it again.",
    )
    MISSING_SERIAL = (
        803,
        "MissingZtdSerialNumberAndProductKey",
        "Give the serial number and the hardware hash of the device.",
    )
    ALREADY_ASSIGNED = (806, "ZtdDeviceAlreadyAssigned", "Nothing to do; take the row out of the file.")
    OTHER_TENANT = (
        808,
        "ZtdDeviceAssignedToOtherTenant",
        "The other organisation must deregister the device first.",
    )
    DUPLICATED = (8201, "ZtdDeviceDuplicated", "Take the duplicate out of the file.")
    STORAGE_ERROR = (8202, "StorageError", "Import the file again later; rows already imported answer 806.")
    DEVICE_NOT_FOUND = (
        8203,
        "ZtdDeviceNotFound",
        "Register the device with its 4K hardware hash; a serial number or a product id alone is not enough.",
    )
    UNKNOWN_DOMAIN = (
        8204,
        "AssignedUserDomainUnknown",
        "Correct the user, or add the domain to the organisation first.",
    )

    @property
    def code(self) -> int:
        """`deviceErrorCode`."""
        return self.value[0]

    @property
    def error_name(self) -> str:
        """`deviceErrorName`."""
        return self.value[1]

    @property
    def remedy(self) -> str:
        """What to do, for people."""
        return self.value[2]


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One device to import, from a file or from the API. `line` is the line of the file, or the position from
    1.
    """

    line: int
    serial: str
    hardware_hash: str
    """Base64, padded or not."""
    product_key: str = ""
    group_tag: str = ""
    assigned_user: str = ""
    purchase_order: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one row. Code 0 without a name: imported."""

    line: int
    serial: str
    code: int
    name: str
    message: str
    remedy: str
    registration: UUID | None = None
    """The ZTDID, if the row was imported."""
    warnings: tuple[str, ...] = ()

    @property
    def imported(self) -> bool:
        """Whether the row became a registration."""
        return self.code == 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A row whose hash could be read."""

    row: ImportRow
    hash: HardwareHash
    keys: tuple[EvidenceKey, ...]
    serial: str
    warnings: tuple[str, ...]
    serial_twin: int | None = None
    """The line of an earlier row with the same serial number and another hash."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Hardware registered before: by whom, as what, and its evidence."""

    tenant: TenantKey
    registration: UUID
    keys: tuple[EvidenceKey, ...]
    line: int | None = None
    """The line of this same import that registered it; None if it was registered earlier."""


@dataclass(frozen=True, slots=True)
class UserFact:
    """A user of the tenant."""

    id: int
    upn: str
    licensed: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database knows that matters for one row."""

    claims: Sequence[Claim]
    serial_known: bool
    """The tenant has a registration with this serial number."""
    domains: frozenset[str]
    """Folded."""
    user: UserFact | None
    """The assigned user, if the tenant has one of that name."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The row becomes a registration."""

    prepared: Prepared
    user: UserFact | None
    assigned_user_upn: str
    warnings: tuple[str, ...]


def refuse(row: ImportRow, refusal: Refusal, message: str, serial: str = "") -> Verdict:
    """The verdict that refuses `row`."""
    return Verdict(row.line, serial or row.serial, refusal.code, refusal.error_name, message, refusal.remedy)


def accept(accepted: Acceptance, registration: UUID) -> Verdict:
    """The verdict of an imported row."""
    prepared = accepted.prepared
    return Verdict(
        line=prepared.row.line,
        serial=prepared.serial,
        code=0,
        name="",
        message=f"Registered {prepared.serial}.",
        remedy="",
        registration=registration,
        warnings=accepted.warnings,
    )


def rows_of_csv(file: DeviceCsv) -> list[ImportRow | Verdict]:
    """The rows of a file in the order of their lines; a row that the file's reader left out is a verdict.

    Raises `Invalid` with code `DeviceList` and every problem with its line if the file as a whole is refused.
    """
    if file.refused:
        problems = [problem for problem in file.problems if problem.refuses_file]
        raise Invalid(
            code="DeviceList",
            message=f"The file was not imported: line {problems[0].line}: {problems[0].message}.",
            remedy=f"{problems[0].remedy}.",
            details=[
                Detail(f"line {problem.line}", f"{problem.message}.", f"{problem.remedy}.", problem.code)
                for problem in problems
            ],
        )
    rows: list[ImportRow | Verdict] = [
        ImportRow(
            line=row.line,
            serial=row.serial,
            hardware_hash=row.hardware_hash,
            product_key=row.product_id,
            group_tag=row.group_tag,
            assigned_user=row.assigned_user,
        )
        for row in file.rows
    ]
    rows += [
        refuse(
            ImportRow(problem.line, problem.serial, ""), Refusal.INVALID_HARDWARE_HASH, f"{problem.message}."
        )
        for problem in file.problems
    ]
    return sorted(rows, key=lambda row: row.line)


def read_rows(rows: Iterable[ImportRow | Verdict]) -> list[Prepared | Verdict]:
    """Read every row of one file or request and refuse what cannot be a registration, duplicates included.

    This takes about as long as the whole rest of an import; call it outside of units of work.
    """
    return refuse_duplicates([row if isinstance(row, Verdict) else read_row(row) for row in rows])


def read_row(row: ImportRow) -> Prepared | Verdict:
    """Decode the hash of a row; a verdict if there is none, or none that can be registered."""
    if not row.hardware_hash.strip():
        return _without_hash(row)
    try:
        presented = hwhash.decode(row.hardware_hash)
    except HardwareHashError as error:
        return refuse(row, Refusal.INVALID_HARDWARE_HASH, f"{error.message}.")
    if problems := hwhash.registration_problems(presented):
        return refuse(
            row, Refusal.INVALID_HARDWARE_HASH, " ".join(f"{problem.message}." for problem in problems)
        )
    if fault := next(_text_faults(row), None):
        return refuse(row, Refusal.INVALID_REQUEST_BODY, fault)
    warnings = [f"{warning.message}." for warning in hwhash.identity_warnings(presented)]
    warnings += [f"{warning.message}." for warning in presented.warnings if warning.code == "CutShort"]
    serial = row.serial.strip()
    if not serial:
        serial = presented.serial
        if fault := next(_faults_of("serial number in the hash", serial, SERIAL_LIMIT), None):
            return refuse(row, Refusal.INVALID_HARDWARE_HASH, f"The row has no serial number. {fault}")
        warnings.append(f"The row has no serial number; the one in the hash was taken, {serial}.")
    elif fold(serial) != fold(presented.serial):
        warnings.append(
            f"The row says serial number {serial}, the hash says {presented.serial}; the row's was kept. "
            "The hash may belong to another device."
        )
    return Prepared(row, presented, hwhash.evidence(presented), serial, tuple(warnings))


def _text_faults(row: ImportRow) -> Iterator[str]:
    for name, text, limit in (
        ("serial number", row.serial, SERIAL_LIMIT),
        ("product id", row.product_key, TEXT_LIMIT),
        ("group tag", row.group_tag, TEXT_LIMIT),
        ("assigned user", row.assigned_user, TEXT_LIMIT),
        ("purchase order", row.purchase_order, TEXT_LIMIT),
    ):
        yield from _faults_of(name, text, limit)


def _faults_of(name: str, text: str, limit: int) -> Iterator[str]:
    if len(text) > limit:
        yield f"The {name} has {len(text)} characters; at most {limit} are allowed."
    if not text.isprintable():
        yield f"The {name} holds characters that cannot be seen."


def _without_hash(row: ImportRow) -> Verdict:
    """The verdict of a row that has no hardware hash."""
    if row.serial.strip() or row.product_key.strip():
        return refuse(
            row,
            Refusal.DEVICE_NOT_FOUND,
            "The row has no hardware hash, and by serial number or product id alone no device is found.",
        )
    return refuse(
        row, Refusal.MISSING_SERIAL, "The row has neither a serial number nor a product id nor a hash."
    )


def refuse_duplicates(rows: Iterable[Prepared | Verdict]) -> list[Prepared | Verdict]:
    """The same rows; of several with the same hardware the first stays, the others become
    `ZtdDeviceDuplicated`.
    """
    first: dict[object, list[Prepared]] = {}
    serials: dict[str, int] = {}
    result: list[Prepared | Verdict] = []
    for row in rows:
        if isinstance(row, Verdict):
            result.append(row)
            continue
        keys: list[object] = [row.hash.blob, *claim_keys(row.keys)]
        twin = next((seen for key in keys for seen in first.get(key, ()) if _same(seen, row)), None)
        if twin is not None:
            result.append(_duplicate(row, twin.row.line))
            continue
        for key in keys:
            first.setdefault(key, []).append(row)
        line = serials.setdefault(fold(row.serial), row.row.line)
        result.append(row if line == row.row.line else replace(row, serial_twin=line))
    return result


def judge(tenant: TenantKey, row: Prepared, facts: Facts) -> Acceptance | Verdict:
    """Whether a row becomes a registration of `tenant`."""
    claim = next((c for c in facts.claims if same_hardware(row.keys, c.keys)), None)
    if claim is not None:
        return _claimed(tenant, row, claim)
    warnings = [*row.warnings, *_serial_warnings(row, facts)]
    upn = row.row.assigned_user.strip()
    user = facts.user
    if upn and fold(upn.rpartition("@")[2]) not in facts.domains:
        return refuse(
            row.row,
            Refusal.UNKNOWN_DOMAIN,
            f"The domain of the assigned user {upn} does not belong to this organisation.",
            row.serial,
        )
    if user is not None and not user.licensed:
        warnings.append(
            f"{user.upn} has no licence and was not assigned; license the user, then assign the device."
        )
        user, upn = None, ""
    elif user is not None:
        upn = user.upn
    elif upn:
        warnings.append(f"There is no user {upn} yet; the device will be assigned when the user appears.")
    return Acceptance(row, user, upn, tuple(warnings))


def _serial_warnings(row: Prepared, facts: Facts) -> Iterable[str]:
    """Equal serial numbers are accepted, the hash decides (spec/autopilot.md 11, choice 22)."""
    if row.serial_twin is not None:
        yield f"Line {row.serial_twin} holds the same serial number {row.serial} with another hardware hash."
    elif facts.serial_known and not is_placeholder_serial(row.serial):
        yield (
            f"The serial number {row.serial} is registered already, with another hardware hash. "
            "If this is the same device after a repair, deregister the older registration."
        )


def _duplicate(row: Prepared, line: int) -> Verdict:
    message = f"The import holds this device twice; line {line} was taken."
    return refuse(row.row, Refusal.DUPLICATED, message, row.serial)


def _claimed(tenant: TenantKey, row: Prepared, claim: Claim) -> Verdict:
    if claim.line is not None:
        return _duplicate(row, claim.line)
    if claim.tenant != tenant:
        return refuse(
            row.row,
            Refusal.OTHER_TENANT,
            f"The device {row.serial} is registered to another organisation.",
            row.serial,
        )
    return refuse(
        row.row,
        Refusal.ALREADY_ASSIGNED,
        f"The device {row.serial} is registered already, with the ZTDID {claim.registration}.",
        row.serial,
    )


def _same(seen: Prepared, row: Prepared) -> bool:
    return seen.hash.blob == row.hash.blob or same_hardware(row.keys, seen.keys)
