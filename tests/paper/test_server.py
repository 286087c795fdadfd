"""Tests of the whole venue as one application and as one process."""

import asyncio
import io
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

from paper.__main__ import main
from paper.server import addresses
from tests.paper.client_desk import KEY
from tests.paper.open_venue import open_venue
from tests.paper.posted_orders import login_headers
from tests.paper.tiny_tape import write_tiny_tape

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30


def test_every_protocol_has_an_address_on_the_one_port() -> None:
    urls = addresses(8080)
    assert urls.pop("ready") is True
    assert set(urls) == {
        "clob",
        "gamma",
        "data",
        "ws_market",
        "ws_user",
        "rtds",
        "rpc_http",
        "rpc_ws",
        "relayer",
    }
    assert all("127.0.0.1:8080" in str(url) for url in urls.values())


async def test_every_protocol_is_spoken(tmp_path: Path) -> None:
    async with open_venue(tmp_path) as running, aiohttp.ClientSession() as http:
        urls = running.urls
        for url in (
            f"{urls['clob']}/ok",
            f"{urls['gamma']}/markets/keyset",
            f"{urls['data']}/v2/status",
            f"{urls['relayer']}/deployed?address=0x1",
            f"{urls['clob']}/_paper/orders",
        ):
            async with http.get(url) as response:
                assert response.status == 200, url
        request = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
        async with http.post(urls["rpc_http"], json=request) as response:
            assert (await response.json())["result"] == "0x89"
        for name in ("ws_market", "ws_user", "rtds", "rpc_ws"):
            async with http.ws_connect(urls[name]) as ws:
                assert not ws.closed, name


async def start(*arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "paper", *arguments, cwd=ROOT, stdout=PIPE, stderr=PIPE
    )


@asynccontextmanager
async def venue_process(*arguments: str) -> AsyncIterator[tuple[Process, dict[str, Any]]]:
    """Start a venue; give its process and its ready line; end it if the test did not."""
    process = await start(*arguments)
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
        yield process, json.loads(line)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
def tape(tmp_path: Path) -> str:
    return str(write_tiny_tape(tmp_path / "tiny.tape"))


async def test_a_venue_says_that_it_is_ready_plays_and_stops_when_told(
    tmp_path: Path, tape: str
) -> None:
    arguments = ("--tape", tape, "--home", str(tmp_path / "home"), "--speed", "100")
    async with venue_process(*arguments) as (process, ready), aiohttp.ClientSession() as http:
        assert ready["ready"] is True
        async with http.get(f"{ready['clob']}/_paper/play") as response:
            play = await response.json()
        assert (play["tape"], play["speed"]) == ("tiny", "100")
        assert play["invented"]
        async with http.ws_connect(ready["ws_market"]):
            process.terminate()
            assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0


async def test_keys_and_plays_survive_a_kill(tmp_path: Path, tape: str) -> None:
    arguments = ("--tape", tape, "--home", str(tmp_path / "home"), "--resume")
    answers: list[tuple[str, dict[str, str]]] = []
    for _ in range(2):
        async with venue_process(*arguments) as (process, ready), aiohttp.ClientSession() as http:
            async with http.get(f"{ready['clob']}/_paper/play") as response:
                play_id = (await response.json())["play_id"]
            url, headers = f"{ready['clob']}/auth/derive-api-key", login_headers(KEY)
            async with http.get(url, headers=headers) as response:
                answers.append((play_id, await response.json()))
            process.kill()
    assert answers[0] == answers[1]


class Interrupter(io.StringIO):
    """Standard output that answers the ready line with a signal to this process."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__()
        self._number = number

    def write(self, text: str) -> int:
        os.kill(os.getpid(), self._number)
        return super().write(text)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_either_signal_ends_a_venue_in_peace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tape: str, number: signal.Signals
) -> None:
    output = Interrupter(number)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "argv", ["paper", "--tape", tape, "--home", str(tmp_path / "home")])
    assert main() == 0
    structlog.reset_defaults()
    assert json.loads(output.getvalue())["ready"] is True


@pytest.fixture
def message_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., str]]:
    """Start a venue that cannot start, in this process; give what it says."""

    def start_in_vain(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["paper", *arguments])
        assert main() == 1
        out, err = capsys.readouterr()
        assert out == ""
        return err

    yield start_in_vain
    structlog.reset_defaults()


def test_a_port_that_is_taken_is_named(
    message_of: Callable[..., str], tmp_path: Path, tape: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        text = message_of("--port", port, "--tape", tape, "--home", str(tmp_path / "home"))
    assert f"paper: port {port} of 127.0.0.1 cannot be had" in text


def test_a_file_that_is_no_tape_is_named(message_of: Callable[..., str], tmp_path: Path) -> None:
    wrong, missing = tmp_path / "wrong.tape", tmp_path / "missing.tape"
    wrong.write_text("not a tape")
    for path in (wrong, missing):
        assert str(path) in message_of("--tape", str(path), "--home", str(tmp_path / "home"))


def test_a_home_that_cannot_be_written_is_named(
    message_of: Callable[..., str], tmp_path: Path, tape: str
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert str(blocked) in message_of("--tape", tape, "--home", str(blocked / "home"))


def test_a_plan_of_faults_that_cannot_be_used_is_named(
    message_of: Callable[..., str], tmp_path: Path, tape: str
) -> None:
    home = ("--tape", tape, "--home", str(tmp_path / "home"))
    plan, missing = tmp_path / "storm.json", tmp_path / "missing.json"
    assert f"paper: --faults {missing}: No such file" in message_of("--faults", str(missing), *home)
    plan.write_text('{"profile": "calm"}')
    text = message_of("--faults", str(plan), *home)
    assert "expected one of none, chaos, stress as profile, got 'calm'" in text
    plan.write_text('{"rules": [{"at": "account", "fault": "drain", "text": "0x12"}]}')
    text = message_of("--faults", str(plan), *home)
    assert "expected the wallet of a client in text, got '0x12'" in text


async def test_a_plan_of_faults_can_be_given_at_the_start(tmp_path: Path, tape: str) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text('{"seed": 7, "profile": "chaos"}')
    arguments = ("--tape", tape, "--home", str(tmp_path / "home"), "--faults", str(plan))
    async with (
        venue_process(*arguments) as (_, ready),
        aiohttp.ClientSession() as http,
        http.get(f"{ready['clob']}/_paper/faults") as response,
    ):
        told = await response.json()
    assert told["seed"] == 7
    assert {rule["at"] for rule in told["rules"]} >= {"post_order", "settle", "cancel"}
