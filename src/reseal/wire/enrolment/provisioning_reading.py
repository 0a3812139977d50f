"""Reading the provisioning document, as a device does (spec/mdm-wire.md 2.5, check 94).

By structure, not by position: parts may stand in any order and in several pieces.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

from reseal.wire.enrolment.elements import decode_base64, number, truth
from reseal.wire.enrolment.errors import missing, wrong
from reseal.wire.enrolment.provisioning import (
    XML_ENCODING,
    Application,
    AuthType,
    Certificates,
    CertificateSearch,
    Credentials,
    FirstSyncStatus,
    PollPhase,
    PollSchedule,
    ProviderSettings,
    ProvisioningDocument,
    Renewal,
    StatusPageButtons,
    StoreScope,
    thumbprint,
)
from reseal.wire.enrolment.wap import Characteristic, read_wap

_STORE: Final = "CertificateStore"
_MOST: Final = 2**31 - 1
T = TypeVar("T")


def read_provisioning(data: bytes) -> ProvisioningDocument:
    """The document in `data`; what is not known in it is left out.

    Raises EnrolmentError for a document that no device could follow, and XmlError.
    """
    root = read_wap(data)
    accounts = list(root.at("APPLICATION"))
    if len(accounts) != 1:
        raise wrong("number of accounts", len(accounts), "is not 1")
    account = accounts[0]
    provider_id = _required(account, "PROVIDER-ID")
    only_named = len(account.parms) == 1
    return ProvisioningDocument(
        provider_id=provider_id,
        certificates=_certificates(root),
        application=None if only_named else _application(account),
        provider=_provider(list(root.at("DMClient", "Provider", provider_id))),
    )


def _required(group: Characteristic, name: str) -> str:
    if value := group.value(name):
        return value
    raise missing(name, group.type)


def _optional(group: Characteristic, name: str, read: Callable[[str, str], T]) -> T | None:
    """The value of a name, read; None if it is missing or empty."""
    value = group.value(name)
    return read(name, value) if value else None


def _given(group: Characteristic, name: str, read: Callable[[str, str], T], default: T) -> T:
    found = _optional(group, name, read)
    return default if found is None else found


# --- certificates


def _certificates(root: Characteristic) -> Certificates:
    found = {scope: _certificate(root, "My", scope) for scope in StoreScope}
    scope = StoreScope.SYSTEM if found[StoreScope.SYSTEM] is not None else StoreScope.USER
    client = found[scope]
    if client is None:
        raise missing("client certificate", _STORE)
    renewals = root.at(_STORE, "My", "WSTEP", "Renew")
    return Certificates(
        client=client,
        scope=scope,
        intermediate=_certificate(root, "CA", StoreScope.SYSTEM),
        root=_certificate(root, "Root", StoreScope.SYSTEM),
        renewal=next(map(_renewal, renewals), None),
    )


def _certificate(root: Characteristic, *path: str) -> bytes | None:
    """The one certificate of a store, if there is one; its group is named by its thumbprint."""
    groups = [group for store in root.at(_STORE, *path) for group in store.characteristics]
    named = [group for group in groups if group.value("EncodedCertificate") is not None]
    if not named:
        return None
    if len(named) > 1:
        raise wrong("/".join(path), len(named), "certificates are more than the one that is allowed")
    der = decode_base64("certificate", _required(named[0], "EncodedCertificate"))
    if thumbprint(der) != named[0].type.upper():
        raise wrong("thumbprint", named[0].type, "is not that of the certificate below it")
    return der


_WINDOWS_RENEWAL: Final = Renewal(period=timedelta(days=42), retry=timedelta(days=7))
"""The defaults of the node itself."""


def _renewal(group: Characteristic) -> Renewal:
    return Renewal(
        automatic=_given(group, "ROBOSupport", truth, default=True),
        period=_given(group, "RenewPeriod", _days, _WINDOWS_RENEWAL.period),
        retry=_given(group, "RetryInterval", _days, _WINDOWS_RENEWAL.retry),
        server_url=group.value("ServerURL") or "",
    )


# --- the account


def _application(group: Characteristic) -> Application:
    if group.value("APPID") != "w7":
        raise wrong("APPID", group.value("APPID"), "is not w7")
    if group.value("INIT") is not None:
        raise wrong("parm", "INIT", "makes an enrolment fail")
    levels = {level.value("AAUTHLEVEL"): level for level in group.at("APPAUTH")}
    search = group.value("SSLCLIENTCERTSEARCHCRITERIA")
    return Application(
        name=group.value("NAME") or "",
        address=_required(group, "ADDR"),
        server_credentials=_credentials("CLIENT", levels.get("CLIENT")),
        device_credentials=_credentials("APPSRV", levels.get("APPSRV")),
        certificate_search=CertificateSearch.read(search) if search else None,
        retries=_given(group, "CONNRETRYFREQ", number, 3),
        initial_backoff=_given(group, "INITIALBACKOFFTIME", _milliseconds, timedelta(seconds=16)),
        max_backoff=_given(group, "MAXBACKOFFTIME", _milliseconds, timedelta(days=1)),
        older_protocol=group.value("BACKCOMPATRETRYDISABLED") is None,
        encoding=group.value("DEFAULTENCODING") or XML_ENCODING,
        protocol_version=group.value("PROTOVER") or "",
        role=_optional(group, "ROLE", number),
    )


def _credentials(level: str, group: Characteristic | None) -> Credentials:
    if group is None:
        raise missing(f"APPAUTH of the level {level}", "APPLICATION")
    return Credentials(
        secret=_required(group, "AAUTHSECRET"),
        name=group.value("AAUTHNAME") or "",
        nonce=_given(group, "AAUTHDATA", decode_base64, b""),
        type=_given(group, "AAUTHTYPE", _auth_type, AuthType.DIGEST),
    )


def _auth_type(name: str, text: str) -> AuthType:
    try:
        return AuthType(text)
    except ValueError as error:
        raise wrong(name, text, "is neither DIGEST nor BASIC") from error


# --- the provider


_KNOWN_PARMS: Final = frozenset({"EntDMID", "UPN", "EntDeviceName"})


def _provider(pieces: list[Characteristic]) -> ProviderSettings | None:
    if not pieces:
        return None
    parms = tuple(parm for piece in pieces for parm in piece.parms)
    groups = tuple(group for piece in pieces for group in piece.characteristics)
    whole = Characteristic(pieces[0].type, parms, groups)
    return ProviderSettings(
        device_id=whole.value("EntDMID") or "",
        upn=whole.value("UPN") or "",
        device_name=whole.value("EntDeviceName") or "",
        poll=next(map(_poll, whole.at("Poll")), None),
        first_sync=next(map(_first_sync, whole.at("FirstSyncStatus")), None),
        further=tuple(parm for parm in parms if parm.name not in _KNOWN_PARMS),
    )


def _poll(group: Characteristic) -> PollSchedule:
    windows = PollSchedule()
    return PollSchedule(
        first=PollPhase(
            interval=_given(group, "IntervalForFirstSetOfRetries", _minutes, windows.first.interval),
            retries=_given(group, "NumberOfFirstRetries", number, windows.first.retries),
        ),
        second=PollPhase(
            interval=_given(group, "IntervalForSecondSetOfRetries", _minutes, windows.second.interval),
            retries=_given(group, "NumberOfSecondRetries", number, windows.second.retries),
        ),
        remaining=PollPhase(
            interval=_given(
                group, "IntervalForRemainingScheduledRetries", _minutes, windows.remaining.interval
            ),
            retries=_given(group, "NumberOfRemainingScheduledRetries", number, windows.remaining.retries),
        ),
        on_login=_given(group, "PollOnLogin", truth, default=False),
        on_first_login_of_all=_given(group, "AllUsersPollOnFirstLogin", truth, default=False),
    )


def _first_sync(group: Characteristic) -> FirstSyncStatus:
    return FirstSyncStatus(
        timeout=_optional(group, "TimeOutUntilSyncFailure", _timeout),
        finished=_optional(group, "ServerHasFinishedProvisioning", truth),
        block=_optional(group, "BlockInStatusPage", _buttons),
        allow_collect_logs=_optional(group, "AllowCollectLogsButton", truth),
        error_text=group.value("CustomErrorText"),
        skip_device_page=_optional(group, "SkipDeviceStatusPage", truth),
        skip_user_page=_optional(group, "SkipUserStatusPage", truth),
    )


# --- values


def _limited(name: str, text: str, least: int, most: int) -> int:
    value = number(name, text)
    if least <= value <= most:
        return value
    raise wrong(name, text, f"is not {least} to {most}")


def _days(name: str, text: str) -> timedelta:
    return timedelta(days=_limited(name, text, 1, 1000))


def _minutes(name: str, text: str) -> timedelta:
    return timedelta(minutes=_limited(name, text, 0, _MOST))


def _timeout(name: str, text: str) -> timedelta:
    return timedelta(minutes=_limited(name, text, 1, 1440))


def _milliseconds(name: str, text: str) -> timedelta:
    return timedelta(milliseconds=_limited(name, text, 0, _MOST))


def _buttons(name: str, text: str) -> StatusPageButtons:
    return StatusPageButtons(_limited(name, text, 0, 7))
