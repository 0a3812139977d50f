"""`AutopilotConfigurationFile.json`: a deployment profile laid on a disk, for devices that get none online.

The file is ASCII without byte order mark, holds one profile and has exactly this name; else Windows goes on
as if there were no Autopilot. It works for the user-driven mode only, and an online profile wins over it. It
names a tenant by id and domain. Source: spec/autopilot.md 4.5, spec/device-artifacts.md 4.1.
"""

import json
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, IntFlag
from typing import Final
from uuid import UUID

from reseal.wire.errors import WireError

FILE_NAME: Final = "AutopilotConfigurationFile.json"
VERSION: Final = 2049

_LARGEST_FILE: Final = 64 * 1024
_LARGEST_NUMBER: Final = 2**31 - 1
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_COMMENT: Final = "Profile "
_MILLISECOND: Final = timedelta(milliseconds=1)


class OobeConfig(IntFlag):
    """Bits of CloudAssignedOobeConfig. Microsoft documents the first five, its scripts show the others."""

    SKIP_CORTANA_OPT_IN = 1
    OOBE_USER_NOT_LOCAL_ADMIN = 2
    SKIP_EXPRESS_SETTINGS = 4
    SKIP_OEM_REGISTRATION = 8
    SKIP_EULA = 16
    TPM_ATTESTATION = 32
    DEVICE_AUTHENTICATION = 64
    ENTRA_TPM_REQUIRED = 128
    SKIP_WINDOWS_UPGRADE_UX = 256
    ENABLE_PATCH_DOWNLOAD = 512
    SKIP_KEYBOARD = 1024

    @property
    def names(self) -> tuple[str, ...]:
        """The documented names of the bits that are set, lowest first; a bit without name as its number."""
        bits = (1 << position for position in range(self.value.bit_length()) if self.value >> position & 1)
        return tuple(_BIT_NAMES.get(bit, str(bit)) for bit in bits)


_BIT_NAMES: Final[Mapping[int, str]] = {
    OobeConfig.SKIP_CORTANA_OPT_IN: "SkipCortanaOptIn",
    OobeConfig.OOBE_USER_NOT_LOCAL_ADMIN: "OobeUserNotLocalAdmin",
    OobeConfig.SKIP_EXPRESS_SETTINGS: "SkipExpressSettings",
    OobeConfig.SKIP_OEM_REGISTRATION: "SkipOemRegistration",
    OobeConfig.SKIP_EULA: "SkipEula",
    OobeConfig.TPM_ATTESTATION: "TPM attestation",
    OobeConfig.DEVICE_AUTHENTICATION: "Device authentication",
    OobeConfig.ENTRA_TPM_REQUIRED: "Entra TPM required",
    OobeConfig.SKIP_WINDOWS_UPGRADE_UX: "Skip Windows upgrade UX",
    OobeConfig.ENABLE_PATCH_DOWNLOAD: "Enable patch download",
    OobeConfig.SKIP_KEYBOARD: "Skip keyboard",
}

ALWAYS: Final = OobeConfig.SKIP_OEM_REGISTRATION | OobeConfig.SKIP_WINDOWS_UPGRADE_UX
"""What every exported profile sets."""
SELF_DEPLOYING: Final = OobeConfig.TPM_ATTESTATION | OobeConfig.DEVICE_AUTHENTICATION


def oobe_config(
    *,
    standard_user: bool = False,
    hide_privacy_settings: bool = False,
    hide_eula: bool = False,
    skip_keyboard: bool = False,
    self_deploying: bool = False,
) -> OobeConfig:
    """The bits of a deployment profile's settings. All hidden, standard user, keyboard skipped: 1310."""
    config = ALWAYS
    for chosen, bits in (
        (standard_user, OobeConfig.OOBE_USER_NOT_LOCAL_ADMIN),
        (hide_privacy_settings, OobeConfig.SKIP_EXPRESS_SETTINGS),
        (hide_eula, OobeConfig.SKIP_EULA),
        (skip_keyboard, OobeConfig.SKIP_KEYBOARD),
        (self_deploying, SELF_DEPLOYING),
    ):
        if chosen:
            config |= bits
    return config


