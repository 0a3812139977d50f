"""What an administrator decides for the whole organisation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from reseal.directory.model_refusing import refuse_any
from reseal.kernel.errors import Detail

QUOTA_DEFAULT = 50
QUOTA_LIMIT = 100
URL_LIMIT = 1024
DYNAMIC_GROUPS_DEFAULT = 15_000
HOST_NAME_PREFIX_LIMIT = 8

_HOST_NAME_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")


class JoinAllowed(StrEnum):
    """Device settings, *Users may join devices*."""

    ALL = "all"
    SELECTED = "selected"
    NONE = "none"


class MdmScope(StrEnum):
    """Mobility, *MDM user scope*: whose devices enrol automatically when they join."""

    NONE = "none"
    SOME = "some"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class MdmUrls:
    """The three URLs that a joining device is given; None stands for the server's own."""

    discovery: str | None = None
    terms_of_use: str | None = None
    compliance: str | None = None

    def or_default(self, default: MdmUrls) -> MdmUrls:
        """These URLs, with `default` where nothing was set: setting one to None restores it."""
        return MdmUrls(
            self.discovery or default.discovery,
            self.terms_of_use or default.terms_of_use,
            self.compliance or default.compliance,
        )


def default_mdm_urls(device_url: str, public_url: str) -> MdmUrls:
    """The URLs of a server whose device listener is known as `device_url`, and the browser listener, which
    has the pages, as `public_url` (`spec/identity.md 4`).
    """
    pages = public_url.rstrip("/")
    return MdmUrls(default_discovery_url(device_url), f"{pages}/TermsOfUse", f"{pages}/compliance")


def default_discovery_url(device_url: str) -> str:
    """Where management begins at a server whose device listener is known as `device_url`."""
    return f"{device_url.rstrip('/')}/EnrollmentServer/Discovery.svc"


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """The settings of one organisation; the defaults are those of a new one.

    `user_device_quota` counts devices per user, None is unlimited. `builtin_default_profile` gives a
    registered device without a profile the built-in one (`spec/autopilot.md 11`, choice 1). `one_time_rule`
    refuses a second technician flow until the device is unblocked (choice 4). `user_before_attestation`
    shows the assigned user to a device whose TPM has not yet proven itself. `host_name_prefix` starts the
    names of devices without a name template. `dynamic_group_limit` is the number of dynamic groups (choice
    20).
    """

    user_device_quota: int | None = QUOTA_DEFAULT
    join_allowed: JoinAllowed = JoinAllowed.ALL
    mdm_scope: MdmScope = MdmScope.NONE
    mdm_urls: MdmUrls = field(default_factory=MdmUrls)
    builtin_default_profile: bool = True
    allow_virtual_tpm: bool = False
    one_time_rule: bool = True
    user_before_attestation: bool = False
    host_name_prefix: str = "DESKTOP-"
    dynamic_group_limit: int = DYNAMIC_GROUPS_DEFAULT

    def to_json(self) -> dict[str, Any]:
        """The settings as they are stored and logged."""
        return {
            **asdict(self),
            "join_allowed": self.join_allowed.value,
            "mdm_scope": self.mdm_scope.value,
        }

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> TenantSettings:
        """Stored settings; what a former version did not know yet takes its default."""
        known = {f.name for f in fields(TenantSettings)}
        values = {name: value for name, value in stored.items() if name in known}
        values["join_allowed"] = JoinAllowed(values.get("join_allowed", JoinAllowed.ALL))
        values["mdm_scope"] = MdmScope(values.get("mdm_scope", MdmScope.NONE))
        values["mdm_urls"] = MdmUrls(**values.get("mdm_urls", {}))
        return TenantSettings(**values)


def check_settings(settings: TenantSettings) -> TenantSettings:
    """The settings as given; raises `Invalid` with one detail for each that cannot be."""
    problems = [*_numbers(settings), *_urls(settings.mdm_urls), *_prefix(settings.host_name_prefix)]
    refuse_any(problems, "InvalidSetting", "setting", "organisation")
    return settings


def _numbers(settings: TenantSettings) -> Iterator[Detail]:
    quota = settings.user_device_quota
    if quota is not None and not 0 <= quota <= QUOTA_LIMIT:
        yield Detail(
            where="user_device_quota",
            message=f"{quota} devices per user is outside 0 to {QUOTA_LIMIT}.",
            remedy=f"Give 0 (nobody may join) to {QUOTA_LIMIT}, or no number for unlimited.",
        )
    if settings.dynamic_group_limit < 0:
        yield Detail(
            where="dynamic_group_limit",
            message=f"{settings.dynamic_group_limit} is less than none.",
            remedy="Give 0 or more.",
        )


def _urls(urls: MdmUrls) -> Iterator[Detail]:
    for name, url in asdict(urls).items():
        if url is not None and (reason := _unfit_url(url)):
            yield Detail(
                where=f"mdm_urls.{name}",
                message=f"{url[:80]!r} {reason}.",
                remedy="Give an https URL, or none to restore the default.",
            )


def _unfit_url(url: str) -> str | None:
    """Why a device cannot be sent to `url`, or None."""
    if len(url) > URL_LIMIT:
        return f"has {len(url)} characters; {URL_LIMIT} are allowed"
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        return "has characters that a URL may not have"
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname)
        _ = parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme != "https":
        return "does not begin with https://"
    if not has_host or parts.username is not None:
        return "names no host, or a user"
    return "has a fragment" if parts.fragment else None


def _prefix(prefix: str) -> Iterator[Detail]:
    if len(prefix) > HOST_NAME_PREFIX_LIMIT or not _HOST_NAME_PREFIX.fullmatch(prefix):
        yield Detail(
            where="host_name_prefix",
            message=f"{prefix!r} cannot start a host name.",
            remedy=f"Give 1 to {HOST_NAME_PREFIX_LIMIT} letters, digits and hyphens, no hyphen first.",
        )
