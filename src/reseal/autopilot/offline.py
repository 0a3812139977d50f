"""Exporting a profile as `AutopilotConfigurationFile.json` for devices that get none online
(spec/autopilot.md 4.5).
"""

from __future__ import annotations

from uuid import UUID

from reseal.autopilot.model_profile import DeviceUsageType, JoinType, Profile, UserType
from reseal.autopilot.profiles import profile_by_id
from reseal.directory.tenants import domains, tenant_by_id
from reseal.kernel.db import Tx
from reseal.kernel.errors import Invalid
from reseal.kernel.ids import TenantKey
from reseal.wire.offline_profile import (
    JoinMethod,
    OfflineProfile,
    OfflineProfileError,
    oobe_config,
    write_offline_profile,
)


def to_offline_json(tx: Tx, tenant: TenantKey, profile_id: int) -> bytes:
    """The file of a profile, ASCII; it names the organisation by its default domain.

    Raises `NotFound`, and `Invalid` for a profile that cannot work offline (self-deploying needs
    attestation).
    """
    profile = profile_by_id(tx, tenant, profile_id)
    domain = next(one.name for one in domains(tx, tenant) if one.is_default)
    try:
        return write_offline_profile(offline_profile(profile, tenant_by_id(tx, tenant).uuid, domain))
    except OfflineProfileError as error:
        raise Invalid(code=error.code, message=f"{error.message}.", remedy=f"{error.remedy}.") from error


def offline_profile(profile: Profile, tenant_uuid: UUID, domain: str) -> OfflineProfile:
    """The profile as the file holds it. Language and region are set together with skipping the keyboard
    page.
    """
    settings = profile.settings
    hybrid = settings.join_type is JoinType.HYBRID
    locale = settings.locale if settings.keyboard_selection_page_skipped else ""
    return OfflineProfile(
        profile_name=profile.name,
        tenant_id=tenant_uuid,
        tenant_domain=domain,
        oobe_config=oobe_config(
            standard_user=settings.user_type is UserType.STANDARD,
            hide_privacy_settings=settings.privacy_settings_hidden,
            hide_eula=settings.eula_hidden,
            skip_keyboard=settings.keyboard_selection_page_skipped,
            self_deploying=settings.device_usage_type is DeviceUsageType.SHARED,
        ),
        join_method=JoinMethod.HYBRID if hybrid else JoinMethod.ENTRA,
        forced_enrollment=settings.escape_link_hidden,
        correlation_id=profile.uuid,
        device_name=settings.device_name_template,
        language=locale,
        region=locale,
        skip_connectivity_check=hybrid and settings.hybrid_skip_connectivity_check,
    )
