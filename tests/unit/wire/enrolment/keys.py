"""Keys, certificate requests and certificates that tests make."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MDM_ID = x509.ObjectIdentifier("1.3.6.1.4.1.311.66.1.0")
COMMON_NAME = bytes.fromhex("0603550403")
SHA256_WITH_RSA = bytes.fromhex("300d06092a864886f70d01010b0500")


@cache
def key(name: str, bits: int = 2048) -> RSAPrivateKey:
    """A key; the same for the same name."""
    assert name
    return generate_private_key(public_exponent=65537, key_size=bits)


def subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def request(private: RSAPrivateKey, name: str = "ConfigMgrEnroll") -> bytes:
    """DER of a request as Windows makes one."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject(name))
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    device_id = x509.UnrecognizedExtension(MDM_ID, b"5EDE6E7A7B7741BDBFE0EF29CA70A3FB\0")
    builder = builder.add_extension(usage, critical=False).add_extension(device_id, critical=True)
    return builder.sign(private, hashes.SHA256()).public_bytes(Encoding.DER)


def tlv(tag: int, *parts: bytes) -> bytes:
    """A DER value."""
    content = b"".join(parts)
    if len(content) < 128:
        return bytes([tag, len(content)]) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def odd_request(private: RSAPrivateKey, name: bytes, tag: int) -> bytes:
    """DER of a properly signed request whose common name has any bytes under any tag."""
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    names = tlv(0x30, tlv(0x31, tlv(0x30, COMMON_NAME, tlv(tag, name))))
    info = tlv(0x30, b"\x02\x01\x00", names, public, tlv(0xA0))
    signature = private.sign(info, PKCS1v15(), hashes.SHA256())
    return tlv(0x30, info, SHA256_WITH_RSA, tlv(0x03, b"\0" + signature))


@cache
def certificate(name: str) -> x509.Certificate:
    """A self-signed certificate for the key of that name."""
    private = key(name)
    builder = x509.CertificateBuilder().subject_name(subject(name)).issuer_name(subject(name))
    builder = builder.public_key(private.public_key()).serial_number(7)
    builder = builder.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
    return builder.sign(private, hashes.SHA256())


_OPTIONS: Mapping[bool, list[pkcs7.PKCS7Options]] = {
    True: [pkcs7.PKCS7Options.Binary],
    False: [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoAttributes],
}


def signed(content: bytes, signer: str, *, attributes: bool = True) -> bytes:
    """DER of PKCS#7 over `content`."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    builder = builder.add_signer(certificate(signer), key(signer), hashes.SHA256())
    return builder.sign(Encoding.DER, _OPTIONS[attributes])


SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
PLAIN_DATA = bytes.fromhex("06092a864886f70d010701")
SHA256 = bytes.fromhex("300b0609608648016503040201")


def signer_info(signature: bytes, *further: bytes) -> bytes:
    """A SignerInfo without attributes, unless `further` holds some."""
    version, name = b"\x02\x01\x01", tlv(0x30)
    return tlv(0x30, version, name, SHA256, *further, SHA256_WITH_RSA, tlv(0x04, signature))


def signed_data(octets: bytes, *signers: bytes, kind: bytes = SIGNED_DATA) -> bytes:
    """PKCS#7 from its parts; `octets` is the OCTET STRING of the content."""
    content = tlv(0x30, PLAIN_DATA, tlv(0xA0, octets))
    return tlv(0x30, kind, tlv(0xA0, tlv(0x30, b"\x02\x01\x01", tlv(0x31), content, tlv(0x31, *signers))))
