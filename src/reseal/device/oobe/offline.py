"""A deployment profile laid on the disk, for a device that gets none online (spec/autopilot.md 4.5).

It counts only when the server knows no registration of this machine, or cannot be asked; an online profile
wins. A file that Windows would not take (another encoding, no profile in it) is as if it were not there. It
names an organisation; where to sign in is asked of the server, whose answer the file cannot hold.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from reseal.device.transport import TransportError
from reseal.wire.offline_profile import (
    FILE_NAME,
    JoinMethod,
    OfflineProfile,
    OfflineProfileError,
    OobeConfig,
    read_offline_profile,
)
from reseal.wire.runtime.messages import OobeProfile, Organisation, ProfileAnswer, Standing, Urls

if TYPE_CHECKING:
    from reseal.device.oobe.context import Oobe

FILE: Final = f"windows/Provisioning/Autopilot/{FILE_NAME}"

_LONGEST_NAME: Final = 15
_DIGITS: Final = re.compile(r"%RAND:(\d+)%")
_SERIAL: Final = "%SERIAL%"


def offline_profile(oobe: Oobe) -> OfflineProfile | None:
    """The profile on the disk, if there is one that can be followed."""
    content = oobe.parts.disk.read(FILE)
    if content is None:
        return None
    try:
        return read_offline_profile(content)
    except OfflineProfileError as error:
        oobe.parts.tell("profile.file_ignored", {"code": error.code, "message": error.message})
        return None


async def offline_answer(oobe: Oobe) -> ProfileAnswer | None:
    """Who the device is by the file on its disk; None if there is none, or its organisation is not found."""
    profile = offline_profile(oobe)
    urls = None if profile is None else await _urls(oobe, profile)
    if profile is None or urls is None:
        return None
    return ProfileAnswer(
        standing=Standing.UNREGISTERED,
        organisation=Organisation(
            name=profile.tenant_domain, tenant_id=profile.tenant_id, domain=profile.tenant_domain
        ),
        profile=_shown(profile, oobe.hardware.serial),
        urls=urls,
    )


def correlator(oobe: Oobe) -> str:
    """What an enrolment by the file is known by; empty for one by a registration."""
    profile = offline_profile(oobe) if oobe.profile.registration is None else None
    return "" if profile is None else str(profile.correlation_id)


async def _urls(oobe: Oobe, profile: OfflineProfile) -> Urls | None:
    """Where people of the organisation sign in, as the server publishes it (OpenID Connect Discovery 4)."""
    server = oobe.channel.base.removesuffix("/runtime/v1")
    base = f"{server}/{profile.tenant_id}"
    try:
        answer = await oobe.http.get(f"{base}/v2.0/.well-known/openid-configuration")
    except TransportError:
        return None
    published = answer.json() if answer.ok else {}
    authorize, token = published.get("authorization_endpoint"), published.get("token_endpoint")
    if not isinstance(authorize, str) or not isinstance(token, str):
        return None
    return Urls(
        authorize=authorize,
        token=token,
        device_registration=f"{base}/Discover?api-version=1.9",
        runtime=oobe.channel.base,
    )


def _shown(profile: OfflineProfile, serial: str) -> OobeProfile:
    config = profile.oobe_config
    return OobeProfile(
        name=profile.profile_name,
        join_type="azureAD" if profile.join_method is JoinMethod.ENTRA else "activeDirectory",
        standard_user=OobeConfig.OOBE_USER_NOT_LOCAL_ADMIN in config,
        eula_hidden=OobeConfig.SKIP_EULA in config,
        privacy_hidden=OobeConfig.SKIP_EXPRESS_SETTINGS in config,
        escape_link_hidden=profile.forced_enrollment,
        locale=profile.language or "os-default",
        keyboard_skipped=OobeConfig.SKIP_KEYBOARD in config,
        device_name=_named(profile, serial),
    )


def _named(profile: OfflineProfile, serial: str) -> str:
    """The name by the file's template. Its digits come from the machine: each start gives the same."""
    chance = int.from_bytes(sha256(f"{profile.correlation_id} {serial}".encode()).digest(), "big")

    def digits(found: re.Match[str]) -> str:
        length = min(int(found[1]), _LONGEST_NAME)
        return f"{chance % 10**length:0{length}}"

    name = _DIGITS.sub(digits, profile.device_name)
    room = max(0, _LONGEST_NAME - len(name.replace(_SERIAL, "")))
    fitting = "".join(letter for letter in serial if letter.isascii() and (letter.isalnum() or letter == "-"))
    return name.replace(_SERIAL, fitting[-room:] if room else "")[:_LONGEST_NAME]
