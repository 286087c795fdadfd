"""Paper mode begins when the feeds answer and somebody worth following is known."""

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
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
from paper_mode import Footing
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
    found = await paper_mode.find_footing(Settings(), database_url, Narrator(out))
    assert found == Footing(TradingMode.PAPER, (real.urls["rpc_http"],))
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
    found = await paper_mode.find_footing(Settings(), database_url, Narrator(out))
    assert found.mode is TradingMode.PAPER
    assert "following 1 whales:" in out.getvalue()
    assert wallet in out.getvalue()


async def test_until_somebody_has_a_score_the_tape_is_replayed(
    real: Running, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper_mode, "SCORES_TIMEOUT_S", 0.5)
    monkeypatch.setenv("WHALECOPY_DATA_URL", "http://127.0.0.1:1")
    out = io.StringIO()
    found = await paper_mode.find_footing(Settings(), database_url, Narrator(out))
    assert found == Footing(TradingMode.REPLAY)
    assert "no whale has a score yet: replaying the recorded tape" in out.getvalue()


def test_the_listener_hears_the_real_venue(real: Running) -> None:
    told = paper_mode.listener_environment(Settings(), [real.urls["rpc_http"]])
    assert json.loads(told["WHALECOPY_RPC_HTTP_URLS"]) == [real.urls["rpc_http"]]
    assert told["WHALECOPY_WS_MARKET_URL"] == real.urls["ws_market"]
    assert told["WHALECOPY_RTDS_URL"] == real.urls["rtds"]
    assert json.loads(told["WHALECOPY_RPC_WS_URLS"]) == [real.urls["rpc_ws"]]
    assert not {"WHALECOPY_CLOB_URL", "WHALECOPY_WS_USER_URL"} & told.keys()


async def test_without_a_node_the_other_feeds_carry_and_it_is_said(
    real: Running, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHALECOPY_RPC_HTTP_URLS", json.dumps(["http://127.0.0.1:1"]))
    out = io.StringIO()
    found = await paper_mode.find_footing(Settings(), database_url, Narrator(out))
    told = paper_mode.listener_environment(Settings(), found.nodes)
    assert [json.loads(told[f"WHALECOPY_RPC_{kind}_URLS"]) for kind in ("HTTP", "WS")] == [[], []]
    assert "no Polygon node answers" in out.getvalue()


async def test_each_node_is_asked_once_at_a_start_and_those_that_answer_are_handed_on(
    real: Running, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({"result": "0x1"} if request.path == "/good" else {})

    async with serving(answer) as url:
        nodes = [f"{url}/good", f"{url}/odd", "http://127.0.0.1:1"]
        monkeypatch.setenv("WHALECOPY_RPC_HTTP_URLS", json.dumps(nodes))
        found = await paper_mode.find_footing(Settings(), database_url, Narrator(io.StringIO()))
        told = paper_mode.listener_environment(Settings(), found.nodes)
    assert json.loads(told["WHALECOPY_RPC_HTTP_URLS"]) == [f"{url}/good"]
    assert sorted(asked) == ["/good", "/odd"]


@asynccontextmanager
async def serving(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("status", "is_there"), [(200, True), (500, False)])
async def test_the_feeds_answer_when_the_clock_is_told(
    status: int, *, is_there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async with serving(answer) as url:
        monkeypatch.setenv("WHALECOPY_CLOB_URL", url)
        assert await paper_mode.feeds_answer(Settings()) is is_there


def test_the_local_venue_is_told_whom_to_mirror() -> None:
    words = paper_mode.mirror_words(Settings())
    assert words[::2] == ["--upstream-clob", "--upstream-gamma", "--upstream-data"]
    assert all(url.startswith("https://") for url in words[1::2])
