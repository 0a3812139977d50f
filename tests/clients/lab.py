"""A lab: a network of its own, in which a server stands in for Microsoft's hosts, and roadtx in it.

roadtx has both host names built in, insists on port 443 and on a certificate that its CA bundle vouches for.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cryptography import x509

from tests.clients.blackbox.codes import answer
from tests.clients.blackbox.signing import Code, Directory, Person
from tests.clients.blackbox.web import Web
from tests.clients.office import Office, opened
from tests.support.private_network import private_network
from tests.support.processes import clean_environment

LOGIN, REGISTRATION = "login.microsoftonline.com", "enterpriseregistration.windows.net"
NAMES = {LOGIN: "127.0.0.1", REGISTRATION: "127.0.0.2"}
"""Where the hosts file leads: browsers' listener, devices' listener."""

_LISTENING = {
    "RESEAL_BROWSER_LISTEN": f"{NAMES[LOGIN]}:443",
    "RESEAL_DEVICE_LISTEN": f"{NAMES[REGISTRATION]}:443",
    "RESEAL_SERVER_NAMES": f"{LOGIN},{REGISTRATION}",
    "RESEAL_LAB_CA": "true",
}
_PATIENCE = 60
"""Seconds that a command of roadtx may take, however busy the machine is."""

DEVICE_CODE = ("gettokens", "--device-code", "-c", "broker", "-r", "devicereg")
"""How roadtx signs somebody in without ever seeing their password."""

_TOLD = re.compile(r"(?P<url>https://\S+) .*\b(?P<code>[A-Z0-9]{4}-?[A-Z0-9]{4,5})\b")


@dataclass(frozen=True, slots=True)
class Said:
    """A command of roadtx that ended."""

    code: int
    text: str

    def __contains__(self, words: str) -> bool:
        return words in self.text


@dataclass(frozen=True, slots=True)
class Roadtx:
    """The program, where it keeps its files, and which roots it trusts."""

    program: Path
    folder: Path
    roots: Path

    def __call__(self, *arguments: str) -> Said:
        """One command to its end; it writes into its folder."""
        with self.begun(*arguments) as process:
            text, _ = process.communicate(timeout=_PATIENCE)
            return Said(process.returncode, text)

    @contextmanager
    def begun(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """One command, which may have more to say than it has to be told."""
        trusting = {"REQUESTS_CA_BUNDLE": str(self.roots), "SSL_CERT_FILE": str(self.roots)}
        process = subprocess.Popen(
            [self.program, *arguments],
            env=clean_environment(HOME=str(self.folder), PYTHONUNBUFFERED="1", **trusting),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    @property
    def tokens(self) -> dict[str, Any]:
        """What it keeps of its last sign-in."""
        kept: dict[str, Any] = json.loads((self.folder / ".roadtools_auth").read_text())
        return kept

    def redeem(self, code: Code, *, resource: str = "devicereg", verifier: str = "") -> Said:
        """Sign in with a code that the page gave; codes and verifiers may begin with a dash."""
        proof = f"--pkce-secret={verifier or code.verifier}"
        return self("codeauth", "-c", "broker", "-r", resource, "-ru", code.redirect, proof, "--", code.value)

    def by_device_code(self, user: Callable[[str, str], None], *arguments: str) -> Said:
        """A command that has its `user` type a code: they are given the page's address and the code."""
        with self.begun(*arguments) as process:
            assert process.stdout is not None
            told = ""
            while (found := _TOLD.search(told)) is None:
                line = process.stdout.readline()
                assert line, told
                told += line
            user(found["url"], found["code"])
            rest, _ = process.communicate(timeout=_PATIENCE)
            return Said(process.returncode, told + rest)

    def device(self, action: str, name: str, *more: str) -> Said:
        """Join, register or delete the device whose certificate and key are NAME.pem and NAME.key."""
        files = ("-c", f"{name}.pem", "-k", f"{name}.key")
        return self("device", "-a", action, *files, *(() if action == "delete" else ("-n", name)), *more)


@dataclass(frozen=True, slots=True)
class Lab:
    """An organisation on a server that stands in for Microsoft's hosts. Its tests run inside the network."""

    office: Office
    roots: Path

    def web(self) -> Web:
        """Connections as a browser in the lab makes them."""
        return Web(self.roots)

    def directory(self, web: Web) -> Directory:
        """Where people sign in, under the name that clients have built in."""
        found = Directory.found(web, f"https://{LOGIN}", "common")
        return Directory(
            web, f"https://{LOGIN}/common/oauth2/authorize", found.token, found.keys, found.issuer
        )

    def code(self, person: Person, resource: str) -> Code:
        """What the page gives to somebody who signs in."""
        with self.web() as web:
            return self.directory(web).ask_code(person, resource)

    def answering(self, person: Person, *, yes: bool = True) -> Callable[[str, str], None]:
        """Somebody who answers a device's code in a browser of their own."""

        def answer_code(url: str, code: str) -> None:
            with self.web() as web:
                answer(web, url, code, person, yes=yes)

        return answer_code

    @property
    def devices(self) -> dict[str, dict[str, Any]]:
        """The directory's devices by their device ids."""
        return {device["deviceId"]: device for device in self._read("/devices", top="100")}

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What the log says of that kind, in its order."""
        return [event for event in self._read("/events", top="1000") if event["kind"] == kind]

    @property
    def device_authorities(self) -> list[x509.Certificate]:
        """Which the server takes certificates of directory devices and of enrolments from."""
        bundle = self.office.server.data / "tls" / "device-authorities.pem"
        return x509.load_pem_x509_certificates(bundle.read_bytes())

    def _read(self, path: str, **query: str) -> list[dict[str, Any]]:
        """As the organisation's automation client."""
        credentials = json.loads(self.office.credentials.read_text())
        base, client = self.office.ready["browser_url"], credentials["client"]
        asked = {
            "grant_type": "client_credentials",
            "client_id": client["id"],
            "client_secret": client["secret"],
        }
        with self.web() as web:
            token = web.post_form(f"{base}/{credentials['tenant_id']}/oauth2/v2.0/token", asked).json
            bearer = {"Authorization": f"Bearer {token['access_token']}"}
            answer = web.get(f"{base}/api/v1{path}?{urlencode(query)}", bearer).json
        assert "nextLink" not in answer, "there is more than one page"
        found: list[dict[str, Any]] = answer["value"]
        return found


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """A lab whose server is up; this thread is inside its network."""
    with (
        private_network(folder, NAMES) as network,
        network.inside(),
        opened(folder / "data", **_LISTENING) as office,
    ):
        roots = folder / "roots.pem"
        own, microsofts = Path(office.ready["ca_file"]), office.server.data / "tls" / "lab" / "root.pem"
        roots.write_bytes(own.read_bytes() + microsofts.read_bytes())
        yield Lab(office, roots)
