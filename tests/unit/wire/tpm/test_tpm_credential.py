"""Making and opening credentials.

The published vectors are those of google/go-tpm, tpm2/test/testvectors (kdfa, kdfe, ecc_labeled_encaps,
rsa_labeled_encaps): validated there against a TPM.
"""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from reseal.wire.errors import WireError
from reseal.wire.tpm import (
    Algorithm,
    Attributes,
    Credential,
    TpmError,
    activate_credential,
    decode_credential,
    decode_public,
    ek_template,
    make_credential,
    randomness_needed,
)
from reseal.wire.tpm.credential import ecc_seed, kdf_a, kdf_e, rsa_encrypt_seed
from tests.unit.wire.tpm.tpm_shapes import AK, EK, EK_KEY, ecc_key, ek_of, rsa_key

SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "algorithm, key, label, u, v, bits, expected",
    [
        (
            Algorithm.SHA1,
            "ff",
            b"CFB",
            "86ed23c15d086e70a8eae700680e75d20cff",
            "51122c5879b277ff",
            140,
            "0d0be71c885d10eb61f2219000885c2d7658",
        ),
        (
            Algorithm.SHA256,
            "aff14e568afc0ea51eea748c8915df067c7700",
            b"IDENTITY",
            "ce4edfb881540700e300",
            "68ddb4a0e59d74cd34dfe631d91e1ea3fbc95865440adedff7e9d011890fba",
            116,
            "019ed5e0956338ddda4413ecee5cf2",
        ),
        (
            Algorithm.SHA256,
            "e38573d849a5cfc9973f58b4535e42b7c08ef28b1b3e775375b5c66b9644be",
            b"STORAGE",
            "00586dccbebc998087e4",
            "",
            552,
            (
                "968f349b066ed26be3bd4e78333eb5c5b51c26ea376efe5dfaf061a2cf7f5eb82e4fcc2a30736e30f12b48ab17efd10576a4"
                "cf33450324b3f20011628df7a07c411f8c0f6c"
            ),
        ),
    ],
    ids=["SHA-1, odd bits", "SHA-256, odd bits", "SHA-256, several blocks"],
)
def test_kdfa_gives_the_published_bits(
    algorithm: Algorithm, key: str, label: bytes, u: str, v: str, bits: int, expected: str
) -> None:
    found = kdf_a(algorithm, bytes.fromhex(key), label, bytes.fromhex(u), bytes.fromhex(v), bits)
    assert found.hex() == expected


@pytest.mark.parametrize(
    "algorithm, z, label, u, v, bits, expected",
    [
        (
            Algorithm.SHA1,
            "fffaefd2dcf59ac10ffee96d388ecc7fa0274b25",
            b"INTEGRITY",
            "ff7876ca3325140c1739",
            "ffdaea80b8",
            320,
            "39bde917d4529cfb171ebb49c8aa83777481f50cf0df162c3f12b9c8ab21ddcbed2e8a8b688c8b66",
        ),
        (
            Algorithm.SHA256,
            "ace0b616d2536451ca1fe0d9744107b88e5500",
            b"IDENTITY",
            "e5aeb5370365c400",
            "2e3345f6e9cca8341eb82e4098fe",
            3,
            "07",
        ),
        (
            Algorithm.SHA256,
            "abfeed98891b58d2f881537fba2c215653f8b91b8a131b61f0b72de7ccd07a",
            b"IDENTITY",
            "71a10284e793bd38f61e6aef1cbfa131c3ad546e72421fe4a3ff",
            "64cc0fac59f45b9b2ace75856f409ac830ccc64f2fff",
            241,
            "00f17279fc5b8f842d30fbe5a7afc109468671e6da33fec996d6a7c170e37f",
        ),
    ],
    ids=["SHA-1, two blocks", "three bits", "one bit over a byte"],
)
def test_kdfe_gives_the_published_bits(
    algorithm: Algorithm, z: str, label: bytes, u: str, v: str, bits: int, expected: str
) -> None:
    found = kdf_e(algorithm, bytes.fromhex(z), label, bytes.fromhex(u), bytes.fromhex(v), bits)
    assert found.hex() == expected


