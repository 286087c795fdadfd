"""Paper mode begins when the feeds answer and somebody worth following is known."""

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

import paper_mode
from narrate import Narrator
from paper.options import SHIPPED_TAPE
from paper.server import HOST, addresses, build_app
from paper.tape import open_tape
from paper.venue import Venue
from settings import Settings, TradingMode
from tests.paper.open_venue import QUICK, Running


@pytest.fixture
async def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """A venue that plays the part of the real one, and settings that name it."""
    async with a_venue(tmp_path / "real") as running:
        for name in ("clob", "gamma", "data", "ws_market", "rtds"):
            monkeypatch.setenv(f"WHALECOPY_{name.upper()}_URL", running.urls[name])
        monkeypatch.setenv("WHALECOPY_RPC_HTTP_URLS", json.dumps([running.urls["rpc_http"]]))
        monkeypatch.setenv("WHALECOPY_RPC_WS_URLS", json.dumps([running.urls["rpc_ws"]]))
        yield running


@asynccontextmanager
async def a_venue(home: Path) -> AsyncIterator[Running]:
    venue = Venue(open_tape(SHIPPED_TAPE), QUICK, home=home, is_held=True)
    runner = web.AppRunner(build_app(venue, QUICK, venue.store), shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        port = runner.addresses[0][1]
        yield Running(venue, {name: str(url) for name, url in addresses(port).items()})
    finally:
        await runner.cleanup()
        venue.close()


async def test_the_leaders_are_proposed_with_their_scores(real: Running, database_url: str) -> None:
    out = io.StringIO()
    mode = await paper_mode.followable_mode(Settings(), database_url, Narrator(out))
    assert mode is TradingMode.PAPER
    lines = out.getvalue().splitlines()
    (head,) = [line for line in lines if line.startswith("following")]
    assert "proposed by the leaderboard" in head
    scores = [float(line.split()[2]) for line in lines if " score " in line]
    assert len(scores) == int(head.split()[1]) > 1
    assert scores == sorted(scores, reverse=True)


async def test_whoever_was_chosen_is_followed(
    real: Running, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet = real.venue.tape_wallets()[0].address.lower()
    monkeypatch.setenv("WHALECOPY_WHALES", json.dumps([wallet]))
    out = io.StringIO()
    mode = await paper_mode.followable_mode(Settings(), database_url, Narrator(out))
    assert mode is TradingMode.PAPER
    assert "following 1 whales:" in out.getvalue()
    assert wallet in out.getvalue()


async def test_until_somebody_has_a_score_the_tape_is_replayed(
    real: Running, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper_mode, "SCORES_TIMEOUT_S", 0.5)
    monkeypatch.setenv("WHALECOPY_DATA_URL", "http://127.0.0.1:1")
    out = io.StringIO()
    mode = await paper_mode.followable_mode(Settings(), database_url, Narrator(out))
    assert mode is TradingMode.REPLAY
    assert "no whale has a score yet: replaying the recorded tape" in out.getvalue()


async def test_the_listener_hears_the_real_venue(real: Running) -> None:
    told = await paper_mode.listener_environment(Settings())
    assert told["WHALECOPY_WS_MARKET_URL"] == real.urls["ws_market"]
    assert told["WHALECOPY_RTDS_URL"] == real.urls["rtds"]
    assert json.loads(told["WHALECOPY_RPC_WS_URLS"]) == [real.urls["rpc_ws"]]
    assert not {"WHALECOPY_CLOB_URL", "WHALECOPY_WS_USER_URL"} & told.keys()


async def test_without_a_node_the_other_feeds_carry_and_it_is_said(
    real: Running, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHALECOPY_RPC_HTTP_URLS", json.dumps(["http://127.0.0.1:1"]))
    told = await paper_mode.listener_environment(Settings())
    assert [json.loads(told[f"WHALECOPY_RPC_{kind}_URLS"]) for kind in ("HTTP", "WS")] == [[], []]
    out = io.StringIO()
    await paper_mode.followable_mode(Settings(), database_url, Narrator(out))
    assert "no Polygon node answers" in out.getvalue()


@pytest.mark.parametrize(("status", "is_there"), [(200, True), (500, False)])
async def test_the_feeds_answer_when_the_clock_is_told(
    status: int, *, is_there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/time", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        monkeypatch.setenv("WHALECOPY_CLOB_URL", f"http://{HOST}:{runner.addresses[0][1]}")
        assert await paper_mode.feeds_answer(Settings()) is is_there
    finally:
        await runner.cleanup()


def test_the_local_venue_is_told_whom_to_mirror() -> None:
    words = paper_mode.mirror_words(Settings())
    assert words[::2] == ["--upstream-clob", "--upstream-gamma", "--upstream-data"]
    assert all(url.startswith("https://") for url in words[1::2])
