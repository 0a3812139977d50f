"""A real browser: Chromium without a window, driven over its debugging protocol.

It keeps to pages: open one, fill in a form, read what stands there, look at it. Tests that need it are
skipped by name where no Chromium is installed.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.system_parts import miss

_PATIENCE = 30
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--ignore-certificate-errors",
    "--remote-debugging-port=0",
)


def chromium_program() -> str:
    """Where it is; the test is skipped (or fails, in CI) if it is nowhere."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        miss("Chromium", "chromium")
    return found


class Window:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.said: list[str] = []
        """What the page wrote to its console, and what the browser refused to do for it."""

    async def command(self, method: str, **parameters: Any) -> Any:
        """One command of the protocol; its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(_PATIENCE):
            while True:
                message = await self._socket.receive_json()
                if message.get("id") == number:
                    assert "error" not in message, message
                    return message["result"]
                self._hear(message)

    def _hear(self, event: dict[str, Any]) -> None:
        match event.get("method"):
            case "Log.entryAdded":
                self.said.append(event["params"]["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.said.append(event["params"]["exceptionDetails"]["text"])
            case "Runtime.consoleAPICalled":
                self.said.append(str(event["params"]["args"]))

    async def ask(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = await self.command(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait until an expression in the page is true."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                if await self.ask(f"Boolean({condition})"):
                    return
            except AssertionError:
                pass  # between two pages
            await asyncio.sleep(0.05)
        raise AssertionError(f"it never became so: {condition}\n{await self.ask('document.body.innerText')}")

    async def open(self, address: str) -> None:
        """Go there."""
        await self.command("Page.navigate", url=address)
        await self.until("document.readyState === 'complete'")

    async def submit(self, **typed: str) -> None:
        """Fill in fields by their names and send the page's form."""
        for name, text in typed.items():
            await self.ask(f"document.getElementsByName({json.dumps(name)})[0].value = {json.dumps(text)}")
        await self.ask("document.querySelector('form [type=submit]').click()")

    async def sign_in(self, upn: str, password: str) -> None:
        """Fill in the two steps of the sign-in page."""
        await self.until("document.getElementById('i0116')")
        await self.submit(loginfmt=upn)
        await self.until("document.getElementById('i0118')")
        await self.submit(passwd=password)
        await self.until("!document.getElementById('i0116') && document.readyState === 'complete'")

    async def look(self, file: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Write a picture of the page."""
        await self.size(width, height)
        value = "dark" if dark else "light"
        await self.command(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}]
        )
        await asyncio.sleep(0.2)
        shot = await self.command("Page.captureScreenshot", format="png")
        await asyncio.to_thread(file.write_bytes, base64.b64decode(shot["data"]))

    async def size(self, width: int, height: int) -> None:
        """Make the window so large."""
        await self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )


@asynccontextmanager
async def window() -> AsyncIterator[Window]:
    """A browser of its own, with nothing in it."""
    with _browser() as profile:
        port = await asyncio.to_thread(_port, profile / "DevToolsActivePort")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [one for one in await answer.json() if one["type"] == "page"]
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Window(socket)
                for domain in ("Page", "Runtime", "Log"):
                    await tab.command(f"{domain}.enable")
                yield tab


@contextmanager
def _browser() -> Iterator[Path]:
    """The folder of a running browser's profile."""
    with tempfile.TemporaryDirectory(prefix="reseal-browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [chromium_program(), *_OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Path(profile)
        finally:
            process.terminate()
            process.wait(_PATIENCE)


def _port(file: Path) -> int:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if file.exists() and (lines := file.read_text().split()):
            return int(lines[0])
        time.sleep(0.05)
    raise AssertionError("Chromium did not start")
