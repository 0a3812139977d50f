"""The virtual TPM: real keys, real structures, no protection (spec/device-artifacts.md 2.8).

Its endorsement key comes from the factory (`fit`), its attestation key is made at the first use, further keys
on demand. PCRs and event log live from one power-on to the next; clock and counters are kept on the disk,
and survive what the operating system does to its own files. Whoever reads the disk owns the device: this
rehearses the protocol, and every certificate of such a TPM says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Protocol

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from reseal.device.disk import Disk
from reseal.kernel.clock import Clock
from reseal.kernel.keys import KeySource
from reseal.wire.tpm import (
    AK_ATTRIBUTES,
    Algorithm,
    Attest,
    Attributes,
    Certify,
    Credential,
    Event,
    EventLog,
    Public,
    Quote,
    Scheme,
    activate_credential,
    ek_template,
    encode_event_log,
    encode_signature,
    measure,
    pcr_digest,
    public_of,
    select,
    sign,
)
from reseal.wire.tpm import Clock as ClockInfo

FOLDER: Final = "tpm/"
"""Files below it belong to the chip: a reset of the system leaves them alone."""
KEYS: Final = "tpm/keys/"
"""Keys that the system had made in the TPM; a reset of the system gives them up."""

PCRS: Final = 24
FIRMWARE_VERSION: Final = 0x0001_0000_0000_0000
_BANK: Final = Algorithm.SHA256
_STATE: Final = "tpm/state"
_EK: Final = "tpm/endorsement-key"
_AK: Final = "tpm/attestation-key"
_CERTIFICATES: Final = "tpm/endorsement-certificates"
_MILLISECOND: Final = timedelta(milliseconds=1)

_KEY_ATTRIBUTES: Final = (
    Attributes.FIXED_TPM
    | Attributes.FIXED_PARENT
    | Attributes.SENSITIVE_DATA_ORIGIN
    | Attributes.USER_WITH_AUTH
    | Attributes.NO_DA
    | Attributes.SIGN
)


@dataclass(frozen=True, slots=True)
class TpmKey:
    """A key in the TPM and its public area."""

    key: RSAPrivateKey
    public: Public


@dataclass(frozen=True, slots=True)
class Statement:
    """What the attestation key states: TPMS_ATTEST and TPMT_SIGNATURE."""

    attest: bytes
    signature: bytes


class Tpm(Protocol):
    """What the operating system asks of a TPM."""

    @property
    def ek_public(self) -> Public:
        """The endorsement key."""
        ...

    @property
    def ek_certificates(self) -> tuple[bytes, ...]:
        """Certificates of the endorsement key, DER, its own first; there may be none."""
        ...

    @property
    def ak_public(self) -> Public:
        """The attestation key, made at the first use."""
        ...

    def activate(self, credential: Credential) -> bytes:
        """The secret of a credential for these two keys. Raises TpmError."""
        ...

    def quote(self, nonce: bytes, pcrs: Iterable[int]) -> Statement:
        """The values of some PCRs, stated."""
        ...

    def certify(self, key: Public, nonce: bytes) -> Statement:
        """That a key is in the TPM, stated."""
        ...

    def pcr_values(self, pcrs: Iterable[int]) -> Mapping[int, bytes]:
        """The values of some PCRs of the SHA-256 bank."""
        ...

    def event_log(self) -> bytes:
        """What was measured since power-on, as the firmware hands it over."""
        ...

    def make_key(self, name: str) -> TpmKey:
        """A key kept under that name, RSA 2048; the same one at each call until a reset of the system."""
        ...


class _State(msgspec.Struct, frozen=True):
    """What outlasts a power-off."""

    clock: int = 0
    resets: int = 0
    orderly: bool = True


def fit(disk: Disk, key: RSAPrivateKey, certificates: Iterable[bytes] = ()) -> None:
    """Put a TPM with that endorsement key (RSA 2048) into the machine; a TPM that is there stays."""
    if disk.read(_EK) is not None:
        return
    disk.replace(_CERTIFICATES, msgspec.msgpack.encode(tuple(certificates)))
    disk.replace(_EK, _private_bytes(key))


class VirtualTpm:
    """A TPM whose chip is files on the disk."""

    def __init__(self, disk: Disk, clock: Clock, keys: KeySource) -> None:
        """The TPM that `fit` put in, not yet powered: `start` comes first."""
        self._disk = disk
        self._clock = clock
        self._keys = keys
        self._ek = _read_rsa(disk, _EK)
        self._ak: EllipticCurvePrivateKey | None = None
        self._state = _State()
        self._safe = True
        self._started = timedelta(0)
        self._pcrs: dict[int, bytes] = {}
        self._events: list[Event] = []

    # --- power

    def start(self) -> None:
        """Power-on: PCRs and log begin anew, the reset counter steps."""
        kept = self._disk.read(_STATE)
        before = _State() if kept is None else msgspec.json.decode(kept, type=_State)
        self._safe = before.orderly
        self._state = _State(clock=before.clock, resets=before.resets + 1, orderly=False)
        self._started = self._clock.monotonic()
        self._pcrs = dict.fromkeys(range(PCRS), bytes(32))
        self._events = []
        self._keep(self._state)

    def stop(self) -> None:
        """TPM2_Shutdown before the power goes: the clock is exact at the next start."""
        self._keep(msgspec.structs.replace(self._state, clock=self._now(), orderly=True))

    def extend(self, pcr: int, kind: int, data: bytes, *, measured: bytes | None = None) -> None:
        """Measure: `data` goes into the log, and `measured` (where it is another thing) into the PCR."""
        event = measure((_BANK,), pcr, kind, data if measured is None else measured)
        if measured is not None:
            event = Event(pcr, kind, event.digests, data)
        self._events.append(event)
        self._pcrs[pcr] = hashlib.sha256(self._pcrs[pcr] + event.digests[_BANK]).digest()

    # --- keys

    @property
    def ek_modulus(self) -> bytes:
        """The modulus that the hardware hash holds."""
        return self._ek.public_key().public_numbers().n.to_bytes(256, "big")

    @property
    def ek_public(self) -> Public:
        return ek_template(self.ek_modulus)

    @property
    def ek_certificates(self) -> tuple[bytes, ...]:
        kept = self._disk.read(_CERTIFICATES)
        return () if kept is None else msgspec.msgpack.decode(kept, type=tuple[bytes, ...])

    @property
    def ak_public(self) -> Public:
        scheme = Scheme(Algorithm.ECDSA, _BANK)
        return public_of(self._attestation_key().public_key(), attributes=AK_ATTRIBUTES, scheme=scheme)

    def make_key(self, name: str) -> TpmKey:
        file = KEYS + name
        if self._disk.read(file) is None:
            self._disk.replace(file, _private_bytes(self._keys.rsa()))
        key = _read_rsa(self._disk, file)
        return TpmKey(key, public_of(key.public_key(), attributes=_KEY_ATTRIBUTES, scheme=None))

    # --- statements

    def activate(self, credential: Credential) -> bytes:
        return activate_credential(self.ek_public, self._ek, self.ak_public.name, credential)

    def quote(self, nonce: bytes, pcrs: Iterable[int]) -> Statement:
        selection = (select(_BANK, pcrs),)
        values = {_BANK: MappingProxyType(self._pcrs)}
        return self._state_that(Quote(selection, pcr_digest(selection, values, _BANK)), nonce)

    def certify(self, key: Public, nonce: bytes) -> Statement:
        qualified = key.qualified_name(self.ek_public.qualified_name())
        return self._state_that(Certify(key.name, qualified), nonce)

    def pcr_values(self, pcrs: Iterable[int]) -> Mapping[int, bytes]:
        return {pcr: self._pcrs[pcr] for pcr in pcrs}

    def event_log(self) -> bytes:
        return encode_event_log(EventLog((_BANK,), tuple(self._events)))

    def clock_info(self) -> ClockInfo:
        """Time and starts as the TPM counts them."""
        return ClockInfo(self._now(), self._state.resets, 0, self._safe)

    def _state_that(self, attested: Quote | Certify, nonce: bytes) -> Statement:
        signer = self.ak_public.qualified_name(self.ek_public.qualified_name())
        data = Attest(signer, nonce, self.clock_info(), FIRMWARE_VERSION, attested).encode()
        return Statement(data, encode_signature(sign(self._attestation_key(), data, _BANK)))

    def _now(self) -> int:
        return self._state.clock + (self._clock.monotonic() - self._started) // _MILLISECOND

    def _attestation_key(self) -> EllipticCurvePrivateKey:
        if self._ak is None:
            kept = self._disk.read(_AK)
            if kept is None:
                kept = _private_bytes(self._keys.p256())
                self._disk.replace(_AK, kept)
            key = serialization.load_der_private_key(kept, None)
            assert isinstance(key, EllipticCurvePrivateKey)
            self._ak = key
        return self._ak

    def _keep(self, state: _State) -> None:
        self._disk.replace(_STATE, msgspec.json.encode(state))


def fitted(disk: Disk, clock: Clock, keys: KeySource) -> VirtualTpm | None:
    """The machine's TPM, if it has one."""
    return None if disk.read(_EK) is None else VirtualTpm(disk, clock, keys)


def _private_bytes(key: RSAPrivateKey | EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _read_rsa(disk: Disk, file: str) -> RSAPrivateKey:
    kept = disk.read(file)
    assert kept is not None, f"the machine has no {file}"
    # OpenSSL would prove the primes of a key that was written here; that takes 40 ms each time.
    key = serialization.load_der_private_key(kept, None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, RSAPrivateKey)
    return key
