"""A headless Chromium for tests of the page, spoken to over its own debugging protocol."""

import asyncio
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_S = 60.0
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-port=0",
)
LISTENING = re.compile(rb"DevTools listening on ws://([^/]+)/")


@dataclass
class Tab:
    """One page; `complaints` are what it wrote to its console and what it refused to load."""

    socket: aiohttp.ClientWebSocketResponse
    complaints: list[str] = field(default_factory=list)
    _asked: int = 0

    async def call(self, method: str, **params: object) -> dict[str, object]:
        self._asked += 1
        await self.socket.send_json({"id": self._asked, "method": method, "params": params})
        while True:
            told = await self.socket.receive_json()
            if told.get("id") == self._asked:
                assert "error" not in told, told
                answer = told["result"]
                assert isinstance(answer, dict)
                return answer
            if told["method"] in {"Log.entryAdded", "Runtime.exceptionThrown"}:
                self.complaints.append(json.dumps(told["params"]))
            assert told["method"] != "Page.javascriptDialogOpening", "a hostile text was run"

    async def evaluate(self, script: str) -> object:
        """Run a script in the page and return what it says."""
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        result = answer["result"]
        assert isinstance(result, dict)
        return result.get("value")

    async def until(self, script: str, wanted: object) -> None:
        """Wait until a script says what is wanted."""
        while True:
            if await self.evaluate(script) == wanted:
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def a_tab(url: str, width: int = 1280) -> AsyncIterator[Tab]:
    """Open a page in a browser of its own."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            *ARGUMENTS,
            f"--user-data-dir={profile}",
            f"--window-size={width},900",
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as session:
                address = await _address(process)
                async with session.get(f"http://{address}/json/list") as response:
                    pages = [page for page in await response.json() if page["type"] == "page"]
                async with session.ws_connect(pages[0]["webSocketDebuggerUrl"]) as socket:
                    tab = Tab(socket)
                    for domain in ("Page", "Log", "Runtime"):
                        await tab.call(f"{domain}.enable")
                    await tab.call("Page.navigate", url=url)
                    yield tab
                    await tab.call("Page.navigate", url="about:blank")
        finally:
            process.terminate()
            await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if found := LISTENING.search(line):
            return found.group(1).decode()
    raise AssertionError("expected the browser to start")