class JoinMethod(IntEnum):
    """CloudAssignedDomainJoinMethod."""

    ENTRA = 0
    HYBRID = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineProfile:
    """One profile as the file holds it."""

    profile_name: str
    tenant_id: UUID
    tenant_domain: str
    oobe_config: OobeConfig
    join_method: JoinMethod
    forced_enrollment: bool
    """Joining and enrolling cannot be skipped; comes from *Hide change account options*."""
    correlation_id: UUID
    """Sent at enrolment as OfflineAutopilotEnrollmentCorrelator."""
    device_name: str = ""
    """Name template with `%SERIAL%` and `%RAND:n%`; empty for none."""
    language: str = ""
    """BCP 47 tag or `os-default`; set together with skipping the keyboard page."""
    region: str = ""
    skip_connectivity_check: bool = False
    """Hybrid only: do not look for a domain controller."""
    update_disabled: bool = True
    update_timeout: timedelta = timedelta(minutes=30)
    """How long Windows waits for updates of Autopilot itself; whole milliseconds."""


class OfflineProfileError(WireError):
    """Bytes that Windows would not take as the profile file, or a profile that it could not use."""


def write_offline_profile(profile: OfflineProfile) -> bytes:
    """The content of AutopilotConfigurationFile.json: ASCII, CRLF, without byte order mark.

    Raises OfflineProfileError if the profile cannot work offline: it is self-deploying, or has no domain.
    """
    _require_usable(profile)
    required: dict[str, str | int] = {
        "CloudAssignedTenantId": str(profile.tenant_id),
        "CloudAssignedTenantDomain": profile.tenant_domain,
        "CloudAssignedDomainJoinMethod": int(profile.join_method),
        "CloudAssignedOobeConfig": int(profile.oobe_config),
        "CloudAssignedForcedEnrollment": int(profile.forced_enrollment),
        "CloudAssignedAadServerData": json.dumps(_server_data(profile), separators=(",", ":")),
        "CloudAssignedAutopilotUpdateDisabled": int(profile.update_disabled),
        "CloudAssignedAutopilotUpdateTimeout": profile.update_timeout // _MILLISECOND,
        "ZtdCorrelationId": str(profile.correlation_id),
        "Version": VERSION,
        "Comment_File": _COMMENT + profile.profile_name,
    }
    optional: dict[str, str | int] = {
        "CloudAssignedDeviceName": profile.device_name,
        "CloudAssignedLanguage": profile.language,
        "CloudAssignedRegion": profile.region,
        "HybridJoinSkipDCConnectivityCheck": int(profile.skip_connectivity_check),
    }
    content = required | {key: value for key, value in optional.items() if value}
    text = json.dumps(content, indent=4, ensure_ascii=True)
    return f"{text}\n".replace("\n", "\r\n").encode("ascii")


def read_offline_profile(data: bytes) -> OfflineProfile:
    """The profile in AutopilotConfigurationFile.json; keys that are not in the specification are ignored.

    Raises OfflineProfileError where Windows would go on without Autopilot or could not follow: a byte order
    mark or another character outside ASCII, no JSON object, a required key that is missing or of the wrong
    kind, values that contradict each other, a self-deploying profile.
    """
    fields = _Fields(_object(_ascii(data)))
    version = fields.integer("Version")
    if version != VERSION:
        raise fields.wrong("Version", f"is {version}; only {VERSION} is known")
    profile = OfflineProfile(
        profile_name=fields.text("Comment_File", "").removeprefix(_COMMENT),
        tenant_id=fields.uuid("CloudAssignedTenantId"),
        tenant_domain=fields.text("CloudAssignedTenantDomain"),
        oobe_config=OobeConfig(fields.integer("CloudAssignedOobeConfig")),
        join_method=JoinMethod(fields.flag("CloudAssignedDomainJoinMethod")),
        forced_enrollment=fields.flag("CloudAssignedForcedEnrollment"),
        correlation_id=fields.uuid("ZtdCorrelationId"),
        device_name=fields.text("CloudAssignedDeviceName", ""),
        language=fields.text("CloudAssignedLanguage", ""),
        region=fields.text("CloudAssignedRegion", ""),
        skip_connectivity_check=fields.flag("HybridJoinSkipDCConnectivityCheck", 0),
        update_disabled=fields.flag("CloudAssignedAutopilotUpdateDisabled", 0),
        update_timeout=fields.integer("CloudAssignedAutopilotUpdateTimeout", 1_800_000) * _MILLISECOND,
    )
    _require_usable(profile)
    _require_same(profile, fields)
    return profile


