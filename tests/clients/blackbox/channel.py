"""The runtime channel: who am I, is this TPM mine, join without a user (engineer/runtime-protocol.md)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.clients.blackbox.hardware import Machine
from tests.clients.blackbox.joining import Membership, accepted, csr, new_key, refusal, transport_key
from tests.clients.blackbox.web import Web


def text(data: bytes) -> str:
    """Bytes in a document."""
    return base64.b64encode(data).decode()


@dataclass(frozen=True, slots=True)
class Channel:
    """The channel at one server; `web` shows the device's certificate once there is one."""

    web: Web
    url: str

    def ask(self, path: str, document: Mapping[str, Any], run: str = "") -> dict[str, Any]:
        """One request with a document."""
        headers = {"Authorization": f"Bearer {run}"} if run else {}
        reply = self.web.post_json(self.url + path, document, headers)
        if reply.status != 200:
            raise refusal(reply)
        answer: dict[str, Any] = reply.json
        return answer

    def profile(self, machine: Machine) -> dict[str, Any]:
        """What the server knows of a machine."""
        return self.ask("/profile", {"hardwareHash": machine.hardware_hash(), "osVersion": "10.0.26100.1"})

    def blocker(self, run: str) -> dict[str, Any]:
        """What the device waits for."""
        reply = self.web.get(f"{self.url}/blocker", {"Authorization": f"Bearer {run}"})
        if reply.status != 200:
            raise refusal(reply)
        answer: dict[str, Any] = reply.json
        return answer

    def begin(self, machine: Machine, registration: str) -> dict[str, Any]:
        """A challenge for the machine's TPM."""
        return self.ask(
            "/attestation",
            {
                "registration": registration,
                "hardwareHash": machine.hardware_hash(),
                "ekPublic": text(machine.tpm.ek_public),
                "akPublic": text(machine.tpm.ak_public),
                "ekCertificates": [],
            },
        )

    def answer(
        self, machine: Machine, challenge: Mapping[str, Any], key: rsa.RSAPrivateKey
    ) -> dict[str, Any]:
        """The answer to a challenge, for a key that joins: a ticket."""
        tpm, nonce = machine.tpm, base64.b64decode(challenge["nonce"])
        credential, seed = (base64.b64decode(challenge[name]) for name in ("credential", "encryptedSeed"))
        quote, quote_signature = tpm.quote(nonce)
        certify, certify_signature = tpm.certify(key, nonce)
        return self.ask(
            f"/attestation/{challenge['id']}",
            {
                "secret": text(tpm.activate(credential, seed)),
                "quote": text(quote),
                "quoteSignature": text(quote_signature),
                "pcrs": {str(pcr): text(tpm.pcrs[pcr]) for pcr in range(8)},
                "eventLog": text(tpm.log),
                "keyPublic": text(tpm.key_public(key)),
                "certify": text(certify),
                "certifySignature": text(certify_signature),
            },
        )

    def attest(self, machine: Machine, registration: str) -> tuple[rsa.RSAPrivateKey, dict[str, Any]]:
        """Prove the TPM: the certified key and the ticket."""
        key = new_key()
        return key, self.answer(machine, self.begin(machine, registration), key)

    def join_request(self, key: rsa.RSAPrivateKey, ticket: str, name: str) -> dict[str, Any]:
        """The request that a ticket is good for."""
        return {
            "ticket": ticket,
            "certificateRequest": text(csr(key)),
            "transportKey": text(transport_key(new_key().public_key())),
            "deviceName": name,
            "osVersion": "10.0.26100.1",
        }

    def join(
        self, key: rsa.RSAPrivateKey, request: Mapping[str, Any], folder: Path
    ) -> tuple[Membership, str]:
        """Join by ticket: the membership and the address of management."""
        joined = self.ask("/join", request)
        certificate, *chain = (
            x509.load_der_x509_certificate(base64.b64decode(raw))
            for raw in (joined["certificate"], *joined["chain"])
        )
        membership = accepted(key, certificate, folder, tuple(chain))
        return membership, joined["mdmDiscovery"]
