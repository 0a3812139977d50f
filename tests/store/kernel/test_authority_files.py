"""Authorities on the disk: private, whole, and what is wrong with a file is said."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from ipaddress import ip_network
from pathlib import Path

import pytest

from reseal.kernel import ca
from reseal.kernel.ca import Authority, Names
from reseal.kernel.clock import SystemClock
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Fault, StorageFull
from reseal.kernel.files import write_file
from reseal.kernel.keys import OpenSslKeys

CLOCK = SystemClock()
ENTROPY = SeededEntropy("files")
KEYS = OpenSslKeys()


def _authority(purpose: ca.ObjectIdentifier = ca.SERVER_AUTH, names: Names | None = None) -> Authority:
    root = ca.make_root("Root", KEYS.rsa(), clock=CLOCK, entropy=ENTROPY, purposes=[purpose], names=names)
    return ca.make_intermediate(root, "Issuing", KEYS.rsa(), clock=CLOCK, entropy=ENTROPY)


@pytest.fixture(scope="module")
def authority() -> Authority:
    """An intermediate below a root."""
    return _authority()


@pytest.mark.parametrize("passphrase", [None, b"outside the data directory"])
def test_what_was_saved_is_loaded(authority: Authority, tmp_path: Path, passphrase: bytes | None) -> None:
    path = tmp_path / "tls.issuing"
    ca.save_authority(authority, path, passphrase)

    loaded = ca.load_authority(path, passphrase)

    assert loaded.chain == authority.chain
    assert loaded.key.public_key() == authority.key.public_key()
    certificate, key = ca.authority_files(path)
    assert (certificate.stat().st_mode & 0o777, key.stat().st_mode & 0o777) == (0o644, 0o600)
    assert sorted(tmp_path.iterdir()) == [key, certificate], "nothing temporary is left"


def test_a_key_needs_its_passphrase(authority: Authority, tmp_path: Path) -> None:
    ca.save_authority(authority, tmp_path / "tls", b"right")

    for wrong in (None, b"wrong"):
        with pytest.raises(Fault, match=r"tls\.key"):
            ca.load_authority(tmp_path / "tls", wrong)


def test_a_key_that_others_may_read_is_refused(authority: Authority, tmp_path: Path) -> None:
    ca.save_authority(authority, tmp_path / "tls")
    (tmp_path / "tls.key").chmod(0o640)

    with pytest.raises(Fault) as refused:
        ca.load_authority(tmp_path / "tls")
    assert "chmod 600" in refused.value.remedy


def test_files_that_do_not_belong_together_are_refused(authority: Authority, tmp_path: Path) -> None:
    ca.save_authority(authority, tmp_path / "tls")
    ca.save_authority(_authority(), tmp_path / "other")
    shutil.copy(tmp_path / "other.pem", tmp_path / "tls.pem")

    with pytest.raises(Fault, match="does not belong to the key"):
        ca.load_authority(tmp_path / "tls")


@pytest.mark.parametrize("file", ["tls.key", "tls.pem"])
def test_a_missing_or_damaged_file_is_named(authority: Authority, tmp_path: Path, file: str) -> None:
    ca.save_authority(authority, tmp_path / "tls")

    (tmp_path / file).write_bytes(b"x")
    with pytest.raises(Fault, match=file):
        ca.load_authority(tmp_path / "tls")
    (tmp_path / file).unlink()
    with pytest.raises(Fault, match=file):
        ca.load_authority(tmp_path / "tls")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings"
    write_file(file, b"old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull):
        write_file(file, b"new")

    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


# --- what the OpenSSL command line makes of the files -------------------------------------------------------

openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


def _verify(folder: Path, authority: Authority, profile: ca.Profile, purpose: str) -> str:
    leaf = ca.issue(authority, KEYS.rsa().public_key(), profile, clock=CLOCK, entropy=ENTROPY)
    for name, certificates in (("root", [authority.root]), ("above", authority.chain[:-1]), ("leaf", [leaf])):
        (folder / name).write_bytes(ca.pem_chain(certificates))
    command = ["openssl", "verify", "-x509_strict", "-purpose", purpose]
    files = ["-CAfile", folder / "root", "-untrusted", folder / "above", folder / "leaf"]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@openssl
def test_openssl_accepts_both_chains_and_refuses_their_misuse(tmp_path: Path) -> None:
    server = _authority(names=Names(("contoso.example",), (ip_network("127.0.0.0/8"),)))
    client = _authority(ca.CLIENT_AUTH)
    laptop = ca.client_profile(ca.common_name("LAPTOP-1"))

    assert "leaf: OK" in _verify(tmp_path, server, ca.server_profile(["mdm.contoso.example"]), "sslserver")
    assert "leaf: OK" in _verify(tmp_path, client, laptop, "sslclient")
    assert "subtree violation" in _verify(tmp_path, server, ca.server_profile(["evil.example"]), "sslserver")
    assert "unsuitable certificate purpose" in _verify(
        tmp_path, client, ca.server_profile(["mdm.contoso.example"]), "sslserver"
    )
    assert "unsuitable certificate purpose" in _verify(tmp_path, server, laptop, "sslclient")
