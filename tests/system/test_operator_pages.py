"""What the operator's pages say to do, done: exchanging certificates, backup and restore, configurations."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from reseal.kernel.settings import load_settings
from tests.support.client import automation
from tests.support.markdown import blocks
from tests.support.processes import ROOT, reseal, server
from tests.system.sample import device_csv, upload_contents

PAGES = ROOT / "docs" / "operator"


def block(page: str, beginning: str) -> str:
    """The block of a page that begins so."""
    (found,) = [each.text for each in blocks(PAGES / page) if each.text.startswith(beginning)]
    return found


def test_the_configurations_of_the_proxy_page_are_read_by_a_server(tmp_path: Path) -> None:
    config = tmp_path / "reseal.toml"
    config.write_text(
        block("behind-a-proxy.md", "public_url") + "\n" + block("behind-a-proxy.md", "key_file")
    )
    settings = load_settings(config, {"RESEAL_DATA_DIRECTORY": "/var/lib/reseal"})

    assert settings.trusted_proxies == ("10.0.0.5/32",)
    assert settings.public_url == "https://reseal.contoso.example"
    assert settings.device_listen.port == 8444


def test_the_line_that_matters_is_the_one_of_the_configuration() -> None:
    line = block("behind-a-proxy.md", "http-request set-header Client-Cert")
    assert line in (ROOT / "examples" / "operator" / "haproxy.cfg").read_text()


def run(command: str, folder: Path) -> None:
    """A command as an operator types it, in that folder."""
    subprocess.run(["sh", "-c", command], cwd=folder, check=True)


@pytest.mark.slow
def test_the_command_that_exchanges_certificates(data: Path) -> None:
    with server(data) as process:
        process.wait_ready()
        run(block("certificates.md", "kill -HUP"), data.parent)
        while "certificates looked after" not in process.said:
            assert process.process.returncode is None
        assert process.stop() == 0


@pytest.mark.slow
async def test_what_is_backed_up_while_the_server_runs_can_be_restored(data: Path, tmp_path: Path) -> None:
    """The database first, the contents afterwards; the key and TLS beside them."""
    kept = tmp_path / "kept"
    kept.mkdir()
    with server(data) as running:
        async with automation(running.wait_ready()) as client:
            await upload_contents(client)
            await client.api("POST", "/imports", data=device_csv([1]))
            before = (await client.api("GET", "/registrations")).json
            await asyncio.to_thread(_back_up, data, kept)
            await client.api("POST", "/imports", data=device_csv([2]))
        assert running.stop() == 0
    for name in ("secret.key", "credentials.json"):
        shutil.copy(data / name, kept / name)
    shutil.copytree(data / "tls", kept / "tls")

    with server(kept) as restored:
        async with automation(restored.wait_ready()) as client:
            assert (await client.api("GET", "/registrations")).json == before
        verified = await asyncio.to_thread(reseal, "events", "verify", "--ready-file", restored.ready_file)
        assert verified.code == 0, verified.err
        assert restored.stop() == 0
    for file in ("tls/root.pem", *await asyncio.to_thread(_contents, data)):
        assert (kept / file).read_bytes() == (data / file).read_bytes()


def _contents(data: Path) -> list[str]:
    return [str(file.relative_to(data)) for file in data.glob("blobs/*/*")]


def _back_up(data: Path, kept: Path) -> None:
    """The commands of the page; the first by the library that the program `sqlite3` is made of."""
    of_database, of_contents = block("running-a-server.md", "sqlite3 data/reseal.db").split("\n")
    (statement,) = re.findall(r'"(VACUUM INTO .*)"', of_database)
    database = sqlite3.connect(data / "reseal.db")
    database.execute(statement.replace("backup.db", str(kept / "reseal.db")))
    database.close()
    run(of_contents.replace("backup-blobs", str(kept / "blobs")), data.parent)
