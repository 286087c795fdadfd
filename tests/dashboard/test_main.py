import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from dashboard.__main__ import main
from settings import load_settings

PATIENCE_S = 30.0
STARTED = re.compile(rb'"url": "(http://127\.0\.0\.1:\d+)"')


def environment(**settings: str) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("WHALECOPY_")}
    quiet = {"WHALECOPY_LOG_JSON": "true", "WHALECOPY_DASHBOARD_PORT": "0", "DATABASE_URL": ""}
    return {**kept, **quiet, **settings}


@asynccontextmanager
async def a_process(**settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "dashboard",
        env=environment(**settings),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def url_of(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if found := STARTED.search(line):
            return found.group(1).decode()
    raise AssertionError("expected the dashboard to start")


async def fails_with(**settings: str) -> str:
    async with a_process(**settings) as process:
        _, said = await process.communicate()
        assert process.returncode == 1
        return said.decode()


async def test_it_serves_until_it_is_told_to_stop(database_url: str) -> None:
    async with a_process(DATABASE_URL=database_url, TRADING_MODE="replay") as process:
        url = await url_of(process)
        async with aiohttp.ClientSession() as session:
            async with session.get(url + "/readyz") as ready:
                assert ready.status == 200
            async with session.get(url + "/api/status") as status:
                assert (await status.json())["mode"] == "replay"
            async with session.get(url + "/metrics") as metrics:
                assert "whalecopy_dashboard_requests_total" in await metrics.text()
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "expected DATABASE_URL, received none"),
        ({"DATABASE_URL": "postgresql://u@h/d", "TRADING_MODE": "pretend"}, "TRADING_MODE"),
        ({"DATABASE_URL": "postgresql://u@h/d", "TRADING_MODE": "live"}, "LIVE_TRADING=yes"),
        (
            {
                "DATABASE_URL": "postgresql://u@h/d",
                "WHALECOPY_TEMPORAL_UI_URL": "javascript:alert(1)",
            },
            "expected the Temporal UI",
        ),
    ],
)
def test_wrong_settings_are_named(
    settings: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("DATABASE_URL", "TRADING_MODE", "LIVE_TRADING", "WHALECOPY_TEMPORAL_UI_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, text in settings.items():
        monkeypatch.setenv(name, text)
    load_settings.cache_clear()
    try:
        assert main() == 1
    finally:
        load_settings.cache_clear()
    assert said in capsys.readouterr().err


async def test_a_taken_port_is_named() -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = str(server.sockets[0].getsockname()[1])
    said = await fails_with(DATABASE_URL="postgresql://u@h/d", WHALECOPY_DASHBOARD_PORT=port)
    assert f"port {port} of 127.0.0.1 cannot be had" in said
    server.close()
    await server.wait_closed()
