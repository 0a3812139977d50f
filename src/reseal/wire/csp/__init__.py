"""Addresses and values of Windows' configuration service providers (spec/mdm-wire.md 3.4, 4, 5).

`LocURI` is an address that is understood: checked, encoded per name, comparable. A `Leaf` says what can stand
at a place: its format, its range, the scopes that have it; `leaf.put(base, value)` gives the `NodeValue` that
becomes an Add or Replace, `leaf.read(data)` understands what a device answers. The bases are functions:
`provider`, `preparing_provider`, `msi`, `certificate`, `wifi_profile`, `policy` and so on.

The lists of the Enrollment Status Page are `Expected` entries; the job of a Windows Installer package is a
`MsiInstallJob`.

Nothing here knows what a device should have, or in which session it is sent. A value that a device would
refuse for its format or range is refused here.
"""

from reseal.wire.csp.dmclient import (
    BlockInStatusPage,
    Enrollment,
    FirstSync,
    Poll,
    Provisioned,
    first_sync_status,
    provider,
    unenroll,
)
from reseal.wire.csp.enrollment_status import (
    HAS_PROVISIONING_COMPLETED,
    TRACKING_CREATED,
    AppState,
    Preparation,
    PreparationState,
    RebootRequired,
    TrackedApp,
    app_provider,
    hold_preparation,
    preparing_provider,
    tracked_app,
    tracking,
)
from reseal.wire.csp.expected import SEPARATOR, Expected, read_expected, write_expected
from reseal.wire.csp.locuri import CspError, LocURI, Scope, read_names, write_names
from reseal.wire.csp.msi import (
    Msi,
    MsiInstallJob,
    MsiStatus,
    expected_msi,
    install_commands,
    msi,
    read_job,
    uninstall_command,
    write_job,
)
from reseal.wire.csp.nodes import Leaf, NodeValue, Value, vendor
from reseal.wire.csp.settings import (
    AdmxKind,
    Certificate,
    CertificateStore,
    DevDetail,
    DevInfo,
    Wifi,
    admx_install,
    certificate,
    policy,
    policy_result,
    trusted_certificate,
    wifi_profile,
)

__all__ = [
    "HAS_PROVISIONING_COMPLETED",
    "SEPARATOR",
    "TRACKING_CREATED",
    "AdmxKind",
    "AppState",
    "BlockInStatusPage",
    "Certificate",
    "CertificateStore",
    "CspError",
    "DevDetail",
    "DevInfo",
    "Enrollment",
    "Expected",
    "FirstSync",
    "Leaf",
    "LocURI",
    "Msi",
    "MsiInstallJob",
    "MsiStatus",
    "NodeValue",
    "Poll",
    "Preparation",
    "PreparationState",
    "Provisioned",
    "RebootRequired",
    "Scope",
    "TrackedApp",
    "Value",
    "Wifi",
    "admx_install",
    "app_provider",
    "certificate",
    "expected_msi",
    "first_sync_status",
    "hold_preparation",
    "install_commands",
    "msi",
    "policy",
    "policy_result",
    "preparing_provider",
    "provider",
    "read_expected",
    "read_job",
    "read_names",
    "tracked_app",
    "tracking",
    "trusted_certificate",
    "unenroll",
    "uninstall_command",
    "vendor",
    "wifi_profile",
    "write_expected",
    "write_job",
    "write_names",
]