def _require_same(profile: OfflineProfile, fields: "_Fields") -> None:
    """The file says two things twice; Windows does not tell which it follows, so they must agree."""
    key = "CloudAssignedAadServerData"
    server = _Fields(_object(fields.text(key), key)).inner("ZeroTouchConfig")
    same_domain = server.text("CloudAssignedTenantDomain").casefold() == profile.tenant_domain.casefold()
    if not same_domain or server.flag("ForcedEnrollment") != profile.forced_enrollment:
        raise fields.wrong(key, "names another domain or another enrolment than the keys outside of it")


def _server_data(profile: OfflineProfile) -> dict[str, dict[str, str | int]]:
    return {
        "ZeroTouchConfig": {
            "CloudAssignedTenantUpn": "",
            "ForcedEnrollment": int(profile.forced_enrollment),
            "CloudAssignedTenantDomain": profile.tenant_domain,
        }
    }


def _require_usable(profile: OfflineProfile) -> None:
    if profile.oobe_config & SELF_DEPLOYING:
        raise OfflineProfileError(
            code="SelfDeployingOffline",
            message="The profile is self-deploying, which needs TPM attestation and so the network",
            remedy="Use a user-driven profile",
        )
    if not profile.tenant_domain:
        raise OfflineProfileError(
            code="MissingDomain",
            message="The profile names no domain",
            remedy="Give the domain of the tenant",
        )


def _ascii(data: bytes) -> str:
    if len(data) > _LARGEST_FILE:
        raise OfflineProfileError(
            code="TooLarge",
            message=f"{FILE_NAME} has {len(data)} bytes; one profile needs less than {_LARGEST_FILE}",
            remedy="Export the profile again",
        )
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        marked = data.startswith((BOM_UTF8, BOM_UTF16_LE, BOM_UTF16_BE))
        what = "begins with a byte order mark" if marked else "holds a character outside ASCII"
        raise OfflineProfileError(
            code="Encoding",
            message=f"{FILE_NAME} {what}; Windows would ignore the file",
            remedy="Save it as ASCII (ANSI), not as UTF-8 or Unicode",
            offset=error.start,
        ) from error


def _object(text: str, name: str = FILE_NAME) -> dict[str, object]:
    try:
        value = json.loads(text, object_pairs_hook=_without_repetition)
    except RecursionError as error:
        raise _not_json(name, "it is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise _not_json(name, error.msg, error.lineno if name == FILE_NAME else None) from error
    except ValueError as error:
        raise _not_json(name, str(error)) from error
    if not isinstance(value, dict):
        raise _not_json(name, "it is not an object with keys")
    return value


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key stands twice in it")
    return content


def _not_json(name: str, why: str, line: int | None = None) -> OfflineProfileError:
    message, remedy = f"{name} is not the JSON of a profile: {why}", "Export the profile again"
    return OfflineProfileError(code="NotJson", message=message, remedy=remedy, line=line)


@dataclass(frozen=True, slots=True)
class _Fields:
    """Typed access to the keys of a JSON object."""

    content: Mapping[str, object]

    def text(self, key: str, default: str | None = None) -> str:
        value = self._value(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "is not a text")
        return value

    def integer(self, key: str, default: int | None = None) -> int:
        value = self._value(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST_NUMBER:
            raise self.wrong(key, f"is not a number from 0 to {_LARGEST_NUMBER}")
        return value

    def flag(self, key: str, default: int | None = None) -> bool:
        value = self.integer(key, default)
        if value > 1:
            raise self.wrong(key, f"is {value}, not 0 or 1")
        return value == 1

    def inner(self, key: str) -> "_Fields":
        value = self._value(key, None)
        if not isinstance(value, dict):
            raise self.wrong(key, "is not an object with keys")
        return _Fields(value)

    def uuid(self, key: str) -> UUID:
        value = self.text(key)
        if not _UUID.fullmatch(value):
            raise self.wrong(key, "is not a GUID without braces")
        return UUID(value)

    def wrong(self, key: str, how: str) -> OfflineProfileError:
        message = f"The key {key} {how}"
        return OfflineProfileError(code="WrongValue", message=message, remedy="Export the profile again")

    def _value(self, key: str, default: object) -> object:
        value = self.content.get(key, default)
        if value is None:
            raise self.wrong(key, "is missing")
        return value
