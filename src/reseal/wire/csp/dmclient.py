"""DMClient: the enrolment as the device sees it, its polling, and the Enrollment Status Page.

Source: spec/mdm-wire.md 3.10, 3.11, 3.12, 4.1, 5.2. Leaves stand below `provider(...)`.
"""

from enum import IntEnum, IntFlag
from functools import lru_cache
from typing import Final

from reseal.wire.csp.locuri import LocURI, Scope
from reseal.wire.csp.nodes import BOTH, Leaf, vendor
from reseal.wire.syncml import Exec, Format, Meta, execute


@lru_cache(maxsize=16)
def provider(provider_id: str, scope: Scope = Scope.DEVICE) -> LocURI:
    """The node of an enrolment; `provider_id` is the PROVIDER-ID of its provisioning document."""
    return vendor("DMClient", scope).under(("Provider", provider_id))


def first_sync_status(provider_id: str, scope: Scope = Scope.DEVICE) -> LocURI:
    """The interior node of the page; in User scope it has to be added first (spec/mdm-wire.md 4.4)."""
    return provider(provider_id, scope) / "FirstSyncStatus"


def unenroll(provider_id: str) -> Exec:
    """The command that ends the enrolment: all sessions are cut, no Status comes (spec/mdm-wire.md 3.12)."""
    target = provider(provider_id) / "Unenroll"
    return execute(str(target), provider_id, Meta(format=Format.CHR))


class BlockInStatusPage(IntFlag):
    """What the page offers when it fails; with none of them the user may leave it at any time."""

    RESET_PC = 1
    TRY_AGAIN = 2
    CONTINUE_ANYWAY = 4


class Provisioned(IntEnum):
    """Values of FirstSync.WAS_SUCCESSFUL."""

    FAILED = 0
    SUCCEEDED = 1
    IN_PROGRESS = 2


class FirstSync:
    """The leaves of the page (spec/mdm-wire.md 4.1)."""

    EXPECTED_POLICIES: Final = Leaf("FirstSyncStatus/ExpectedPolicies", Format.CHR, BOTH)
    EXPECTED_NETWORK_PROFILES: Final = Leaf("FirstSyncStatus/ExpectedNetworkProfiles", Format.CHR, BOTH)
    EXPECTED_MSI_APP_PACKAGES: Final = Leaf("FirstSyncStatus/ExpectedMSIAppPackages", Format.CHR, BOTH)
    EXPECTED_MODERN_APP_PACKAGES: Final = Leaf("FirstSyncStatus/ExpectedModernAppPackages", Format.CHR, BOTH)
    EXPECTED_PFX_CERTS: Final = Leaf("FirstSyncStatus/ExpectedPFXCerts", Format.CHR, BOTH)
    EXPECTED_SCEP_CERTS: Final = Leaf("FirstSyncStatus/ExpectedSCEPCerts", Format.CHR, BOTH)
    TIMEOUT: Final = Leaf("FirstSyncStatus/TimeOutUntilSyncFailure", Format.INT, lowest=1, highest=1_440)
    """Minutes; 60 by default."""
    SERVER_HAS_FINISHED: Final = Leaf("FirstSyncStatus/ServerHasFinishedProvisioning", Format.BOOL, BOTH)
    """True releases the phase and freezes its lists; never goes back."""
    IS_SYNC_DONE: Final = Leaf("FirstSyncStatus/IsSyncDone", Format.BOOL, BOTH)
    WAS_SUCCESSFUL: Final = Leaf(
        "FirstSyncStatus/WasDeviceSuccessfullyProvisioned", Format.INT, BOTH, lowest=0, highest=2
    )
    BLOCK_IN_STATUS_PAGE: Final = Leaf("FirstSyncStatus/BlockInStatusPage", Format.INT, lowest=0, highest=7)
    """`BlockInStatusPage`."""
    ALLOW_COLLECT_LOGS: Final = Leaf("FirstSyncStatus/AllowCollectLogsButton", Format.BOOL, BOTH)
    CUSTOM_ERROR_TEXT: Final = Leaf("FirstSyncStatus/CustomErrorText", Format.CHR, BOTH)
    SKIP_DEVICE_STATUS_PAGE: Final = Leaf("FirstSyncStatus/SkipDeviceStatusPage", Format.BOOL)
    """True by default: without false the page of the device phase does not show."""
    SKIP_USER_STATUS_PAGE: Final = Leaf("FirstSyncStatus/SkipUserStatusPage", Format.BOOL)
    """True by default."""