@pytest.mark.parametrize(
    "public, ephemeral, seed, point",
    [
        (
            (
                "0023000b000304600020bef56b8c1cc84e11edd717528d2cd99356bd2bbf8f015209c3f84aeeaba8e8a20006008000430010"
                "000300100020f126562cedff2fa344c6234085de4250112ecf72d0714336970de012ba977da9002017436ee1160921fdd2ed"
                "033e11ba04ed0cedf2ca462246118a359f8eb469b531"
            ),
            0x85E55F8E90F1CA33EB4FC4B2E347E6062127D4975BC48C520AFDBCDD49B1C6D7,
            "88d8f97b4b8fd8bd1751ca32b5a3aa14c91163ad984b5c732e400572a8525edc",
            (
                "00200173de00ffb1981886c1fd3039b2de4e6dd1eb34634be4d9ce27a46455633606002083ba87eb7c9a032cc36ab674fc48"
                "266c4255aeb312d069893b6ea74fbcb21c3f"
            ),
        ),
        (
            (
                "0023000c000304600030faaa97a96648cf3028b4c29e62587317ed03d3bef5f50958523c21593b020a2fa177964893ca758b"
                "26f0a5f16d0d0c1c000600800043001000030010002072d51078654c85db5fd8fe42e9eca7dff3f5ca464fbf1117370e47da"
                "8670da8d0020d4d7f00a210e4c58537829023e2bc5be7c910a663e461d3d69c96b8061f813f2"
            ),
            0x7BA4CDD8A7D50D482A2C22274E4DB5B7DDF8008889008A5E9996053EBCABF9D1,
            "9193a5751446fb0bb3b16104094cb1c2f1c7104af795f44c0d43c481c61936c3fb62f1a776848ec22e7b0218c48ef70e",
            (
                "00202a2747ae88e664fd1266aacf8d1b438c1226ffdba416708367efc171af2937c60020cd8467bda798ee3a2d731c075096"
                "ae431ee88a099746450dbc0180254711ac88"
            ),
        ),
    ],
    ids=["SHA-256", "SHA-384"],
)
def test_a_seed_for_an_ecc_key_is_the_published_one(
    public: str, ephemeral: int, seed: str, point: str
) -> None:
    ek = decode_public(bytes.fromhex(public))
    found = ecc_seed(ek, ec.derive_private_key(ephemeral, ec.SECP256R1()))
    assert tuple(part.hex() for part in found) == (seed, point)


def test_a_seed_for_an_rsa_key_is_encrypted_as_published() -> None:
    ek = decode_public(
        bytes.fromhex(
            "0001000400030460001495c1ee7fc5a82c31f673eac2e21cbd408a23cb4a00060080004300100800000000000100803512cd"
            "3ccc1e5203d4263dbbad99fb2e8365c8f05a65792981b04b1bf55a9acc37a2edb2b8f6ceb02a3b6616d89dac056b48d1365c"
            "a4018499abf381dbb64a72b31db9a19e33e0400d4fe430b4285b87e2207f8eee46866eba908cdd63dd23f9c1fe2d5ae10eff"
            "d99d16b8539a08fa9c2db367415af77d138f197403477e9c680868d7ed789658fe67aab8132c0a22f22c13f0bda0d43c982d"
            "d07c0af2bcea8ff0915ffdc53178a177862289b9c36aab062d22eea6c526c0a91855a5da5de739e6fd50a503d1191693eb0a"
            "64b7c58f540411cc85300b8a4fa05bdabc8c5181fac2bfeecad32664662af99aaee333583dbd91cb4a04358e26d18e6179e4"
            "a261"
        )
    )
    found = rsa_encrypt_seed(
        ek,
        bytes.fromhex("3cf4f237ea442f5494d0394b583a05895ec8adff"),
        bytes.fromhex("0076947717eb4894617328004d1053c7348a80bb"),
    )
    assert found.hex() == (
        "5ae4264fe1793b83bee63628cf00611c2887fccd3975552c02c2bde9795feb00d0a73223c2b99d3dd3636304ba181aa125dcc5f0"
        "ce5629d87f954e23e8d34981682c62fd626a0797469cfe1c425fcb3b91de17bd3721fe451affae8ca1993d546a45bdeb2af6cb61"
        "7ec1d461729145b9ac84ea887a4f9b41f4a17fee090c89639e946e0c373d21f6d78fb7d2237650b56c4b848d70d7ab01a7ae39f4"
        "1bf831049d1712b8cf375dff2dde43c1d52e860e8ee6c7fc20a78377ffebc1ac0455d5eb6303d858808375bca5ae85690e0e7452"
        "ece9a3a322b7706832b69efaa62d79a0c06f56522a1496ce2c6dd8f3e61b1279d2dc674d1cf7b78d1f614451c85f54c8"
    )


PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@pytest.mark.parametrize(
    "key, algorithm, bits",
    [
        (rsa_key(), Algorithm.SHA256, 128),
        (ecc_key(ec.SECP256R1()), Algorithm.SHA256, 128),
        (ecc_key(ec.SECP384R1()), Algorithm.SHA384, 256),
        (ecc_key(ec.SECP521R1()), Algorithm.SHA512, 256),
    ],
    ids=["RSA 2048", "P-256", "P-384", "P-521"],
)
def test_the_key_it_was_made_for_opens_a_credential(key: PrivateKey, algorithm: Algorithm, bits: int) -> None:
    ek = ek_of(key.public_key(), algorithm, bits)
    made = make_credential(ek, AK.name, SECRET, bytes(range(randomness_needed(ek))))
    assert activate_credential(ek, key, AK.name, made) == SECRET
    assert decode_credential(made.as_file()) == made
    assert decode_credential(made.blob + made.encrypted_seed) == made


@given(secret=st.binary(min_size=1, max_size=32), randomness=st.binary(min_size=40, max_size=40))
@settings(max_examples=20, deadline=None)
def test_any_secret_comes_back(secret: bytes, randomness: bytes) -> None:
    made = make_credential(EK, AK.name, secret, randomness)
    assert activate_credential(EK, EK_KEY, AK.name, made) == secret


def test_other_randomness_makes_another_credential() -> None:
    first, second = (make_credential(EK, AK.name, SECRET, bytes([n]) * 40) for n in (1, 2))
    assert first.blob != second.blob
    assert first.encrypted_seed != second.encrypted_seed


def test_a_credential_for_another_ak_stays_closed() -> None:
    made = make_credential(EK, AK.name, SECRET, bytes(40))
    with pytest.raises(TpmError, match="another name") as caught:
        activate_credential(EK, EK_KEY, EK.name, made)
    assert caught.value.code == "Credential"


@pytest.mark.parametrize("position", [4, 34, 60])
def test_a_changed_credential_stays_closed(position: int) -> None:
    made = make_credential(EK, AK.name, SECRET, bytes(40))
    changed = bytearray(made.blob)
    changed[position] ^= 1
    with pytest.raises(TpmError):
        activate_credential(EK, EK_KEY, AK.name, replace(made, blob=bytes(changed)))


def test_a_credential_for_another_rsa_ek_stays_closed() -> None:
    ek = ek_of(rsa_key().public_key(), Algorithm.SHA256, 128)
    made = make_credential(ek, AK.name, SECRET, bytes(64))
    changed = made.encrypted_seed[:-1] + bytes([made.encrypted_seed[-1] ^ 1])
    with pytest.raises(TpmError, match="does not decrypt"):
        activate_credential(ek, rsa_key(), AK.name, replace(made, encrypted_seed=changed))


def test_only_a_restricted_decryption_key_protects_a_credential() -> None:
    signing = replace(EK, attributes=EK.attributes ^ Attributes.DECRYPT)
    for ek in (AK, signing):
        with pytest.raises(TpmError, match="restricted decryption key"):
            make_credential(ek, AK.name, SECRET, bytes(40))


def test_an_ek_named_by_sha_1_protects_nothing() -> None:
    with pytest.raises(TpmError, match="name algorithm"):
        make_credential(replace(EK, name_algorithm=Algorithm.SHA1), AK.name, b"short", bytes(40))


def test_a_template_is_not_yet_a_key() -> None:
    with pytest.raises(TpmError, match="modulus"):
        make_credential(ek_template(), AK.name, SECRET, bytes(64))


@pytest.mark.parametrize("secret", [b"", bytes(33)], ids=["empty", "longer than a digest"])
def test_a_secret_of_the_wrong_length_is_refused(secret: bytes) -> None:
    with pytest.raises(TpmError, match="secret"):
        make_credential(EK, AK.name, secret, bytes(40))


def test_too_little_randomness_is_refused() -> None:
    with pytest.raises(TpmError, match="randomness"):
        make_credential(EK, AK.name, SECRET, bytes(39))


@given(blob=st.binary(max_size=80), seed=st.binary(max_size=80))
@settings(max_examples=50)
def test_any_bytes_are_no_credential(blob: bytes, seed: bytes) -> None:
    with pytest.raises(WireError):
        activate_credential(EK, EK_KEY, AK.name, Credential(blob, seed))
