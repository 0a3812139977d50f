"""One device: from the first power-on to the release of both phases, and out of the directory again."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.clients.blackbox import jws, provisioning
from tests.clients.blackbox.channel import Channel
from tests.clients.blackbox.enrolment import PAGE_TOKEN, Enroller, security_of
from tests.clients.blackbox.errors import Broken, Refused, demand
from tests.clients.blackbox.hardware import Machine
from tests.clients.blackbox.joining import Membership, Registration, csr, new_key, write_pem
from tests.clients.blackbox.packages import Installer
from tests.clients.blackbox.page import Page, Scope
from tests.clients.blackbox.provisioning import Provisioned
from tests.clients.blackbox.session import Alerting, Digest, Line, Login, Session
from tests.clients.blackbox.signing import DRS, Browser, Directory, Person, Tokens
from tests.clients.blackbox.signing import Page as Form
from tests.clients.blackbox.tree import Tree
from tests.clients.blackbox.web import Web

APP = "ms-app://s-1-15-2-3554633017-1"
"""The part of Windows that waits for what a sign-in page hands over."""
TERMS_REDIRECT = "ms-appx-web://microsoft.aad.brokerplugin"
_SYNCS = 30
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is found: its listeners and the CA that it is known by."""

    browser: str
    device: str
    anchor: Path
    ageless: bool = False

    def web(self, certificate: Path | None = None) -> Web:
        """Connections to it."""
        return Web(self.anchor, certificate, self.ageless)


@dataclass(slots=True)
class Enrolled:
    """A device under management."""

    provisioned: Provisioned
    key: rsa.RSAPrivateKey
    tree: Tree
    installer: Installer
    page: Page
    line: Line
    syncs: list[Session] = field(default_factory=list)


