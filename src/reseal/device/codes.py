"""The codes that a device can show, and what each means: a table, and nothing else (spec/autopilot.md 8.2).

`causes` tells pages from it, `tools/error_codes.py` the technicians' documentation. Codes and names are
Microsoft's. What is `modelled`, the virtual laptop can come to; a test plays each of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reseal.web.phrases import Phrase, say


class Part(StrEnum):
    """Where in a deployment a code is met."""

    PROFILE = "profile"
    HARDWARE = "hardware"
    JOIN = "join"
    MANAGEMENT = "management"
    SETUP = "setup"
    """On the status page: apps, settings, certificates."""
    SIGN_IN = "signIn"
    NETWORK = "network"
    """In every step that speaks with a server."""
    LATER = "later"
    """After the deployment."""


class Who(StrEnum):
    """Who can do what the remedy says."""

    BENCH = "bench"
    """Whoever stands before the device."""
    ADMINISTRATOR = "administrator"
    """Who registers devices, assigns profiles and apps, and looks after users."""
    OPERATOR = "operator"
    """Who runs the server."""
    NETWORK = "network"
    """Who runs the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What one code means. `cause` says what happened and why, `remedy` what to do: whole sentences."""

    code: str
    """As pages show it: `0x801C03EA`, `807`, `AADSTS50126`."""
    name: str
    """What Microsoft calls it; a few words of ours where it has no name."""
    part: Part
    cause: Phrase
    remedy: Phrase
    who: Who
    modelled: bool = False
    """The virtual laptop can come to it."""
    untold: bool = False
    """The server refuses with this code without saying why, so pages add the cause."""
    windows: str = ""
    """What else is known of it on Windows; for the documentation alone."""


_ASSIGN_PROFILE: Final = say("Assign a profile to a group that the device is in, then restart the device.")
_REGISTER_ANEW: Final = say("Register the device again with a hardware hash that it captures now.")
_UPDATE_FIRMWARE: Final = say("Install the latest firmware of the device's manufacturer, then try again.")
_SIGN_IN_AGAIN: Final = say("Try again, and sign in again if you are asked to.")
_TRY_THEN_OPERATOR: Final = say("Try again. If it stays, ask who runs the server.")
_ASK_OPERATOR: Final = say("Ask who runs the server; its log says more.")
_RESET: Final = say("Reset the device and start over.")
_CONNECT: Final = say("Connect the device to a network, then try again.")
_SCOPE: Final = say("Set the MDM user scope to all, or to a group that the user is in, then try again.")
_FEWER_DEVICES: Final = say(
    "Remove one of the user's devices, or raise the maximum number of devices per user, then try again."
)
_MEND_APP: Final = say("Have the app and its installer looked at, then try again.")
_UPLOAD_AGAIN: Final = say("Try again. If it stays, have the app's package uploaded again.")

CAUSES: Final[tuple[Cause, ...]] = (
    # --- who the device is
    Cause(
        code="807",
        name="ZtdDeviceIsNotRegistered",
        part=Part.PROFILE,
        cause=say("This device is not registered with an organisation of this server."),
        remedy=say("Import its hardware hash, then restart the device."),
        who=Who.ADMINISTRATOR,
        modelled=True,
    ),
    Cause(
        code="809",
        name="ZtdDeviceHasNoAssignedProfile",
        part=Part.PROFILE,
        cause=say("The deployment profile that was assigned to this device has been deleted."),
        remedy=_ASSIGN_PROFILE,
        who=Who.ADMINISTRATOR,
    ),
    Cause(
        code="815",
        name="ZtdDeviceHasNoAssignedProfile",
        part=Part.PROFILE,
        cause=say("No deployment profile is assigned to this device."),
        remedy=_ASSIGN_PROFILE,
        who=Who.ADMINISTRATOR,
        modelled=True,
    ),
    Cause(
        code="908",
        name="SerialNumberMismatch, ProductKeyIdMismatch",
        part=Part.PROFILE,
        cause=say(
            "Serial number or product key on record are not those of this device; "
            "its main board may have been replaced."
        ),
        remedy=_REGISTER_ANEW,
        who=Who.ADMINISTRATOR,
    ),
    # --- the TPM
    Cause(
        code="0x800705B4",
        name="ERROR_TIMEOUT",
        part=Part.HARDWARE,
        cause=say("The device has no TPM 2.0 that answers."),
        remedy=say("Switch the TPM on in the firmware; a device without one cannot be pre-provisioned."),
        who=Who.BENCH,
        modelled=True,
        windows="Virtual machines show it too: they cannot be pre-provisioned.",
    ),
    Cause(
        code="0x801C03EA",
        name="TpmAttestationFailed",
        part=Part.HARDWARE,
        cause=say(
            "The TPM may be another one than the device was registered with, may work as TPM 1.2, or may be "
            "a virtual one that the organisation does not allow."
        ),
        remedy=say(
            "Set the TPM to 2.0 in the firmware, or register the device again with a hardware hash that it "
            "captures now. The organisation's event log names the reason."
        ),
        who=Who.ADMINISTRATOR,
        modelled=True,
        untold=True,
        windows="It is also seen when two profiles reach a device by two groups.",
    ),
    Cause(
        code="0x81039001",
        name="E_AUTOPILOT_CLIENT_TPM_MAX_ATTESTATION_RETRY_EXCEEDED",
        part=Part.HARDWARE,
        cause=say("The TPM was attested as often as is allowed, and no answer was right and in time."),
        remedy=say("Wait five minutes, then try again."),
        who=Who.BENCH,
        modelled=True,
        untold=True,
    ),
    Cause(
        code="0x81039023",
        name="TPM attestation on Windows 11",
        part=Part.HARDWARE,
        cause=say("The attestation of the TPM fails by a fault of this version of Windows 11."),
        remedy=say("Install the update KB5013943 or a later one, then try again."),
        who=Who.BENCH,
    ),
    Cause(
        code="0x81039024",
        name="Vulnerable TPM",
        part=Part.HARDWARE,
        cause=say("The TPM is not trusted, as its firmware has known vulnerabilities."),
        remedy=_UPDATE_FIRMWARE,
        who=Who.BENCH,
    ),
    Cause(
        code="0x80070490",
        name="ERROR_NOT_FOUND",
        part=Part.HARDWARE,
        cause=say("The attestation does not work with the firmware of this TPM, which is one of AMD."),
        remedy=_UPDATE_FIRMWARE,
        who=Who.BENCH,
    ),
    Cause(
        code="0x80090030",
        name="NTE_DEVICE_NOT_READY",
        part=Part.HARDWARE,
        cause=say("The device has no TPM to keep its key in."),
        remedy=say("Switch the TPM on in the firmware, then try again."),
        who=Who.BENCH,
        modelled=True,
    ),
    # --- the directory
    Cause(
        code="0x801C0001",
        name="Device registration: message format",
        part=Part.JOIN,
        cause=say("The directory could not read the device's request to join."),
        remedy=_ASK_OPERATOR,
        who=Who.OPERATOR,
    ),
    Cause(
        code="0x801C0002",
        name="Device registration: authentication",
        part=Part.JOIN,
        cause=say("What should prove the right to join has expired or was used before."),
        remedy=_SIGN_IN_AGAIN,
        who=Who.BENCH,
    ),
    Cause(
        code="0x801C0003",
        name="Device registration: authorization",
        part=Part.JOIN,
        cause=say("This user may not join devices, or has joined as many as are allowed."),
        remedy=say(
            "Allow the user to join devices, remove one of the user's devices, or raise the maximum number "
            "of devices per user, then try again."
        ),
        who=Who.ADMINISTRATOR,
        modelled=True,
    ),
    Cause(
        code="0x801C0006",
        name="Device registration: internal error",
        part=Part.JOIN,
        cause=say("The directory failed while it joined the device."),
        remedy=_TRY_THEN_OPERATOR,
        who=Who.OPERATOR,
    ),
    Cause(
        code="0x801C03F3",
        name="No directory device object",
        part=Part.JOIN,
        cause=say("The directory does not know this device any more: it was deleted or disabled there."),
        remedy=say("Register the device anew if it was deleted, then reset it."),
        who=Who.ADMINISTRATOR,
        modelled=True,
    ),
    Cause(
        code="0x80070774",
        name="ERROR_DS_DC_NOT_FOUND",
        part=Part.JOIN,
        cause=say(
            "No domain controller is reached, the computer's account was deleted, or a user is assigned to "
            "a device that joins a domain."
        ),
        remedy=say(
            "Connect the device to the organisation's own network, unassign its user, and start over."
        ),
        who=Who.ADMINISTRATOR,
    ),
    # --- management
    Cause(
        code="0x8018002B",
        name="No MDM address",
        part=Part.MANAGEMENT,
        cause=say("The device joined, and is not enrolled: it is outside of the MDM user scope."),
        remedy=_SCOPE,
        who=Who.ADMINISTRATOR,
        modelled=True,
        windows="A user name with a domain that is not routable leads to it as well.",
    ),
    Cause(
        code="0x80180001",
        name="MENROLL_E_DEVICE_MESSAGE_FORMAT_ERROR",
        part=Part.MANAGEMENT,
        cause=say("The management server could not read the device's request."),
        remedy=_ASK_OPERATOR,
        who=Who.OPERATOR,
    ),
    Cause(
        code="0x80180002",
        name="MENROLL_E_DEVICE_AUTHENTICATION_ERROR",
        part=Part.MANAGEMENT,
        cause=say("What should prove who is enrolling has expired or was withdrawn."),
        remedy=_SIGN_IN_AGAIN,
        who=Who.BENCH,
    ),
    Cause(
        code="0x80180003",
        name="MENROLL_E_DEVICE_AUTHORIZATION_ERROR",
        part=Part.MANAGEMENT,
        cause=say("Whoever is enrolling is not allowed to: the MDM user scope does not include them."),
        remedy=_SCOPE,
        who=Who.ADMINISTRATOR,
        modelled=True,
    ),
    Cause(
        code="0x80180004",
        name="MENROLL_E_DEVICE_CERTIFICATEREQUEST_ERROR",
        part=Part.MANAGEMENT,
        cause=say("The management server cannot use the device's request for a certificate."),
        remedy=_RESET,
        who=Who.BENCH,
    ),
    Cause(
        code="0x80180005",
        name="MENROLL_E_DEVICE_CONFIGMGRSERVER_ERROR",
        part=Part.MANAGEMENT,
        cause=say("The deployment profile does not allow pre-provisioning."),
        remedy=say(
            "Allow pre-provisioned deployment in the profile, or assign another profile, then try again."
        ),
        who=Who.ADMINISTRATOR,
        modelled=True,
    ),
    Cause(
        code="0x80180006",
        name="MENROLL_E_DEVICE_INTERNALSERVICE_ERROR",
        part=Part.MANAGEMENT,
        cause=say("The management server failed while it enrolled the device."),
        remedy=_TRY_THEN_OPERATOR,
        who=Who.OPERATOR,
    ),
    Cause(
        code="0x80180007",
        name="MENROLL_E_DEVICE_INVALIDSECURITY_ERROR",
        part=Part.MANAGEMENT,
        cause=say("The request held nothing that proves who is enrolling."),
        remedy=_SIGN_IN_AGAIN,
        who=Who.BENCH,
    ),
    Cause(
        code="0x80180008",
        name="MENROLL_E_DEVICE_UNKNOWN_ERROR",
        part=Part.MANAGEMENT,
        cause=say("The management server declined without a reason that this device knows."),
        remedy=_ASK_OPERATOR,
        who=Who.OPERATOR,
    ),
    Cause(
        code="0x80180009",
        name="MENROLL_E_ENROLLMENT_IN_PROGRESS",
        part=Part.MANAGEMENT,
        cause=say("Another enrolment of this device is still going on."),
        remedy=say("Wait a few minutes, then try again."),
        who=Who.BENCH,
    ),
    Cause(
        code="0x8018000A",
        name="MENROLL_E_DEVICE_ALREADY_ENROLLED",
        part=Part.MANAGEMENT,
        cause=say("The device is enrolled already, by another user."),
        remedy=say("Delete its managed device, then reset the device and start over."),
        who=Who.ADMINISTRATOR,
    ),
    Cause(
        code="0x8007064C",
        name="Already enrolled, or cloned",
        part=Part.MANAGEMENT,
        cause=say("The device is enrolled already, or its Windows was copied from a device that was."),
        remedy=say("Delete its managed device, put a fresh Windows on it, and start over."),
        who=Who.ADMINISTRATOR,
    ),
    Cause(
        code="0x8018000D",
        name="MENROLL_E_DISCOVERY_SEC_CERT_DATE_INVALID",
        part=Part.MANAGEMENT,
        cause=say("By the device's clock, the certificate of the management server is not valid now."),
        remedy=say("Set the device's clock. If it is right, ask who runs the server for a new certificate."),
        who=Who.OPERATOR,
    ),
    Cause(
        code="0x8018000E",
        name="MENROLL_E_PASSWORD_NEEDED",
        part=Part.MANAGEMENT,
        cause=say("Enrolling takes a password, and none was given."),
        remedy=_SIGN_IN_AGAIN,
        who=Who.BENCH,
    ),
    Cause(
        code="0x80180010",
        name="MENROLL_E_CONNECTIVITY",
        part=Part.MANAGEMENT,
        cause=say("The management server is not reached, or the connection to it breaks off."),
        remedy=_CONNECT,
        who=Who.NETWORK,
        modelled=True,
    ),
    Cause(
        code="0x80180012",
        name="MENROLL_E_INVALIDSSLCERT",
        part=Part.MANAGEMENT,
        cause=say("The certificate of the management server is not trusted, or is for another name."),
        remedy=say("Give the management server a certificate for its own name that the device trusts."),
        who=Who.OPERATOR,
        modelled=True,
    ),
    Cause(
        code="0x80180013",
        name="MENROLL_E_DEVICECAPREACHED",
        part=Part.MANAGEMENT,
        cause=say("The user has as many devices under management as are allowed."),
        remedy=_FEWER_DEVICES,
        who=Who.ADMINISTRATOR,
    ),
    Cause(
        code="0x80180014",
        name="MENROLL_E_DEVICENOTSUPPORTED",
        part=Part.MANAGEMENT,
        cause=say("The device was pre-provisioned before, or devices of its kind may not enrol."),
        remedy=say("Unblock the device or delete its managed device, then try again."),
        who=Who.ADMINISTRATOR,
        modelled=True,
        windows="For a device of a kind that is blocked, see the enrolment restrictions.",
    ),
    Cause(
        code="0x80180015",
        name="MENROLL_E_NOTSUPPORTED",
        part=Part.MANAGEMENT,
        cause=say("The management server does not support the way in which the device enrols."),
        remedy=_ASK_OPERATOR,
        who=Who.OPERATOR,
    ),
    Cause(
        code="0x80180016",
        name="MENROLL_E_NOTELIGIBLETORENEW",
        part=Part.MANAGEMENT,
        cause=say("The certificate of this enrolment cannot be renewed any more."),
        remedy=_RESET,
        who=Who.BENCH,
    ),
    Cause(
        code="0x80180017",
        name="MENROLL_E_INMAINTENANCE",
        part=Part.MANAGEMENT,
        cause=say("The management server is under maintenance."),
        remedy=say("Wait a few minutes, then try again."),
        who=Who.OPERATOR,
    ),
    Cause(
        code="0x80180018",
        name="MENROLL_E_USERLICENSE",
        part=Part.MANAGEMENT,
        cause=say("The user has no licence for device management, or it is used up by other devices."),
        remedy=say("Give the user a licence, then try again."),
        who=Who.ADMINISTRATOR,
        modelled=True,
    ),
    Cause(
        code="0x80180019",
        name="MENROLL_E_ENROLLMENTDATAINVALID",
        part=Part.MANAGEMENT,
        cause=say(
            "The device's registration is another one than the directory's, or its terms of use were not "
            "accepted by this user."
        ),
        remedy=_RESET,
        who=Who.BENCH,
    ),
    Cause(
        code="0x80180022",
        name="Windows Home",
        part=Part.MANAGEMENT,
        cause=say("The device runs Windows Home, which cannot be managed."),
        remedy=say("Install Windows Pro, Enterprise or Education, then start over."),
        who=Who.BENCH,
    ),
    Cause(
        code="0x80180026",
        name="Old agent",
        part=Part.MANAGEMENT,
        cause=say("An agent of older PC management is on the device, which rules out automatic enrolment."),
        remedy=say("Remove the old agent, then try again."),
        who=Who.ADMINISTRATOR,
    ),
    Cause(
        code="0x80180032",
        name="MENROLL_E_CUSTOMSERVERERROR",
        part=Part.MANAGEMENT,
        cause=say("The management server declined for a reason of its own."),
        remedy=_ASK_OPERATOR,
        who=Who.OPERATOR,
    ),
    Cause(
        code="0xC1036501",
        name="Several MDM configurations",
        part=Part.MANAGEMENT,
        cause=say("The directory holds more than one configuration for management."),
        remedy=say("Have all but one removed, then try again."),
        who=Who.ADMINISTRATOR,
    ),
    # --- the status page
    Cause(
        code="0x800705B4",
        name="ERROR_TIMEOUT",
        part=Part.SETUP,
        cause=say("The time allowed for the status page was over before everything had arrived."),
        remedy=say(
            "See on the page what is unfinished, then try again. If it stays, have the time allowed raised."
        ),
        who=Who.ADMINISTRATOR,
        modelled=True,
    ),
    Cause(
        code="0x80070643",
        name="ERROR_INSTALL_FAILURE",
        part=Part.SETUP,
        cause=say("An app was not installed, as its installer ended with a fatal error."),
        remedy=_MEND_APP,
        who=Who.ADMINISTRATOR,
        modelled=True,
    ),
    Cause(
        code="0x80070652",
        name="ERROR_INSTALL_ALREADY_RUNNING",
        part=Part.SETUP,
        cause=say("An app was not installed, as another installation was under way."),
        remedy=say(
            "Try again. If it stays, have line-of-business apps and Win32 apps not waited for together."
        ),
        who=Who.ADMINISTRATOR,
    ),
    Cause(
        code="0x80070653",
        name="ERROR_INSTALL_PACKAGE_OPEN_FAILED",
        part=Part.SETUP,
        cause=say("An app was not installed, as its package cannot be opened."),
        remedy=_UPLOAD_AGAIN,
        who=Who.ADMINISTRATOR,
    ),
    Cause(
        code="0x80091007",
        name="CRYPT_E_HASH_VALUE",
        part=Part.SETUP,
        cause=say("An app was not installed, as what was downloaded is not the package that was assigned."),
        remedy=_UPLOAD_AGAIN,
        who=Who.ADMINISTRATOR,
        modelled=True,
    ),
    Cause(
        code="0x80190194",
        name="HTTP_E_STATUS_NOT_FOUND",
        part=Part.SETUP,
        cause=say("An app was not installed, as the server has no package of it to download."),
        remedy=_UPLOAD_AGAIN,
        who=Who.ADMINISTRATOR,
    ),
    Cause(
        code="0x87D1041C",
        name="App not detected",
        part=Part.SETUP,
        cause=say("An app was installed, but is not found on the device afterwards."),
        remedy=say("Have the rule looked at by which the app is found, then try again."),
        who=Who.ADMINISTRATOR,
    ),
    Cause(
        code="0x80073CF9",
        name="ERROR_INSTALL_FAILED",
        part=Part.SETUP,
        cause=say("An app was not installed, as Windows cannot install its package."),
        remedy=_MEND_APP,
        who=Who.ADMINISTRATOR,
    ),
    Cause(
        code="0x80004005",
        name="E_FAIL",
        part=Part.SETUP,
        cause=say("Something that was to arrive failed, and gave no code of its own."),
        remedy=say("Collect the logs, and have whoever manages the device see what failed."),
        who=Who.ADMINISTRATOR,
        windows="Devices that join a domain show it after a time-out; a cumulative update mends that.",
    ),
    # --- signing in
    Cause(
        code="0x80070422",
        name="ERROR_SERVICE_DISABLED",
        part=Part.SIGN_IN,
        cause=say("A policy has switched off the Microsoft Account Sign-in Assistant: nobody can sign in."),
        remedy=say("Take AllowMicrosoftAccountSignInAssistant out of the policies, then try again."),
        who=Who.ADMINISTRATOR,
        modelled=True,
    ),
    Cause(
        code="0x8018000F",
        name="MENROLL_E_WAB_ERROR",
        part=Part.SIGN_IN,
        cause=say("The sign-in page could not be shown, or led nowhere."),
        remedy=_TRY_THEN_OPERATOR,
        who=Who.OPERATOR,
    ),
    Cause(
        code="OOBEIDPS",
        name="Identity provider not reached",
        part=Part.SIGN_IN,
        cause=say("Something in the network keeps the device from the sign-in page."),
        remedy=say("Let the sign-in page through firewall and proxy, then restart the device."),
        who=Who.NETWORK,
    ),
    Cause(
        code="AADSTS50126",
        name="InvalidUserNameOrPassword",
        part=Part.SIGN_IN,
        cause=say("The user name or the password is wrong."),
        remedy=say("Type both again. Whoever does not remember the password asks the help desk."),
        who=Who.BENCH,
        modelled=True,
    ),
    Cause(
        code="AADSTS50053",
        name="IdsLocked",
        part=Part.SIGN_IN,
        cause=say("The account is locked for a while after several wrong passwords."),
        remedy=say("Wait as many minutes as the page says, then sign in with the right password."),
        who=Who.BENCH,
        modelled=True,
    ),
    Cause(
        code="AADSTS50057",
        name="UserDisabled",
        part=Part.SIGN_IN,
        cause=say("The user's account is disabled."),
        remedy=say("Have the account enabled, or sign in with another one."),
        who=Who.ADMINISTRATOR,
        modelled=True,
    ),
    Cause(
        code="AADSTS50128",
        name="InvalidDomainName",
        part=Part.SIGN_IN,
        cause=say("No organisation has the name that was typed after the @."),
        remedy=say("Correct the user name."),
        who=Who.BENCH,
    ),
    Cause(
        code="AADSTS50020",
        name="UserUnauthorized",
        part=Part.SIGN_IN,
        cause=say("The account is another one than this device is being set up for."),
        remedy=say("Sign in with the account that the page asks for."),
        who=Who.BENCH,
        modelled=True,
    ),
    Cause(
        code="AADSTS90014",
        name="MissingRequiredField",
        part=Part.SIGN_IN,
        cause=say("A field of the sign-in page was left empty."),
        remedy=say("Fill it in."),
        who=Who.BENCH,
    ),
    Cause(
        code="AADSTS165000",
        name="InvalidRequest",
        part=Part.SIGN_IN,
        cause=say("The sign-in page was open for too long."),
        remedy=_SIGN_IN_AGAIN,
        who=Who.BENCH,
    ),
    Cause(
        code="AADSTS50173",
        name="FreshTokenNeeded",
        part=Part.SIGN_IN,
        cause=say("The sign-in counts no more, as after a change of the password."),
        remedy=_SIGN_IN_AGAIN,
        who=Who.BENCH,
    ),
    Cause(
        code="AADSTS700082",
        name="ExpiredRefreshToken",
        part=Part.SIGN_IN,
        cause=say("The sign-in has expired."),
        remedy=_SIGN_IN_AGAIN,
        who=Who.BENCH,
    ),
    # --- the way to the server
    Cause(
        code="0x80072EE7",
        name="ERROR_INTERNET_NAME_NOT_RESOLVED",
        part=Part.NETWORK,
        cause=say("The device is on no network, or the server's name is not resolved there."),
        remedy=_CONNECT,
        who=Who.NETWORK,
        modelled=True,
    ),
    Cause(
        code="0x80072EFD",
        name="ERROR_INTERNET_CANNOT_CONNECT",
        part=Part.NETWORK,
        cause=say("The server takes no connection."),
        remedy=say("See whether the server runs, and whether a firewall stands between."),
        who=Who.OPERATOR,
        modelled=True,
    ),
    Cause(
        code="0x80072EFE",
        name="ERROR_INTERNET_CONNECTION_ABORTED",
        part=Part.NETWORK,
        cause=say("The connection broke off before the whole answer had come."),
        remedy=say("Try again; the network or the server broke the connection off."),
        who=Who.NETWORK,
        modelled=True,
    ),
    Cause(
        code="0x80072F0D",
        name="ERROR_INTERNET_INVALID_CA",
        part=Part.NETWORK,
        cause=say("The device does not trust the server's certificate."),
        remedy=say("Put the server's root certificate on the device, and set its clock."),
        who=Who.OPERATOR,
    ),
    Cause(
        code="0x80072F06",
        name="ERROR_INTERNET_SEC_CERT_CN_INVALID",
        part=Part.NETWORK,
        cause=say("The server's certificate is for another name."),
        remedy=say("Use the server's own name, or give it a certificate for this one."),
        who=Who.OPERATOR,
    ),
    Cause(
        code="0x80004005",
        name="E_FAIL",
        part=Part.NETWORK,
        cause=say("The server gave an answer that this device cannot follow."),
        remedy=_ASK_OPERATOR,
        who=Who.OPERATOR,
        modelled=True,
    ),
    # --- afterwards
    Cause(
        code="0x80070032",
        name="ERROR_NOT_SUPPORTED",
        part=Part.LATER,
        cause=say("The device cannot be reset, as its recovery environment is switched off."),
        remedy=say("Run “reagentc /enable” on the device, then reset it again."),
        who=Who.BENCH,
    ),
)

UNKNOWN: Final = Cause(
    code="",
    name="",
    part=Part.NETWORK,
    cause=say("Setup met an error that this device has no explanation for."),
    remedy=say("Collect the logs, and have whoever manages the device look the code up."),
    who=Who.ADMINISTRATOR,
)
"""What is said of a code that is not in the table."""

UNKNOWN_ITEM: Final = Cause(
    code="",
    name="",
    part=Part.SETUP,
    cause=say("Something that was to arrive on this device ended with the code that is shown."),
    remedy=say("Have whoever manages the device look the code up for that item, then try again."),
    who=Who.ADMINISTRATOR,
)
"""The same of an app or a setting: its installer gives codes of its own."""

UNKNOWN_SIGN_IN: Final = Cause(
    code="",
    name="",
    part=Part.SIGN_IN,
    cause=say("The directory refused the sign-in with the code that is shown."),
    remedy=say("Sign in again. If it stays, give the code to the help desk."),
    who=Who.ADMINISTRATOR,
)
"""The same of signing in."""
