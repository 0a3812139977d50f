"""What a server process costs over TLS: check-ins on kept and on new connections, a thousand enrolments.

The server is `reseal up` as anybody starts it, with its sockets, certificates and threads; the clients share
no code with it (tests/clients). CPU is that of the server's process from outside, in everything that it does
meanwhile: TLS, HTTP, its tasks. Rates are those of a machine on which the clients run too.

Every answer is looked at: a check-in is answered with nothing to do, and at the end every device that
enrolled is under management by the server's own list.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from http.client import HTTPSConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from unittest.mock import patch
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.clients.blackbox import syncml
from tests.clients.blackbox.device import Device
from tests.clients.blackbox.hardware import Machine
from tests.clients.blackbox.page import Scope
from tests.clients.blackbox.session import Login, Session
from tests.clients.blackbox.signing import DRS, Directory, Tokens
from tests.clients.blackbox.tpm import Tpm
from tests.clients.blackbox.web import Reply
from tests.clients.office import NORTHWIND, Office, enrolled, opened
from tools.bench.checkins import IDLE
from tools.bench.enrolments import ENROLMENT, ON_POSTGRESQL
from tools.bench.figures import Figure
from tools.bench.measuring import Cost
from tools.bench.sizes import Sizes
from tools.bench.stores import Store

_SETTINGS: Final = {"settings": {**NORTHWIND["settings"], "userDeviceQuota": "unlimited"}}
_USER: Final = "anna"
_GOOD: Final = frozenset({200, 212})
_MOST_SESSIONS: Final = 12
_KEYS_EACH: Final = 4
"""Of the TPM, for the join, for its transport, for management."""
_AT_ONCE: Final = 4
"""Devices that enrol at the same time."""
_HEADERS: Final = {
    "Content-Type": f"{syncml.MEDIA_TYPE}; charset=utf-8",
    "Accept": f"{syncml.MEDIA_TYPE}, application/octet-stream",
    "User-Agent": "MSFT Windows OMA DM Client/2.7",
}


async def figures(store: Store, sizes: Sizes) -> AsyncIterator[Figure]:
    """One server on one database."""
    url = store.empty()
    with (
        TemporaryDirectory(prefix="reseal-over-tls-") as folder,
        opened(Path(folder), RESEAL_DATABASE_URL=url) as office,
    ):
        office.apply({"reseal": 1, **_SETTINGS})
        fleet = [_settled(office, number) for number in range(1, sizes.crowd + 1)]
        yield _check_ins(store, office, fleet, sizes.messages, kept=True)
        yield _check_ins(store, office, fleet, sizes.messages // 4, kept=False)
        yield _enrolments(store, office, sizes.enrolments)
    store.drop(url)


@contextmanager
def _metered(office: Office) -> Iterator[Cost]:
    """Measures what the server does during its block."""
    cost, pid = Cost(), office.ready["pid"]
    elapsed, cpu = time.perf_counter(), _cpu_of(pid)
    yield cost
    cost.cpu, cost.elapsed = _cpu_of(pid) - cpu, time.perf_counter() - elapsed


def _cpu_of(pid: int) -> float:
    """Seconds of CPU that a running process has taken so far, all of its threads."""
    return time.clock_gettime(~pid << 3 | 2)  # what clock_getcpuclockid(3) gives on Linux


# --- check-ins ----------------------------------------------------------------------------------------------


def _settled(office: Office, number: int) -> Device:
    """A device that went through its set-up and for which nothing is to be done."""
    device = enrolled(office, f"TLS-{number:04}", _USER)
    device.run_phase(Scope.DEVICE, Login.OTHERS)
    device.run_phase(Scope.USER, Login.USER)
    _come_to_rest(device, Login.USER)  # how the page ended can be asked only while its user is there
    device.user_token = None
    _come_to_rest(device, Login.OTHERS)
    return device


def _come_to_rest(device: Device, login: Login) -> None:
    for _ in range(_MOST_SESSIONS):
        if len(device.sync(login).messages) == 1:
            return
    raise RuntimeError(f"after {_MOST_SESSIONS} sessions there is still something to do")


def _check_ins(store: Store, office: Office, fleet: Sequence[Device], each: int, *, kept: bool) -> Figure:
    """All devices at once, each so many sessions one after another."""
    with _metered(office) as cost, ThreadPoolExecutor(len(fleet)) as pool:
        list(pool.map(lambda device: _check_in(device, each, kept=kept), fleet))
    count = each * len(fleet)
    how = "on a kept connection" if kept else "on a new connection"
    note = f"{count / cost.elapsed:,.0f} a second, {len(fleet)} devices at once"
    what = f"an idle check-in over TLS, {how}"
    return Figure(what, store.name, cost.cpu / count, IDLE if kept else None, cost.elapsed / count, note=note)


def _check_in(device: Device, times: int, *, kept: bool) -> None:
    line = device.mdm.line
    address, context = urlsplit(line.address), line.web.context()
    text, source = Session(line, device.mdm.tree, Login.OTHERS).opening().text, line.source()

    def connect() -> HTTPSConnection:
        return HTTPSConnection(address.hostname or "", address.port, context=context, timeout=60)

    connection = connect()
    for number in itertools.islice(line.number, times):
        body = syncml.message(text, session=str(number), number=1, target=line.address, source=source)
        connection.request("POST", address.path, body, _HEADERS)
        answer = connection.getresponse()
        message = syncml.read(Reply(answer.status, answer.headers, answer.read()))
        if message.session != str(number) or message.header_status not in _GOOD or message.commands:
            raise RuntimeError(f"the check-in {number} was answered {message}")
        if not kept:
            connection.close()
            connection = connect()
    connection.close()


# --- enrolments ---------------------------------------------------------------------------------------------


def _enrolments(store: Store, office: Office, count: int) -> Figure:
    """Devices that their user joins and enrols, each from its own connection to its certificate.

    The sign-ins come before and are not counted: what a password costs is chosen, not measured.
    """
    budget = ENROLMENT * (ON_POSTGRESQL if store.is_remote else 1.0)
    keys = _keys(count * _KEYS_EACH)
    with office.place.web() as web, _keys_from(keys):
        directory = replace(Directory.found(web, office.place.browser, office.domain), cookies={})
        signed_in = [directory.sign_in(office.person(_USER), DRS)[1] for _ in range(count)]
        devices = [_applicant(office, number, keys.pop()) for number in range(count)]
        with _metered(office) as cost, ThreadPoolExecutor(_AT_ONCE) as pool:
            joined = list(pool.map(partial(_enrol, directory), devices, signed_in))
    lost = set(joined) - _managed(office)
    if lost or len(set(joined)) != count:
        raise RuntimeError(f"{len(lost)} of {count} enrolments were lost")
    what = f"one of {count:,} enrolments over TLS"
    note = f"{cost.elapsed:.0f} s in all, none lost"
    return Figure(what, store.name, cost.cpu / count, budget, cost.elapsed / count, note=note)


def _applicant(office: Office, number: int, key: rsa.RSAPrivateKey) -> Device:
    serial = f"ROW-{number:05}"
    return Device(office.place, office.folder / serial, Machine(serial, tpm=Tpm(key)))


def _enrol(directory: Directory, device: Device, tokens: Tokens) -> str:
    """Join and enrol; the device's id in the directory."""
    device.directory, device.signed_in = replace(directory, web=device.plain), tokens
    membership = device.join()
    device.enrol(device.user_access, str(tokens.claims["upn"]))
    device.close()
    return str(membership.device_id)