class Poll:
    """When the device comes by itself (spec/mdm-wire.md 3.10). Intervals are minutes, numbers 0 for ever."""

    FIRST_INTERVAL: Final = Leaf("Poll/IntervalForFirstSetOfRetries", Format.INT, lowest=0)
    FIRST_NUMBER: Final = Leaf("Poll/NumberOfFirstRetries", Format.INT, lowest=0)
    SECOND_INTERVAL: Final = Leaf("Poll/IntervalForSecondSetOfRetries", Format.INT, lowest=0)
    SECOND_NUMBER: Final = Leaf("Poll/NumberOfSecondRetries", Format.INT, lowest=0)
    REMAINING_INTERVAL: Final = Leaf("Poll/IntervalForRemainingScheduledRetries", Format.INT, lowest=0)
    REMAINING_NUMBER: Final = Leaf("Poll/NumberOfRemainingScheduledRetries", Format.INT, lowest=0)
    ON_LOGIN: Final = Leaf("Poll/PollOnLogin", Format.BOOL)
    ALL_USERS_ON_FIRST_LOGIN: Final = Leaf("Poll/AllUsersPollOnFirstLogin", Format.BOOL)


class Enrollment:
    """What else the device keeps of its enrolment (spec/mdm-wire.md 3.11, 5.2)."""

    ENT_DM_ID: Final = Leaf("EntDMID", Format.CHR)
    """The server's id of the device."""
    ENT_DEVICE_NAME: Final = Leaf("EntDeviceName", Format.CHR)
    UPN: Final = Leaf("UPN", Format.CHR)
    EXCHANGE_ID: Final = Leaf("ExchangeID", Format.CHR)
    PUBLISHER_DEVICE_ID: Final = Leaf("PublisherDeviceID", Format.CHR)
    MANAGEMENT_SERVICE_ADDRESS: Final = Leaf("ManagementServiceAddress", Format.CHR)
    MANAGEMENT_SERVER_ADDRESS_LIST: Final = Leaf("ManagementServerAddressList", Format.CHR)
    HELP_PHONE_NUMBER: Final = Leaf("HelpPhoneNumber", Format.CHR)
    HELP_WEBSITE: Final = Leaf("HelpWebsite", Format.CHR)
    HELP_EMAIL_ADDRESS: Final = Leaf("HelpEmailAddress", Format.CHR)
    REQUIRE_MESSAGE_SIGNING: Final = Leaf("RequireMessageSigning", Format.BOOL)
    SYNC_APPLICATION_VERSION: Final = Leaf("SyncApplicationVersion", Format.CHR)
    MAX_SYNC_APPLICATION_VERSION: Final = Leaf("MaxSyncApplicationVersion", Format.CHR)
    AAD_RESOURCE_ID: Final = Leaf("AADResourceID", Format.CHR)
    AAD_DEVICE_ID: Final = Leaf("AADDeviceID", Format.CHR)
    AAD_SEND_DEVICE_TOKEN: Final = Leaf("AADSendDeviceToken", Format.BOOL)
    ENROLLMENT_TYPE: Final = Leaf("EnrollmentType", Format.CHR)
    HARDWARE_DEVICE_ID: Final = Leaf("HWDevID", Format.CHR)
    DAYS_TO_UNENROLL_AFTER_LOST_CONTACT: Final = Leaf(
        "NumberOfDaysAfterLostContactToUnenroll", Format.INT, lowest=0
    )
    PUSH_PACKAGE_FAMILY_NAME: Final = Leaf("Push/PFN", Format.CHR)
    PUSH_CHANNEL_URI: Final = Leaf("Push/ChannelURI", Format.CHR)
    PUSH_STATUS: Final = Leaf("Push/Status", Format.INT, lowest=0)
