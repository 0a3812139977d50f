"""The clients that sign users in: our own pages, and Microsoft's, under the ids that Windows and the tools
hard-code (spec/identity.md 0).

They are public clients: they have no secret, so PKCE is what binds a code to who asked for it. A redirect URI
counts only if it is registered to the letter; `{login}` stands for this server and for Microsoft's sign-in
host. Two tools run on a person's own machine and may be sent to any port of it (RFC 8252 7.3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

BROKER = UUID("29d9ed98-a469-4536-ade2-f981bc1d605e")
"""Microsoft Authentication Broker: what a device joins and enrols with."""

CONSOLE = UUID("5ea1ed0c-7a3e-4b58-9d27-c0115e0e1b0a")
"""The pages of this server itself, for administrators."""
CONSOLE_REDIRECT = "/signed-in"
"""Where the console takes its codes, below the public URL and nowhere else."""

DEVICE_PAGE = UUID("5ea1de1c-0c0d-4e57-8f3a-5d9b0f6f21c4")
"""The page where a device's code is typed: it has its visitor sign in as any client does."""
DEVICE_PAGE_REDIRECT = "/devicelogin/confirm"

ENROLMENT_PAGE = UUID("5ea1e201-3f5b-4d0a-9c42-7e6a1b8d2c15")
"""The sign-in page of a computer that comes under management without joining the directory."""
ENROLMENT_PAGE_REDIRECT = "/EnrollmentServer/Authenticated"

OWN_DEVICES_PAGE = UUID("5ea1c0de-52a7-4b1f-8d66-0f4c9e3b7a92")
"""The page that tells people how their own devices stand."""
OWN_DEVICES_PATH = "/compliance"

DEVICE_REDIRECT = "ms-aadj-redir://auth/drs"
_LOGIN = "{login}"
_MICROSOFTS_LOGIN = "https://login.microsoftonline.com"
_LOOPBACK = re.compile(r"http://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?/?")


@dataclass(frozen=True, slots=True)
class FirstParty:
    """A client and where it may be sent."""

    id: UUID
    name: str
    redirects: tuple[str, ...] = ()
    loopback: bool = False
    own: str = ""
    """A path of this server."""
    device_codes: bool = False
    """Whether its users may sign in in the browser of another device."""

    def allows(self, redirect_uri: str, public_url: str) -> bool:
        """Whether a code may be sent there."""
        if self.own and redirect_uri == public_url + self.own:
            return True
        if self.loopback and _LOOPBACK.fullmatch(redirect_uri):
            return True
        return any(
            redirect_uri == registered.replace(_LOGIN, login)
            for registered in self.redirects
            for login in (public_url, _MICROSOFTS_LOGIN)
        )


def find_first_party(client_id: str) -> FirstParty | None:
    """The client with that id, or None."""
    return _BY_ID.get(client_id.lower())


def own_page(client: UUID) -> FirstParty:
    """The page of this server with that client id."""
    return _BY_ID[str(client)]


def form_target(redirect_uri: str) -> str:
    """What `form-action` of a page must list so that its form may be answered with this redirect."""
    address = urlsplit(redirect_uri)
    if address.scheme in {"http", "https"}:
        return f"{address.scheme}://{address.netloc}"
    return f"{address.scheme}:"


_NATIVE = (f"{_LOGIN}/common/oauth2/nativeclient",)
_CLIENTS = (
    FirstParty(CONSOLE, "Reseal", own=CONSOLE_REDIRECT),
    FirstParty(DEVICE_PAGE, "Reseal device sign-in", own=DEVICE_PAGE_REDIRECT),
    FirstParty(ENROLMENT_PAGE, "Windows enrolment", own=ENROLMENT_PAGE_REDIRECT),
    FirstParty(OWN_DEVICES_PAGE, "Reseal: my devices", own=OWN_DEVICES_PATH),
    FirstParty(
        BROKER,
        "Microsoft Authentication Broker",
        (
            DEVICE_REDIRECT,
            "ms-aadj-redir://auth/mdm",
            "ms-appx-web://Microsoft.AAD.BrokerPlugin/DRS",
            f"ms-appx-web://Microsoft.AAD.BrokerPlugin/{BROKER}",
            "msauth://Microsoft.AAD.BrokerPlugin",
            *(f"{_LOGIN}/WebApp/CloudDomainJoin/{number}" for number in (4, 8, 9, 10)),
        ),
        device_codes=True,
    ),
    FirstParty(
        UUID("9ba1a5c7-f17a-4de9-a1f1-6178c8d51223"),
        "Microsoft Intune Company Portal",
        ("ms-appx-web://Microsoft.AAD.BrokerPlugin/9ba1a5c7-f17a-4de9-a1f1-6178c8d51223",),
    ),
    FirstParty(
        UUID("b743a22d-6705-4147-8670-d92fa515ee2b"),
        "Microsoft Intune Company Portal for Linux",
        ("companyportal://com.microsoft.CompanyPortal",),
        device_codes=True,
    ),
    FirstParty(UUID("38aa3b87-a06d-4817-b275-7a316988d93b"), "Windows Sign In"),
    FirstParty(UUID("b90d5b8f-5503-4153-b545-b31cecfaece2"), "Azure AD bulk enrolment"),
    FirstParty(UUID("c44b4083-3bb0-49c1-b47d-974e53cbdf3c"), "Azure Portal", device_codes=True),
    FirstParty(
        UUID("1b730954-1685-4b74-9bfd-dac224a7b894"),
        "Azure Active Directory PowerShell",
        _NATIVE,
        loopback=True,
        device_codes=True,
    ),
    FirstParty(
        UUID("04b07795-8ddb-461a-bbee-02f9e1bf7b46"),
        "Microsoft Azure CLI",
        _NATIVE,
        loopback=True,
        device_codes=True,
    ),
)
_BY_ID = {str(client.id): client for client in _CLIENTS}
