"""Writing the provisioning document (spec/mdm-wire.md 2.5).

Order matters: clients find the certificates by their place, so there is one CertificateStore with Root, CA
and My, each with one certificate.
"""

import re
from datetime import timedelta
from typing import Final

from reseal.wire.enrolment.elements import encode_base64
from reseal.wire.enrolment.errors import missing, wrong
from reseal.wire.enrolment.provisioning import (
    ZERO,
    Application,
    AuthType,
    Certificates,
    Credentials,
    FirstSyncStatus,
    PollSchedule,
    ProviderSettings,
    ProvisioningDocument,
    Renewal,
    StoreScope,
    thumbprint,
)
from reseal.wire.enrolment.wap import Characteristic, Parm, write_wap

_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)
_MILLISECOND: Final = timedelta(milliseconds=1)
_WHOLE: Final = {_DAY: "whole days", _MINUTE: "whole minutes", _MILLISECOND: "whole milliseconds"}
_PROVIDER_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,64}")
_ALL_BUTTONS: Final = 7


def write_provisioning(document: ProvisioningDocument) -> bytes:
    """The document as UTF-8.

    Raises EnrolmentError for what Windows would refuse or misunderstand, and XmlError.
    """
    parts = [_certificate_store(document)]
    if _PROVIDER_ID.fullmatch(document.provider_id) is None:
        raise wrong("provider id", document.provider_id, "holds characters that need escaping")
    parts.append(_application(document.provider_id, document.application))
    if document.provider is not None:
        named = _provider(document.provider_id, document.provider)
        parts.append(_group("DMClient", _group("Provider", named)))
    return write_wap(Characteristic("", characteristics=tuple(parts)))


def _group(kind: str, *inner: Characteristic) -> Characteristic:
    return Characteristic(kind, characteristics=inner)


# --- certificates


def _certificate_store(document: ProvisioningDocument) -> Characteristic:
    certificates = document.certificates
    search = document.application and document.application.certificate_search
    if search and search.scope is not certificates.scope:
        raise wrong("search for a certificate", search.text, "does not find the one in the document")
    groups: list[Characteristic] = []
    for name, certificate in (("Root", certificates.root), ("CA", certificates.intermediate)):
        if certificate is not None:
            groups.append(_group(name, _group(StoreScope.SYSTEM, _certificate(certificate))))
        elif document.application is not None:
            raise missing(f"certificate of the group {name}", "the document of an enrolment")
    return _group("CertificateStore", *groups, _my(certificates))


def _certificate(der: bytes) -> Characteristic:
    return Characteristic(thumbprint(der), (Parm("EncodedCertificate", encode_base64(der)),))


def _my(certificates: Certificates) -> Characteristic:
    key = Characteristic("PrivateKeyContainer")
    store = _group(certificates.scope, _certificate(certificates.client), key)
    if certificates.renewal is None:
        return _group("My", store)
    return _group("My", store, _group("WSTEP", _renewal(certificates.renewal)))


def _renewal(renewal: Renewal) -> Characteristic:
    parms = [
        _boolean("ROBOSupport", renewal.automatic),
        _integer("RenewPeriod", _count("RenewPeriod", renewal.period, _DAY, 1, 1000)),
        _integer("RetryInterval", _count("RetryInterval", renewal.retry, _DAY, 1, 1000)),
    ]
    if renewal.server_url:
        parms.append(_string("ServerURL", renewal.server_url))
    return Characteristic("Renew", tuple(parms))


# --- the account


def _application(provider_id: str, application: Application | None) -> Characteristic:
    provider = Parm("PROVIDER-ID", provider_id)
    if application is None:
        return Characteristic("APPLICATION", (provider,))
    values = {
        "NAME": _filled("NAME", application.name),
        "ADDR": _https("ADDR", application.address),
        "CONNRETRYFREQ": str(application.retries),
        "INITIALBACKOFFTIME": str(_count("INITIALBACKOFFTIME", application.initial_backoff, _MILLISECOND)),
        "MAXBACKOFFTIME": str(_count("MAXBACKOFFTIME", application.max_backoff, _MILLISECOND)),
    }
    parms = [Parm("APPID", "w7"), provider, *(Parm(name, value) for name, value in values.items())]
    if not application.older_protocol:
        parms.append(Parm("BACKCOMPATRETRYDISABLED"))
    parms.append(Parm("DEFAULTENCODING", application.encoding))
    if application.protocol_version:
        parms.append(Parm("PROTOVER", application.protocol_version))
    if application.role is not None:
        parms.append(Parm("ROLE", str(application.role)))
    if search := application.certificate_search:
        parms.append(Parm("SSLCLIENTCERTSEARCHCRITERIA", search.text))
    if application.server_credentials.type is not AuthType.DIGEST:
        raise wrong("AAUTHTYPE", application.server_credentials.type, "must be DIGEST for the server")
    both = (
        _credentials("CLIENT", application.server_credentials),
        _credentials("APPSRV", application.device_credentials),
    )
    return Characteristic("APPLICATION", tuple(parms), both)


