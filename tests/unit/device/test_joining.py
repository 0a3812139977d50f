"""Attestation, tokens, join and enrolment: what each does when the other side does not do its part."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from reseal.device.channel import Channel, Refused
from reseal.device.disk import MemoryDisk
from reseal.device.enrol import Applicant, Enrolled, enrol, mdm_key
from reseal.device.errors import NetworkFailed, SetupFailed
from reseal.device.firmware import Firmware
from reseal.device.http import Http
from reseal.device.oauth import (
    CALLBACK,
    DEVICE_REGISTRATION,
    MANAGEMENT,
    TokenEndpoint,
    TokenRefused,
    ask_for_code,
    read_claims,
    signed_request,
)
from reseal.device.registering import Claimant, Membership, UserJoin, attest, join_by_ticket, join_by_user
from reseal.device.tpm import VirtualTpm
from reseal.device.transport import Failure
from reseal.kernel.clock import VirtualClock
from reseal.kernel.entropy import SeededEntropy
from reseal.wire.enrolment.pkcs10 import proven_key, read_certificate_request
from reseal.wire.enrolment.request import ContextName
from reseal.wire.runtime.messages import Refusal, TicketJoin
from tests.unit.device.laptops import LAPTOP, keys, simulated, tpm_on
from tests.unit.device.organisation import DEVICE, HOST, REGISTRATION, Answer, Organisation


class Device:
    """The parts that a join takes."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.disk = MemoryDisk()
        self.server = Organisation(clock)
        self.http = Http(self.server, clock)
        self.channel = Channel(self.http, f"{HOST}/runtime/v1")
        self.tpm: VirtualTpm = tpm_on(self.disk, clock)
        Firmware(self.disk, LAPTOP, self.tpm).power_on()
        self.claimant = Claimant(REGISTRATION, "T0E=", self.tpm)
        self.endpoint = TokenEndpoint(self.http, clock, f"{HOST}/token")

    async def joined(self) -> Membership:
        """Join by a proven TPM."""
        ticket = await attest(self.channel, self.claimant, self.clock)
        return await join_by_ticket(
            self.channel, ticket.ticket, self.tpm, device_name="PC", os_version="10.0.26100.0"
        )

    async def enrolled(self, **changes: Any) -> Enrolled:
        """Enrol with a token."""
        applicant = Applicant(
            **{
                "hardware": LAPTOP,
                "device_id": str(DEVICE),
                "device_name": "PC",
                "registration": str(REGISTRATION),
                "token": "a|b|c",
                **changes,
            }
        )
        url = f"{HOST}/EnrollmentServer/Discovery.svc"
        return await enrol(self.http, self.disk, keys(), SeededEntropy(1), url, applicant)


# --- attestation and join -----------------------------------------------------------------------------------


def test_a_proven_tpm_joins_with_the_key_that_it_certified() -> None:
    async def main(clock: VirtualClock) -> None:
        device = Device(clock)
        member = await device.joined()
        identity = member.identity(device.tpm)
        assert member.device_id == DEVICE
        assert identity.certificate.public_key() == identity.key.public_key()
        assert len(identity.above) == 2
        join = device.server.joins[-1]
        assert isinstance(join, TicketJoin)
        assert join.transport_key.startswith(b"RSA1")

    simulated(main)


def test_a_join_whose_answer_was_lost_is_asked_for_with_the_same_request() -> None:
    async def main(clock: VirtualClock) -> None:
        device = Device(clock)
        device.server.lost["/runtime/v1/join"] = 2
        await device.joined()
        first, *others = device.server.joins
        assert others == [first, first]

    simulated(main)


def test_an_attestation_that_the_network_breaks_off_begins_anew() -> None:
    async def main(clock: VirtualClock) -> None:
        device = Device(clock)

        class Losing(Organisation):
            def _ticket(self, request: Any) -> Any:
                answer = super()._ticket(request)
                if self.tickets < 3:
                    self.lost[request.url.removeprefix(HOST)] = 1
                return answer

        device.server = Losing(clock)
        channel = Channel(Http(device.server, clock), f"{HOST}/runtime/v1")
        ticket = await attest(channel, device.claimant, clock)
        assert ticket.ticket == "ticket-3"

    simulated(main)