def _managed(office: Office) -> set[str]:
    """Ids of the devices that the server says it manages."""
    credentials = json.loads(office.credentials.read_text())
    browser, client = office.ready["browser_url"], credentials["client"]
    form = {"grant_type": "client_credentials", "client_id": client["id"], "client_secret": client["secret"]}
    ids: set[str] = set()
    with office.place.web() as web:
        token = web.post_form(f"{browser}/{credentials['tenant_id']}/oauth2/v2.0/token", form).json
        bearer = {"Authorization": f"Bearer {token['access_token']}"}
        path = "/api/v1/devices"
        while path:
            page = web.get(browser + path, bearer).json
            ids |= {each["deviceId"] for each in page["value"] if each["isManaged"]}
            path = page.get("nextLink", "")
    return ids


# --- keys ---------------------------------------------------------------------------------------------------


@contextmanager
def _keys_from(keys: list[rsa.RSAPrivateKey]) -> Iterator[None]:
    """Devices take their keys from here, since to make them would take longer than everything else."""
    with ExitStack() as stack:
        for module in ("device", "joining"):
            stack.enter_context(patch(f"tests.clients.blackbox.{module}.new_key", keys.pop))
        yield


def _keys(count: int) -> list[rsa.RSAPrivateKey]:
    """So many keys, no two of them alike, of few primes: good for measuring, and for nothing else."""
    primes: list[int] = []
    while len(primes) * (len(primes) - 1) // 2 < count:
        numbers = rsa.generate_private_key(65537, 2048).private_numbers()
        primes += [numbers.p, numbers.q]
    return [_key(p, q) for p, q in itertools.islice(itertools.combinations(primes, 2), count)]


def _key(p: int, q: int) -> rsa.RSAPrivateKey:
    d = pow(65537, -1, math.lcm(p - 1, q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)