@dataclass(slots=True)
class Device:
    """A laptop at a server. Each step may be done once, in the order of the methods."""

    place: Place
    folder: Path
    machine: Machine
    by_digest: bool = False
    user_by_header: bool = False
    """Whether the user's token comes in the Authorization header as well as in the alert."""
    late_context: int = 0
    """For how many sessions the part of a user is not there yet although he is logged on."""
    plain: Web = field(init=False)
    profile: dict[str, Any] = field(default_factory=dict)
    directory: Directory | None = None
    signed_in: Tokens | None = None
    membership: Membership | None = None
    management_url: str = ""
    user_token: Tokens | None = None
    enrolled: Enrolled | None = None
    _webs: list[Web] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.plain = self._web()

    def _web(self, certificate: Path | None = None) -> Web:
        self._webs.append(self.place.web(certificate))
        return self._webs[-1]

    def close(self) -> None:
        """Close connections."""
        for web in self._webs:
            web.close()

    @property
    def mdm(self) -> Enrolled:
        """The device under management, which it has to be."""
        if self.enrolled is None:
            raise Broken("not enrolled")
        return self.enrolled

    @property
    def user_access(self) -> str:
        """The access token of the user on this device, for management."""
        return _there(self.user_token).access

    # --- before management --------------------------------------------------------------------------------

    @property
    def channel(self) -> Channel:
        """The runtime channel."""
        web = self.plain if self.membership is None else self._web(self.membership.pem)
        return Channel(web, f"{self.place.device}/runtime/v1")

    def start(self) -> dict[str, Any]:
        """Power on: ask who we are."""
        self.machine.tpm.boot()
        self.profile = self.channel.profile(self.machine)
        return self.profile

    def sign_in(self, person: Person, resource: str = DRS, **more: str) -> Tokens:
        """The person signs in on the page of the tenant."""
        tenant = person.upn.partition("@")[2]
        self.directory = Directory.found(self.plain, self.place.browser, tenant)
        if hint := self.profile.get("assignedUser"):
            more |= {"login_hint": hint["upn"], "reseal_hint": hint["hint"]}
        _, self.signed_in = self.directory.sign_in(person, resource, **more)
        return self.signed_in

    def join(self, *, capital: bool = False) -> Membership:
        """Join with the token of the person, as the registered device if it is one."""
        directory, tokens = _there(self.directory), _there(self.signed_in)
        claims = tokens.claims
        service = Registration.found(self.plain, self._registration_url())
        demand(service.resource == DRS, f"the registration service is {service.resource}")
        run = self.profile.get("run", "")
        name = self.profile.get("profile", {}).get("deviceName") or self.machine.serial
        self.membership = service.join(tokens.access, self.folder, name=name, ticket=run, capital=capital)
        self.user_token = directory.user_token(self.membership.proof, tokens)
        mine = self.user_token.claims
        demand(mine["deviceid"] == str(self.membership.device_id), "the user's token names another device")
        demand(mine["tid"] == claims["tid"] and mine["upn"] == claims["upn"], "the token is of somebody else")
        self.management_url = str(jws.claims_of(tokens.identity).get("mdm_enrollment_url", ""))
        return self.membership

    def _registration_url(self) -> str:
        """As the runtime channel says; else of the tenant of the token."""
        if url := self.profile.get("urls", {}).get("deviceRegistration"):
            return str(url)
        return f"{self.place.device}/{_there(self.signed_in).claims['tid']}/Discover?api-version=1.9"

    def join_by_ticket(self) -> Membership:
        """Join without a user: the TPM proves the device."""
        channel = self.channel
        key, ticket = channel.attest(self.machine, self.profile["registration"])
        name = self.profile["profile"].get("deviceName") or self.machine.serial
        request = channel.join_request(key, ticket["ticket"], name)
        self.membership, self.management_url = channel.join(key, request, self.folder)
        return self.membership

    # --- enrolment ----------------------------------------------------------------------------------------

    def enrol(self, token: str, upn: str = "", **changed: str) -> Enrolled:
        """Discovery, policies, certificate."""
        membership = _there(self.membership)
        demand(self.management_url.startswith("https://"), "the token leads to no management")
        enroller = Enroller(self.plain)
        enroller.probe(self.management_url)
        endpoints = enroller.discover(self.management_url, upn)
        demand(enroller.policies(endpoints.policy, token) <= 2048, "a key of more than 2048 bits is wanted")
        key = new_key()
        context = self.context(membership.device_id, upn, **changed)
        request = csr(key, str(membership.device_id))
        document = enroller.enrol(endpoints.enrolment, security_of(token), request, context)
        return self._managed(provisioning.read(document, key), key, membership.device_id)

    def terms_accepted(self, url: str, token: str) -> str:
        """Press the button of the terms page, as its person does while the device joins; the opaque blob."""
        query = {"redirect_uri": TERMS_REDIRECT, "client-request-id": "1", "api-version": "1.0"}
        asked = f"{url}?{urlencode({**query, 'mode': 'azureadjoin'})}"
        page = Form.read(self.plain.get(asked, {"Authorization": f"Bearer {token}"}))
        demand(list(page.buttons) == ["answer"], f"the page has the buttons {page.buttons}")
        reply = self.plain.post_form(urljoin(url, page.action), {**page.fields, **page.buttons})
        demand(reply.status == 302, f"the answer to the terms is answered {reply.status}")
        target = urlsplit(reply.header("Location"))
        told = {name: values[0] for name, values in parse_qs(target.query).items()}
        demand(f"{target.scheme}://{target.netloc}" == TERMS_REDIRECT, f"it leads to {target.scheme}")
        demand(told.get("IsAccepted") == "true", f"it says {sorted(told)}")
        demand(told.get("client-request-id") == "1", "the answer does not repeat the client-request-id")
        return told["OpaqueBlob"]

    def page_result(self, person: Person, url: str = "") -> str:
        """What the server's sign-in page hands to the app that waits; by default the page that discovery
        names.
        """
        url = url or Enroller(self.plain).discover(self._discovery, person.upn).authentication
        demand(url.startswith("https://"), "discovery names no sign-in page")
        query = urlencode({"appru": APP, "login_hint": person.upn})
        fields = Browser(self.plain).drive(f"{url}?{query}", APP, person)
        demand(list(fields) == ["wresult"], f"the page hands over {sorted(fields)}")
        return fields["wresult"]

    def enrol_by_page(self, result: str, upn: str, **changed: str) -> Enrolled:
        """Enrol a computer that has not joined, with what the sign-in page handed over."""
        enroller, own_id, key = Enroller(self.plain), uuid.uuid4(), new_key()
        endpoints = enroller.discover(self._discovery, upn)
        enroller.policies(endpoints.policy, result, PAGE_TOKEN)
        own = {"EnrollmentType": "Full", "NotInOobe": "true", **changed}
        context = self.context(own_id, upn, **own)
        proof = security_of(result, PAGE_TOKEN)
        document = enroller.enrol(endpoints.enrolment, proof, csr(key, upn), context)
        return self._managed(provisioning.read(document, key, "User"), key, own_id)

    @property
    def _discovery(self) -> str:
        """As typed by hand, where no directory leads there."""
        return f"{self.place.device}/EnrollmentServer/Discovery.svc"

    def context(self, device_id: uuid.UUID, upn: str, **changed: str) -> list[tuple[str, str]]:
        """What the device says about itself when it enrols."""
        items = {
            "UXInitiated": "true",
            "HWDevID": self.machine.tpm.ek_digest,
            "NotInOobe": "false",
            "Locale": "en-US",
            "TargetedUserLoggedIn": "True" if upn else "False",
            "EnrollmentData": "",
            "OSEdition": " 4 ",
            "DeviceName": self.machine.serial,
            "DeviceID": device_id.hex.upper(),
            "EnrollmentType": "Device",
            "DeviceType": "CIMClient_Windows",
            "OSVersion": "10.0.26100.1",
            "ApplicationVersion": "10.0.26100.1",
            "NorthwindExtra": "unknown names are passed over",
        }
        if registration := self.profile.get("registration"):
            items["ZeroTouchProvisioning"] = registration
        return [*(items | changed).items(), ("MAC", "02-00-00-00-00-01"), ("MAC", "02-00-00-00-00-02")]

    def _managed(self, provisioned: Provisioned, key: rsa.RSAPrivateKey, device_id: uuid.UUID) -> Enrolled:
        tree = Tree(provisioned.provider)
        installer = Installer(tree, self._fetch)
        tree.exec, tree.deleted = installer.begin, installer.forget
        base = f"./Device/Vendor/MSFT/DMClient/Provider/{provisioned.provider}"
        for path, value in provisioned.nodes.items():
            tree.put(base + path, value)
        _fill(tree, base, self.machine, device_id)
        pem = write_pem(self.folder / "mdm.pem", key, provisioned.certificate, provisioned.issuer)
        line = Line(
            self.plain if self.by_digest else self._web(pem),
            provisioned.address,
            self._source,
            Digest.of(provisioned) if self.by_digest else None,
        )
        self.enrolled = Enrolled(provisioned, key, tree, installer, Page(tree), line)
        return self.enrolled

    def _source(self) -> str:
        """By certificate another name each time: the credential says who we are, not this."""
        if self.by_digest:
            return self.mdm.tree.value("./DevInfo/DevId") or ""
        return f"imei:{uuid.uuid4()}"

    def _fetch(self, url: str) -> bytes:
        """A package, without a certificate, in two parts."""
        head = self.plain.send("GET", url, headers={"Range": "bytes=0-999"})
        demand(head.status in {200, 206}, f"the content at {url} is answered {head.status}")
        if head.status == 200:
            return head.body
        rest = self.plain.send(
            "GET", url, headers={"Range": f"bytes={len(head.body)}-", "If-Range": head.header("ETag")}
        )
        if rest.status == 416:
            return head.body
        demand(rest.status == 206, f"the rest of the content is answered {rest.status}")
        return head.body + rest.body

    # --- management ---------------------------------------------------------------------------------------

    def sync(self, login: Login, alerts: Sequence[Alerting] = ()) -> Session:
        """One session; installations go one step on after it."""
        mdm = self.mdm
        told = [_package_alert(job.node, job.status) for job in mdm.installer.news()]
        token = self.user_access if self.user_token else ""
        user = [Alerting(1224, "com.microsoft/MDM/AADUserToken", token, form="chr")] if token else []
        mdm.line.bearer = token if self.user_by_header else ""
        mdm.tree.user_context = login is Login.USER and self.late_context <= 0
        self.late_context -= login is Login.USER
        session = Session(mdm.line, mdm.tree, login, [*user, *told, *alerts]).run()
        mdm.syncs.append(session)
        mdm.installer.work()
        return session

    def run_phase(self, scope: Scope, login: Login) -> list[Session]:
        """Check in until the page of a phase is green; the phase is closed then."""
        page = self.mdm.page
        sessions: list[Session] = []
        for _ in range(_SYNCS):
            sessions.append(self.sync(login))
            if page.green(scope):
                page.finish(scope)
                return sessions
        raise Refused(
            "0x800705B4", f"{scope} is not released: {page.expected(scope)}, open {page.open_items(scope)}"
        )

    def leave(self) -> None:
        """Out of the directory, by the device's certificate."""
        membership = _there(self.membership)
        service = Registration.found(self.plain, self._registration_url())
        service.leave(membership, self._web(membership.pem))