def test_an_attestation_begins_anew_where_the_server_is_busy() -> None:
    async def main(clock: VirtualClock) -> None:
        class Restarting(Organisation):
            def _ticket(self, request: Any) -> Any:
                answer = super()._ticket(request)
                return answer if self.tickets == 3 else Answer(503, b"<h1>Try later</h1>")

        device = Device(clock)
        channel = Channel(Http(Restarting(clock), clock), f"{HOST}/runtime/v1")
        assert (await attest(channel, device.claimant, clock)).ticket == "ticket-3"

    simulated(main)


def test_an_attestation_has_a_bound() -> None:
    async def main(clock: VirtualClock) -> None:
        device = Device(clock)
        device.server.refused["/runtime/v1/attestation"] = Refusal(code="0x801C03EA", message="No.")
        with pytest.raises(Refused):
            await attest(device.channel, device.claimant, clock)
        assert device.server.count("/runtime/v1/attestation") == 1, "a refusal is a refusal"
        device.server.refused.clear()
        device.server.trouble = Failure.CUT
        with pytest.raises(NetworkFailed):
            await attest(device.channel, device.claimant, clock)
        assert clock.monotonic() < timedelta(minutes=10)

    simulated(main)


def test_a_challenge_that_is_over_is_asked_for_again_and_not_for_ever() -> None:
    async def main(clock: VirtualClock) -> None:
        class Forgetful(Organisation):
            def _ticket(self, request: Any) -> Any:
                self._challenges.clear()
                return super()._ticket(request)

        device = Device(clock)
        server = Forgetful(clock)
        channel = Channel(Http(server, clock), f"{HOST}/runtime/v1")
        with pytest.raises(SetupFailed) as raised:
            await attest(channel, device.claimant, clock)
        assert raised.value.code == "0x81039001"
        assert server.count("/runtime/v1/attestation") == 5

    simulated(main)


def test_a_user_joins_with_token_run_and_name() -> None:
    async def main(clock: VirtualClock) -> None:
        device = Device(clock)
        wish = UserJoin("token", "run-7", "PC-7", "10.0.26100.0", "https://mdm")
        member = await join_by_user(device.http, f"{HOST}/Discover", device.tpm, wish)
        join = device.server.joins[-1]
        assert not isinstance(join, TicketJoin)
        assert (join.ticket, join.device_name, join.target_domain) == (b"run-7", "PC-7", "")
        assert (member.joined_by, member.mdm_discovery) == ("adele@contoso.test", "https://mdm")

    simulated(main)


@pytest.mark.parametrize("code", ["801c0003", "0x801C0003", ""])
def test_a_refused_join_shows_its_code_as_an_hresult(code: str) -> None:
    async def main(clock: VirtualClock) -> None:
        device = Device(clock)
        device.server.refused["join"] = Refusal(code=code, message="Too many.", remedy="Fewer.")
        with pytest.raises(SetupFailed) as raised:
            await join_by_user(device.http, f"{HOST}/Discover", device.tpm, UserJoin("t", "r", "n", "v", ""))
        assert raised.value.code == ("0x801C0003" if code else "0x801C0006")

    simulated(main)


# --- tokens -------------------------------------------------------------------------------------------------


def test_the_address_of_the_sign_in_page_binds_the_code_to_who_asks() -> None:
    first = ask_for_code(f"{HOST}/authorize", MANAGEMENT, SeededEntropy(1), language="de-DE", hint="h")
    other = ask_for_code(f"{HOST}/authorize", MANAGEMENT, SeededEntropy(2), language="de-DE")
    assert "code_challenge_method=S256" in first.url
    assert first.verifier not in first.url
    assert "reseal_hint=h" in first.url
    assert "reseal_hint" not in other.url
    assert {first.verifier, first.state}.isdisjoint({other.verifier, other.state})
    assert CALLBACK.replace(":", "%3A").replace("/", "%2F") in first.url


def test_device_and_user_tokens_need_a_fresh_nonce_each() -> None:
    async def main(clock: VirtualClock) -> None:
        device = Device(clock)
        identity = (await device.joined()).identity(device.tpm)
        assert await device.endpoint.device_token(identity) == f"{MANAGEMENT}||{DEVICE}"
        device.server.lost["/token"] = 2  # first a nonce, then the answer with the token
        renewed = await device.endpoint.renew(identity, "refresh:adele@contoso.test", MANAGEMENT)
        assert renewed.access == f"{MANAGEMENT}|adele@contoso.test|{DEVICE}"
        assert renewed.until == clock.monotonic() + timedelta(minutes=58)

    simulated(main)


