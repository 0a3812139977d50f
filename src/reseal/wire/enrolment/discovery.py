"""Discovery: a device asks where to enrol and how to prove who it is (spec/mdm-wire.md 1.3, 1.4)."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from reseal.wire.enrolment.elements import child, children, number, required, required_text, text_in
from reseal.wire.enrolment.errors import EnrolmentError, wrong
from reseal.wire.enrolment.faults import expect
from reseal.wire.enrolment.names import (
    DISCOVERY,
    ENROLMENT_PATH,
    OLDEST_VERSION,
    POLICY_PATH,
    SCHEMA_INSTANCE,
    AuthPolicy,
    ProtocolVersion,
    answered_version,
)
from reseal.wire.enrolment.soap import Envelope, Header, write_envelope
from reseal.wire.xml import Element, element, escape, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Discover:
    """What a device says of itself. Empty or None: not said."""

    email_address: str = ""
    """A UPN or `DOMAIN\\user`; empty when a program enrols."""
    request_version: ProtocolVersion = OLDEST_VERSION
    """The newest version that the device speaks."""
    device_type: str = ""
    """`CIMClient_Windows` for a computer."""
    application_version: str = ""
    """Version of the operating system, a.b.c.d."""
    os_edition: int | None = None
    """As GetProductInfo numbers it: 4 Enterprise, 48 Professional."""
    os_version: str = ""
    auth_policies: tuple[AuthPolicy, ...] = ()
    """What the device offers, as far as we know it, in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoverResponse:
    """Where to go on. Addresses are complete."""

    auth_policy: AuthPolicy
    """One of those that the device offered."""
    enrollment_version: ProtocolVersion
    """Not above the device's; see `names.answered_version`."""
    enrollment_url: str
    policy_url: str = ""
    authentication_url: str = ""
    """Start of the sign-in page, with Federated only. A device whose token comes from the directory does not
    go there.
    """


def discover_response(
    request: Discover, base_url: str, auth_policy: AuthPolicy, *, sign_in_url: str = ""
) -> DiscoverResponse:
    """The answer of a server whose device listener is at `base_url`; `sign_in_url` names a sign-in page,
    which only belongs to the policy Federated.
    """
    base = base_url.rstrip("/")
    return DiscoverResponse(
        auth_policy=auth_policy,
        enrollment_version=answered_version(request.request_version),
        enrollment_url=base + ENROLMENT_PATH,
        policy_url=base + POLICY_PATH,
        authentication_url=sign_in_url,
    )


# --- the request


def read_discover(envelope: Envelope) -> Discover:
    """The content of a Discover, with or without the trailing slash in its namespace.

    Policies may stand in elements of their own or as text; unknown ones are left out. Raises EnrolmentError.
    """
    request = required(expect(envelope, "Discover"), "request")
    version, edition = text_in(request, "RequestVersion"), text_in(request, "OSEdition")
    return Discover(
        email_address=text_in(request, "EmailAddress"),
        request_version=ProtocolVersion.read(version) if version else OLDEST_VERSION,
        device_type=text_in(request, "DeviceType"),
        application_version=text_in(request, "ApplicationVersion"),
        os_edition=number("OSEdition", edition) if edition else None,
        os_version=text_in(request, "OSVersion"),
        auth_policies=_auth_policies(child(request, "AuthPolicies")),
    )


_AUTH_POLICIES: Final = {policy.casefold(): policy for policy in AuthPolicy}


def _auth_policies(found: Element | None) -> tuple[AuthPolicy, ...]:
    if found is None:
        return ()
    names = [*text_of(found).split(), *map(text_of, children(found, "AuthPolicy"))]
    known = (_AUTH_POLICIES.get(name.casefold()) for name in names)
    return tuple(dict.fromkeys(policy for policy in known if policy))


def write_discover(discover: Discover, header: Header) -> bytes:
    """The request of a device, in the namespace without trailing slash. Raises XmlError."""
    parts = [
        element("EmailAddress", escape(discover.email_address)),
        element("RequestVersion", escape(str(discover.request_version))),
    ]
    optional = {
        "DeviceType": discover.device_type,
        "ApplicationVersion": discover.application_version,
        "OSEdition": "" if discover.os_edition is None else str(discover.os_edition),
        "OSVersion": discover.os_version,
    }
    parts += [element(name, escape(value)) for name, value in optional.items() if value]
    policies = [element("AuthPolicy", escape(policy)) for policy in discover.auth_policies]
    parts.append(element("AuthPolicies", *policies))
    request = element("request", *parts, **{"xmlns:i": SCHEMA_INSTANCE})
    return write_envelope(header, element("Discover", request, xmlns=DISCOVERY))


# --- the response


def write_discover_response(response: DiscoverResponse, header: Header) -> bytes:
    """The answer to a device.

    Raises EnrolmentError for answers that Windows could not follow: policy and enrolment on two hosts,
    an address that is not https, a sign-in page without Federated.
    """
    _require_followable(response)
    parts = [
        element("AuthPolicy", escape(response.auth_policy)),
        element("EnrollmentVersion", escape(str(response.enrollment_version))),
    ]
    urls = {
        "EnrollmentPolicyServiceUrl": response.policy_url,
        "EnrollmentServiceUrl": response.enrollment_url,
        "AuthenticationServiceUrl": response.authentication_url,
    }
    parts += [element(name, escape(url)) for name, url in urls.items() if url]
    result = element("DiscoverResult", *parts)
    return write_envelope(header, element("DiscoverResponse", result, xmlns=DISCOVERY))


def _require_followable(response: DiscoverResponse) -> None:
    for name, url in (
        ("enrolment address", response.enrollment_url),
        ("policy address", response.policy_url),
        ("sign-in address", response.authentication_url),
    ):
        if url and urlsplit(url).scheme != "https":
            raise wrong(name, url, "is not https")
    hosts = {urlsplit(url).hostname for url in (response.enrollment_url, response.policy_url) if url}
    if not response.enrollment_url or len(hosts) > 1:
        message = "Policy and enrolment address must both be on one host"
        raise EnrolmentError(code="WrongValue", message=message, remedy="Give one base address")
    if response.authentication_url and response.auth_policy is not AuthPolicy.FEDERATED:
        raise wrong("sign-in address", response.authentication_url, "belongs to the policy Federated only")


def read_discover_response(envelope: Envelope) -> DiscoverResponse:
    """The answer of a server. Raises FaultReceived, or EnrolmentError."""
    result = required(expect(envelope, "DiscoverResponse"), "DiscoverResult")
    name = required_text(result, "AuthPolicy")
    policy = _AUTH_POLICIES.get(name.casefold())
    if policy is None:
        raise wrong("AuthPolicy", name, "is not known")
    return DiscoverResponse(
        auth_policy=policy,
        enrollment_version=ProtocolVersion.read(required_text(result, "EnrollmentVersion")),
        enrollment_url=required_text(result, "EnrollmentServiceUrl"),
        policy_url=text_in(result, "EnrollmentPolicyServiceUrl"),
        authentication_url=text_in(result, "AuthenticationServiceUrl"),
    )