def _there(value: T | None) -> T:
    if value is None:
        raise Broken("a step was left out")
    return value


def _package_alert(node: str, status: int) -> Alerting:
    kind = "Reversed-Domain-Name:com.microsoft.mdm.win32csp_install"
    return Alerting(1226, kind, str(0 if status == 70 else status), f"{node}/DownloadInstall", "int")


def _fill(tree: Tree, base: str, machine: Machine, device_id: uuid.UUID) -> None:
    own = {
        "./DevInfo/DevId": device_id.hex.upper(),
        "./DevInfo/Man": machine.manufacturer,
        "./DevInfo/Mod": machine.model,
        "./DevInfo/DmV": "1.3",
        "./DevInfo/Lang": "en-US",
        "./DevDetail/SwV": "10.0.26100.1",
        "./DevDetail/OEM": machine.manufacturer,
        "./DevDetail/DevTyp": machine.model,
        "./DevDetail/Ext/Microsoft/DeviceName": machine.serial,
        "./DevDetail/Ext/Microsoft/OSPlatform": "Windows 11 Enterprise",
        "./DevDetail/Ext/Microsoft/SMBIOSSerialNumber": machine.serial,
        "./DevDetail/Ext/DeviceHardwareData": machine.hardware_hash(),
        f"{base}/AADDeviceID": str(device_id),
        f"{base}/EnrollmentType": "Device",
        f"{base}/HWDevID": machine.tpm.ek_digest,
    }
    for uri, value in own.items():
        tree.put(uri, value)
