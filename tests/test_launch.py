import io
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

import launch
from codec_keys import add_key
from embedded.addresses import Addresses
from embedded.services import ProcessEvent, ProcessEventKind, Stage
from launch import LaunchError, Running, UpOptions
from narrate import Narrator
from settings import Profile, Settings, TradingMode

OURS = ("WHALECOPY_", "DATABASE_URL", "REDIS_URL", "TEMPORAL_", "TRADING_MODE", "LIVE_TRADING")
ADDRESSES = Addresses("postgresql+asyncpg://h/db", "unix:///s", "127.0.0.1:7233", None)
OPTIONS = UpOptions(
    mode=TradingMode.REPLAY,
    tape=None,
    speed=Decimal(20),
    workers=1,
    markets=None,
    bankroll=Decimal(10_000),
    resume=False,
    until_done=True,
    as_json=True,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's directory with a home in it, without settings of ours but that."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHALECOPY_HOME", "home")
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@asynccontextmanager
async def a_server(status: int) -> AsyncIterator[tuple[str, list[str]]]:
    """Serve one status at every path; tell what was asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.path}")
        return web.Response(status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


def test_processes_are_told_where_everything_is(home: Path) -> None:
    env = launch._environment(ADDRESSES, OPTIONS, Settings(), TradingMode.REPLAY)
    assert env["DATABASE_URL"] == ADDRESSES.database_url
    assert env["REDIS_URL"] == ADDRESSES.redis_url
    assert env["TEMPORAL_ADDRESS"] == ADDRESSES.temporal_address
    assert env["WHALECOPY_HOME"] == str(home)
    assert env["WHALECOPY_TEMPORAL_UI_URL"] == ""
    assert env["WHALECOPY_REPLAY_SPEED"] == "20"
    assert env["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(
    ("mode", "profile", "used"),
    [
        (TradingMode.REPLAY, Profile.DEFAULT, "replay"),
        (TradingMode.REPLAY, Profile.LOAD, "load"),
        (TradingMode.LIVE, Profile.DEFAULT, "default"),
    ],
)
def test_a_replay_has_its_own_profile_unless_another_is_set(
    mode: TradingMode, profile: Profile, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHALECOPY_PROFILE", profile.value)
    env = launch._environment(ADDRESSES, OPTIONS, Settings(), mode)
    assert (env["WHALECOPY_PROFILE"], env["TRADING_MODE"]) == (used, mode.value)


def test_files_named_from_here_are_found_from_elsewhere(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHALECOPY_PRIVATE_KEY_FILE", "key")
    monkeypatch.setenv("WHALECOPY_CODEC_KEYS", "codec-keys")
    env = launch._environment(ADDRESSES, OPTIONS, Settings(), TradingMode.REPLAY)
    assert env["WHALECOPY_PRIVATE_KEY_FILE"] == str(home.parent / "key")
    assert env["WHALECOPY_CODEC_KEYS"] == str(home.parent / "codec-keys")
    service = launch._paper_service(home, 1, replace(OPTIONS, tape=Path("my.tape")))
    assert str(home.parent / "my.tape") in service.command
    assert service.cwd == launch.ROOT


def test_with_keys_there_is_a_codec_server_without_secrets(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert launch._codec_port(Settings()) == 0
    monkeypatch.setenv("WHALECOPY_CODEC_KEYS", str(home / "keys"))
    with pytest.raises(LaunchError, match=r"WHALECOPY_CODEC_KEYS: .*cannot be read"):
        launch._codec_port(Settings())
    add_key(home / "keys", datetime(2026, 11, 22, tzinfo=UTC))
    assert launch._codec_port(Settings()) > 0
    service = launch._codec_service(8234, {"DATABASE_URL": "x", "WHALECOPY_HOME": str(home)})
    assert service.env == {"WHALECOPY_HOME": str(home), "WHALECOPY_CODEC_PORT": "8234"}


def test_a_home_keeps_its_name(home: Path) -> None:
    first = launch._stack_id(home)
    assert launch._stack_id(home) == first
    assert len(first) == 32


def test_every_address_of_the_local_venue_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, address in launch._venue_environment(8900).items():
        monkeypatch.setenv(name, address)
    told = Settings().endpoints
    assert not told.is_production
    assert told.clob == "http://127.0.0.1:8900"
    assert told.rpc_ws == ("ws://127.0.0.1:8900/rpc",)
    assert told.relayer == "http://127.0.0.1:8900/relayer"
    assert told.is_local
    everything = (told.gamma, told.data, told.ws_market, told.ws_user, told.rtds, *told.rpc_http)
    assert all("127.0.0.1:8900" in address for address in everything)


def test_the_venue_is_held_and_told_what_to_play(home: Path) -> None:
    asked = replace(OPTIONS, markets=2, resume=True)
    service = launch._paper_service(home, 8900, asked)
    words = " ".join(service.command[1:])
    assert service.command[0] == sys.executable
    assert service.stage is Stage.SERVER
    assert words.startswith("-m paper --port 8900")
    assert words.endswith("--hold --speed 20 --markets 2 --resume --bankroll 10000")
    plain = launch._paper_service(home, 8900, OPTIONS).command
    assert not {"--tape", "--markets", "--resume"} & set(plain)


async def test_a_process_is_ready_when_its_metrics_port_says_so() -> None:
    one = launch._service("ingest", ("-m", "ingest"), {"A": "b"})
    other = launch._service("ingest", ("-m", "ingest"), {})
    assert one.command == (sys.executable, "-m", "ingest")
    assert one.env["A"] == "b"
    assert one.env["WHALECOPY_METRICS_PORT"] != other.env["WHALECOPY_METRICS_PORT"]
    assert not await one.ready()


@pytest.mark.parametrize(("status", "is_ready"), [(200, True), (503, False)])
async def test_only_200_is_an_answer(status: int, is_ready: bool) -> None:
    async with a_server(status) as (url, _):
        assert await launch._answers(url) is is_ready


@pytest.mark.parametrize("mode", [TradingMode.REPLAY, TradingMode.LIVE])
async def test_another_mode_than_paper_is_taken_as_it_is(mode: TradingMode) -> None:
    out = io.StringIO()
    playable = await launch._playable_mode(replace(OPTIONS, mode=mode), Settings(), Narrator(out))
    assert (playable, out.getvalue()) == (mode, "")


@pytest.mark.parametrize("status", [500, None])
async def test_paper_mode_replays_where_the_feeds_cannot_be_reached_and_says_so(
    status: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    asked = replace(OPTIONS, mode=TradingMode.PAPER)
    async with a_server(status or 200) as (url, _):
        monkeypatch.setenv("WHALECOPY_CLOB_URL", url if status else "http://127.0.0.1:1")
        mode = await launch._playable_mode(asked, Settings(), Narrator(out))
    assert mode is TradingMode.REPLAY
    assert out.getvalue() == "the public feeds cannot be reached: replaying the recorded tape\n"


def test_a_mirroring_venue_plays_no_tape(home: Path) -> None:
    words = launch._paper_service(home, 8900, OPTIONS, ["--upstream-clob", "http://h"]).command
    assert "--upstream-clob" in words
    assert not {"--hold", "--speed", "--tape"} & set(words)


async def test_a_local_play_is_started_and_a_real_venue_is_not() -> None:
    async with a_server(200) as (url, asked):
        running = Running(None, ADDRESSES, {}, url, "")  # type: ignore[arg-type]  # no stack is needed
        await launch.start_play(running)
        await launch.start_play(replace(running, venue_url="https://clob.example"))
    assert asked == ["POST /_paper/start"]
    async with a_server(500) as (url, _):
        with pytest.raises(aiohttp.ClientResponseError):
            await launch.start_play(replace(running, venue_url=url))


async def test_an_account_that_cannot_be_prepared_stops_the_start(home: Path) -> None:
    env = {"WHALECOPY_HOME": str(home), "TRADING_MODE": "live", "LIVE_TRADING": "yes"}
    with pytest.raises(LaunchError, match="could not be prepared"):
        await launch._prepare_account(env)


def test_only_what_concerns_a_person_is_told() -> None:
    out = io.StringIO()
    for kind in ProcessEventKind:
        launch._tell(Narrator(out), ProcessEvent(kind, "worker-1", 1, -9, "by signal 9"))
    lines = out.getvalue().splitlines()
    assert "  worker-1 is ready" in lines
    assert "worker-1 died by signal 9" in lines
    assert len(lines) == 3


def test_rpc_addresses_are_lists_as_json() -> None:
    told = launch._venue_environment(1)
    assert json.loads(told["WHALECOPY_RPC_HTTP_URLS"]) == ["http://127.0.0.1:1/rpc"]
