"""A TPM 2.0 in software: real keys and structures, no commands (device-artifacts.md 2.3 to 2.5, 2.8)."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from tests.clients.blackbox.errors import demand

_RSA, _ECC, _SHA256, _NULL, _ECDSA, _AES, _CFB, _P256 = 0x1, 0x23, 0xB, 0x10, 0x18, 0x6, 0x43, 0x3
_EK_POLICY = bytes.fromhex("837197674484B3F81A90CC8D46A5D724FD52D76E06520B64F2A1DA1B331469AA")
_EK_ATTRIBUTES = 0x000300B2
_AK_ATTRIBUTES = 0x00050472
_KEY_ATTRIBUTES = 0x00040472
"""Fixed to its TPM and parent, made in the TPM, no dictionary attack protection, signing."""
_ENDORSEMENT = 0x4000000B
_GENERATED, _CERTIFY, _QUOTE = 0xFF544347, 0x8017, 0x8018
_EV_NO_ACTION, _EV_SEPARATOR, _EV_CRTM_VERSION = 3, 4, 8


def _new_rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def _unsized(data: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack_from(">H", data)
    demand(len(data) >= 2 + length, "a TPM2B is cut short")
    return data[2 : 2 + length], data[2 + length :]


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _rsa_public(modulus: bytes, attributes: int, policy: bytes, symmetric: bytes) -> bytes:
    head = struct.pack(">HHI", _RSA, _SHA256, attributes) + _sized(policy) + symmetric
    return head + struct.pack(">HHI", _NULL, 2048, 0) + _sized(modulus)


def _name(public: bytes) -> bytes:
    return struct.pack(">H", _SHA256) + _sha256(public)


def _kdfa(key: bytes, label: bytes, context: bytes, bits: int) -> bytes:
    data = struct.pack(">I", 1) + label + b"\0" + context + struct.pack(">I", bits)
    return hmac.new(key, data, hashlib.sha256).digest()[: bits // 8]


@dataclass(slots=True)
class Tpm:
    """The chip of one machine. `boot` begins a new count and a new log."""

    endorsement: rsa.RSAPrivateKey = field(default_factory=_new_rsa, repr=False)
    attestation: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )
    resets: int = 1
    clock: int = 1000
    pcrs: dict[int, bytes] = field(default_factory=dict)
    log: bytes = b""

    def __post_init__(self) -> None:
        self.boot()

    def boot(self) -> None:
        """Power on: what firmware measures."""
        self.resets += 1
        self.pcrs = dict.fromkeys(range(24), bytes(32))
        header = b"Spec ID Event03\0" + struct.pack("<IBBBBI", 0, 0, 2, 0, 2, 1)
        header += struct.pack("<HHB", _SHA256, 32, 0)
        self.log = struct.pack("<II20sI", 0, _EV_NO_ACTION, bytes(20), len(header)) + header
        self._measure(0, _EV_CRTM_VERSION, "blackbook 3".encode("utf-16-le"))
        for pcr in range(8):
            self._measure(pcr, _EV_SEPARATOR, bytes(4))

    def _measure(self, pcr: int, kind: int, data: bytes) -> None:
        digest = _sha256(data)
        self.pcrs[pcr] = _sha256(self.pcrs[pcr] + digest)
        self.log += struct.pack("<IIIH", pcr, kind, 1, _SHA256) + digest + struct.pack("<I", len(data)) + data

    # --- public areas (TPMT_PUBLIC) -----------------------------------------------------------------------

    @property
    def modulus(self) -> bytes:
        """Of the endorsement key."""
        return self.endorsement.public_key().public_numbers().n.to_bytes(256, "big")

    @property
    def ek_digest(self) -> str:
        """What tells this chip from others: 64 hexadecimal digits."""
        return hashlib.sha256(self.modulus).hexdigest()

    @property
    def ek_public(self) -> bytes:
        """The endorsement key by template L-1."""
        symmetric = struct.pack(">HHH", _AES, 128, _CFB)
        return _rsa_public(self.modulus, _EK_ATTRIBUTES, _EK_POLICY, symmetric)

    @property
    def ak_public(self) -> bytes:
        """The attestation key, P-256, restricted."""
        numbers = self.attestation.public_key().public_numbers()
        head = struct.pack(">HHI", _ECC, _SHA256, _AK_ATTRIBUTES) + _sized(b"")
        head += struct.pack(">HHHHH", _NULL, _ECDSA, _SHA256, _P256, _NULL)
        return head + b"".join(_sized(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))

    @staticmethod
    def key_public(key: rsa.RSAPrivateKey) -> bytes:
        """A signing key of this TPM."""
        modulus = key.public_key().public_numbers().n.to_bytes(256, "big")
        return _rsa_public(modulus, _KEY_ATTRIBUTES, b"", struct.pack(">H", _NULL))

    # --- commands -----------------------------------------------------------------------------------------

    def activate(self, credential: bytes, seed: bytes) -> bytes:
        """TPM2_ActivateCredential: the secret, for whoever holds both keys."""
        blob, rest = _unsized(credential)
        encrypted, tail = _unsized(seed)
        demand(not rest and not tail, "the credential is longer than it says")
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"IDENTITY\0")
        start = self.endorsement.decrypt(encrypted, oaep)
        mac, identity = _unsized(blob)
        name = _name(self.ak_public)
        wanted = hmac.new(_kdfa(start, b"INTEGRITY", b"", 256), identity + name, hashlib.sha256).digest()
        demand(hmac.compare_digest(mac, wanted), "the credential is for another attestation key")
        key = _kdfa(start, b"STORAGE", name, 128)
        reader = Cipher(AES(key), CFB(bytes(16))).decryptor()
        secret, rest = _unsized(reader.update(identity) + reader.finalize())
        demand(not rest, "the secret is longer than it says")
        return secret

    def quote(self, nonce: bytes, pcrs: Sequence[int] = range(8)) -> tuple[bytes, bytes]:
        """TPM2_Quote: the statement and its signature."""
        bitmap = bytes(sum(1 << (pcr % 8) for pcr in pcrs if pcr // 8 == byte) for byte in range(3))
        digest = _sha256(b"".join(self.pcrs[pcr] for pcr in sorted(pcrs)))
        selection = struct.pack(">IHB", 1, _SHA256, 3) + bitmap
        return self._attest(_QUOTE, nonce, selection + _sized(digest))

    def certify(self, key: rsa.RSAPrivateKey, nonce: bytes) -> tuple[bytes, bytes]:
        """TPM2_Certify: that a key is of this TPM."""
        name = _name(self.key_public(key))
        return self._attest(_CERTIFY, nonce, _sized(name) + _sized(self._qualified(name)))

    def _qualified(self, name: bytes) -> bytes:
        """The qualified name of a child of the endorsement key."""
        top = _sha256(struct.pack(">I", _ENDORSEMENT) + _name(self.ek_public))
        inner = _sha256(struct.pack(">H", _SHA256) + top + name)
        return struct.pack(">H", _SHA256) + inner

    def _attest(self, kind: int, nonce: bytes, body: bytes) -> tuple[bytes, bytes]:
        self.clock += 10
        signer = self._qualified(_name(self.ak_public))
        statement = struct.pack(">IH", _GENERATED, kind) + _sized(signer) + _sized(nonce)
        statement += struct.pack(">QIIBQ", self.clock, self.resets, 0, 1, 1 << 48) + body
        r, s = decode_dss_signature(self.attestation.sign(statement, ec.ECDSA(hashes.SHA256())))
        signature = struct.pack(">HH", _ECDSA, _SHA256)
        return statement, signature + b"".join(_sized(value.to_bytes(32, "big")) for value in (r, s))