def test_a_token_is_asked_for_from_the_start_where_the_server_is_busy() -> None:
    async def main(clock: VirtualClock) -> None:
        class Restarting(Organisation):
            def _signed(self, token: str) -> Any:
                self.tickets += 1
                answer = super()._signed(token)
                return answer if self.tickets > 3 else Answer(503, b"<h1>Try later</h1>")

        device = Device(clock)
        identity = (await device.joined()).identity(device.tpm)
        endpoint = TokenEndpoint(Http(Restarting(clock), clock), clock, f"{HOST}/token")
        assert await endpoint.device_token(identity) == f"{MANAGEMENT}||{DEVICE}"

    simulated(main)


def test_a_code_is_shown_once() -> None:
    async def main(clock: VirtualClock) -> None:
        device = Device(clock)
        question = ask_for_code(f"{HOST}/authorize", DEVICE_REGISTRATION, SeededEntropy(1), language="en-US")
        device.server._codes["abc"] = {"loginfmt": "adele@contoso.test"}
        device.server.lost["/token"] = 1
        with pytest.raises(NetworkFailed):
            await device.endpoint.redeem(question, "abc")
        with pytest.raises(TokenRefused) as raised:
            await device.endpoint.redeem(question, "abc")
        assert raised.value.needs_sign_in
        assert raised.value.code == "AADSTS54005"
        assert device.server.count("/token") == 2

    simulated(main)


def test_a_signed_request_holds() -> None:
    async def main(clock: VirtualClock) -> None:
        device = Device(clock)
        identity = (await device.joined()).identity(device.tpm)
        token = signed_request(identity, {"grant_type": "device_token"})
        head, body, signature = token.split(".")
        key = identity.certificate.public_key()
        assert isinstance(key, RSAPublicKey)
        raw = base64.urlsafe_b64decode(signature + "==")
        key.verify(raw, f"{head}.{body}".encode(), PKCS1v15(), SHA256())
        assert read_claims(token) == {"grant_type": "device_token"}

    simulated(main)


@given(st.text(max_size=60))
def test_claims_of_any_text_are_read_or_empty(text: str) -> None:
    assert isinstance(read_claims(text), dict)
    assert read_claims(f"a.{text}.c") == {} or isinstance(read_claims(f"a.{text}.c"), dict)


# --- enrolment ----------------------------------------------------------------------------------------------


def test_an_enrolment_says_what_windows_says() -> None:
    async def main(clock: VirtualClock) -> None:
        device = Device(clock)
        given_ = await device.enrolled()
        said = device.server.wishes[-1].context
        assert said.device_id == str(DEVICE)
        assert said.in_oobe
        assert said.hardware_id == LAPTOP.hardware_id
        assert said.text(ContextName.ZERO_TOUCH_PROVISIONING) == str(REGISTRATION)
        assert said.mac_addresses == LAPTOP.mac_addresses
        request = read_certificate_request(device.server.wishes[-1].content)
        assert request.common_name == str(DEVICE)
        assert proven_key(request, least_bits=2048) == given_.key.public_key()

    simulated(main)


def test_the_key_is_kept_before_anybody_hears_of_it() -> None:
    async def main(clock: VirtualClock) -> None:
        device = Device(clock)
        device.server.trouble = Failure.CUT
        with pytest.raises(NetworkFailed) as raised:
            await device.enrolled()
        assert raised.value.code == "0x80180010"
        device.server.trouble = None
        first = (await device.enrolled()).key
        device.disk.power_cut()
        again = (await device.enrolled(upn="adele@contoso.test")).key
        assert first.public_key() == again.public_key() == mdm_key(device.disk, keys("other")).public_key()

    simulated(main)


@pytest.mark.parametrize(
    "failure, code", [(Failure.UNTRUSTED, "0x80180012"), (Failure.REFUSED, "0x80180010")]
)
def test_a_server_that_cannot_be_reached_or_trusted_has_its_code(failure: Failure, code: str) -> None:
    async def main(clock: VirtualClock) -> None:
        device = Device(clock)
        device.server.trouble = failure
        with pytest.raises(SetupFailed) as raised:
            await device.enrolled()
        assert raised.value.code == code

    simulated(main)


def test_an_answer_that_is_no_soap_is_an_error_and_no_crash() -> None:
    async def main(clock: VirtualClock) -> None:
        device = Device(clock)
        refusal = Refusal(code="x", message="not found")
        device.server.refused["/EnrollmentServer/Policy.svc"] = refusal
        with pytest.raises(SetupFailed) as raised:
            await device.enrolled()
        assert raised.value.code == "0x80004005"
        assert msgspec.json.encode(refusal)

    simulated(main)
