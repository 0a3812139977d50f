"""Against a software TPM: what swtpm states is accepted, and it opens what the server made for it.

Skipped without swtpm and tpm2-tools; on Debian: apt-get install swtpm swtpm-tools tpm2-tools.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reseal.wire.tpm import (
    Algorithm,
    Public,
    ak_problems,
    certify_problems,
    decode_attest,
    decode_sized_public,
    ek_template,
    make_credential,
    quote_problems,
    randomness_needed,
)
from reseal.wire.tpm.public import RsaArea

PROGRAMS = ("swtpm", "swtpm_setup", "tpm2_createek", "tpm2_activatecredential")
pytestmark = pytest.mark.skipif(
    not all(shutil.which(program) for program in PROGRAMS), reason="needs swtpm and tpm2-tools"
)

NONCE = bytes(range(20))
SECRET = b"0123456789abcdef0123456789abcdef"
STORAGE_ATTRIBUTES = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt"
KEY_ATTRIBUTES = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign"


@dataclass(frozen=True)
class SoftwareTpm:
    """A running swtpm; files of its tools are in `folder`."""

    folder: Path

    def run(self, *command: str) -> None:
        """One of tpm2-tools; it leaves no object behind in the TPM, which has room for three."""
        environment = {**os.environ, "TPM2TOOLS_TCTI": f"swtpm:path={self.folder / 'socket'}"}
        for words in (command, ("tpm2_flushcontext", "-t")):
            subprocess.run(
                words, cwd=self.folder, env=environment, check=True, capture_output=True, timeout=60
            )

    def read(self, name: str) -> bytes:
        """What a tool wrote."""
        return (self.folder / name).read_bytes()

    def public(self, name: str) -> Public:
        """A public area that a tool wrote."""
        return decode_sized_public(self.read(name))


@pytest.fixture(scope="module")
def tpm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftwareTpm]:
    folder = tmp_path_factory.mktemp("tpm")
    state = folder / "state"
    state.mkdir()
    setup = ["swtpm_setup", "--tpm2", "--tpmstate", str(state), "--pcr-banks", "sha256"]
    subprocess.run(setup, check=True, capture_output=True, timeout=60)
    sockets = [f"--server=type=unixio,path={folder}/socket", f"--ctrl=type=unixio,path={folder}/socket.ctrl"]
    flags = ["--tpm2", f"--tpmstate=dir={state}", "--flags=not-need-init,startup-clear"]
    with subprocess.Popen(["swtpm", "socket", *sockets, *flags]) as process:
        try:
            while not (folder / "socket").exists():
                assert process.poll() is None
                time.sleep(0.01)
            yield SoftwareTpm(folder)
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def ak(tpm: SoftwareTpm) -> Public:
    """An AK under the RSA EK of template L-1."""
    tpm.run("tpm2_createek", "-c", "ek.ctx", "-G", "rsa", "-u", "ek.pub")
    words = "tpm2_createak -C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pub -n ak.name"
    tpm.run(*words.split())
    return tpm.public("ak.pub")


@pytest.fixture(scope="module")
def qualified_signer(tpm: SoftwareTpm, ak: Public) -> bytes:
    return ak.qualified_name(tpm.public("ek.pub").qualified_name())


def test_keys_and_names_are_read_as_the_tpm_made_them(tpm: SoftwareTpm, ak: Public) -> None:
    ek = tpm.public("ek.pub")
    assert isinstance(ek.area, RsaArea)
    assert ek == ek_template(ek.area.modulus)
    assert ak.name == tpm.read("ak.name")
    assert ak_problems(ak) == ()
    assert [problem.name for problem in ak_problems(ek)] == ["sign", "decrypt", "scheme", "hash"]


@pytest.mark.parametrize("kind", ["rsa", "ecc"])
def test_the_tpm_opens_a_credential_made_for_it(tpm: SoftwareTpm, kind: str) -> None:
    ek, ak = f"ek-{kind}", f"ak-{kind}"
    tpm.run("tpm2_createek", "-c", f"{ek}.ctx", "-G", kind, "-u", f"{ek}.pub")
    words = f"tpm2_createak -C {ek}.ctx -c {ak}.ctx -G ecc -g sha256 -s ecdsa -u {ak}.pub -n {ak}.name"
    tpm.run(*words.split())
    public, name = tpm.public(f"{ek}.pub"), tpm.read(f"{ak}.name")
    made = make_credential(public, name, SECRET, os.urandom(randomness_needed(public)))
    (tpm.folder / "credential").write_bytes(made.as_file())
    tpm.run("tpm2_startauthsession", "--policy-session", "-S", "session")
    tpm.run("tpm2_policysecret", "-S", "session", "-c", "e")
    words = f"tpm2_activatecredential -c {ak}.ctx -C {ek}.ctx -i credential -o secret -P session:session"
    tpm.run(*words.split())
    tpm.run("tpm2_flushcontext", "session")
    assert tpm.read("secret") == SECRET


def test_the_tpm_opens_a_credential_for_p_384(tpm: SoftwareTpm, ak: Public) -> None:
    words = "tpm2_createprimary -C e -G ecc384:aes256cfb -g sha384 -c ek-384.ctx"
    tpm.run(*words.split(), "-a", STORAGE_ATTRIBUTES)
    tpm.run("tpm2_readpublic", "-c", "ek-384.ctx", "-o", "ek-384.pub")
    public = tpm.public("ek-384.pub")
    made = make_credential(public, ak.name, SECRET, os.urandom(randomness_needed(public)))
    (tpm.folder / "credential").write_bytes(made.as_file())
    words = "tpm2_activatecredential -c ak.ctx -C ek-384.ctx -i credential -o secret-384"
    tpm.run(*words.split())
    assert tpm.read("secret-384") == SECRET


def test_a_quote_of_the_tpm_holds(tpm: SoftwareTpm, ak: Public, qualified_signer: bytes) -> None:
    tpm.run("tpm2_pcrextend", "7:sha256=" + "07" * 32)
    tpm.run(*f"tpm2_quote -c ak.ctx -l sha256:0,7 -q {NONCE.hex()} -m quote -s quote.sig".split())
    tpm.run("tpm2_pcrread", "sha256:0,7", "-o", "pcrs")
    pcrs = tpm.read("pcrs")
    values = {Algorithm.SHA256: {0: pcrs[:32], 7: pcrs[32:]}}
    found = quote_problems(
        tpm.read("quote"),
        tpm.read("quote.sig"),
        ak=ak,
        nonce=NONCE,
        values=values,
        qualified_signer=qualified_signer,
    )
    assert found == ()


def test_a_key_certified_by_the_tpm_holds(tpm: SoftwareTpm, ak: Public, qualified_signer: bytes) -> None:
    tpm.run("tpm2_createprimary", "-C", "o", "-c", "srk.ctx")
    tpm.run("tpm2_create", *"-C srk.ctx -G ecc -u key.pub -r key.priv -a".split(), KEY_ATTRIBUTES)
    tpm.run(*"tpm2_load -C srk.ctx -u key.pub -r key.priv -c key.ctx".split())
    tpm.run(*"tpm2_certify -c key.ctx -C ak.ctx -g sha256 -o certify -s certify.sig".split())
    statement = tpm.read("certify")
    found = certify_problems(
        statement,
        tpm.read("certify.sig"),
        ak=ak,
        certified=tpm.public("key.pub"),
        nonce=decode_attest(statement).extra_data,
        qualified_signer=qualified_signer,
    )
    assert found == ()