def _credentials(level: str, credentials: Credentials) -> Characteristic:
    parms = [Parm("AAUTHLEVEL", level), Parm("AAUTHTYPE", credentials.type)]
    if credentials.name:
        parms.append(Parm("AAUTHNAME", credentials.name))
    parms.append(Parm("AAUTHSECRET", _filled("AAUTHSECRET", credentials.secret)))
    if credentials.nonce:
        parms.append(Parm("AAUTHDATA", encode_base64(credentials.nonce)))
    return Characteristic("APPAUTH", tuple(parms))


# --- the provider


def _provider(provider_id: str, provider: ProviderSettings) -> Characteristic:
    texts = {
        "EntDMID": provider.device_id,
        "UPN": provider.upn,
        "EntDeviceName": provider.device_name,
    }
    parms = [_string(name, value) for name, value in texts.items() if value]
    groups: list[Characteristic] = []
    if provider.poll is not None:
        groups.append(_poll(provider.poll))
    if provider.first_sync is not None:
        groups.append(_first_sync(provider.first_sync))
    return Characteristic(provider_id, (*parms, *provider.further), tuple(groups))


def _poll(poll: PollSchedule) -> Characteristic:
    phases = (
        ("NumberOfFirstRetries", "IntervalForFirstSetOfRetries", poll.first),
        ("NumberOfSecondRetries", "IntervalForSecondSetOfRetries", poll.second),
        ("NumberOfRemainingScheduledRetries", "IntervalForRemainingScheduledRetries", poll.remaining),
    )
    parms: list[Parm] = []
    for retries, interval, phase in phases:
        parms.append(_integer(retries, phase.retries))
        parms.append(_integer(interval, _count(interval, phase.interval, _MINUTE)))
    parms.append(_boolean("PollOnLogin", poll.on_login))
    parms.append(_boolean("AllUsersPollOnFirstLogin", poll.on_first_login_of_all))
    return Characteristic("Poll", tuple(parms))


def _first_sync(status: FirstSyncStatus) -> Characteristic:
    parms: list[Parm] = []
    if status.timeout is not None:
        minutes = _count("TimeOutUntilSyncFailure", status.timeout, _MINUTE, 1, 1440)
        parms.append(_integer("TimeOutUntilSyncFailure", minutes))
    if status.block is not None:
        if not 0 <= status.block <= _ALL_BUTTONS:
            raise wrong("BlockInStatusPage", int(status.block), "is not 0 to 7")
        parms.append(_integer("BlockInStatusPage", status.block))
    if status.error_text is not None:
        parms.append(_string("CustomErrorText", status.error_text))
    flags = {
        "ServerHasFinishedProvisioning": status.finished,
        "AllowCollectLogsButton": status.allow_collect_logs,
        "SkipDeviceStatusPage": status.skip_device_page,
        "SkipUserStatusPage": status.skip_user_page,
    }
    parms += [_boolean(name, value) for name, value in flags.items() if value is not None]
    return Characteristic("FirstSyncStatus", tuple(parms))


# --- values


def _boolean(name: str, value: bool) -> Parm:
    return Parm(name, "true" if value else "false", "boolean")


def _integer(name: str, value: int) -> Parm:
    return Parm(name, str(int(value)), "integer")


def _string(name: str, value: str) -> Parm:
    return Parm(name, value, "string")


def _count(name: str, time: timedelta, unit: timedelta, least: int = 0, most: int = 2**31 - 1) -> int:
    count, rest = divmod(time, unit)
    if rest != ZERO or not least <= count <= most:
        raise wrong(name, str(time), f"is not {least} to {most} {_WHOLE[unit]}")
    return count


def _filled(name: str, value: str) -> str:
    if value:
        return value
    raise missing(name, "the management account")


def _https(name: str, value: str) -> str:
    if value.startswith("https://"):
        return value
    raise wrong(name, value, "is not an https address")
