import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from aiohttp import web

import narrate
from narrate import Narrator, Progress
from settings import TradingMode
from storage.postgres import PostgresStore
from tests.ingest.desk import until, utc_now
from tests.storage.builders import WALLET, market, signal, usd
from trading.rules import RiskRules
from trading.types import Reason, Refusal, SignalId, SignalState

WIDE = Refusal(Reason.SPREAD_TOO_WIDE, {})


@dataclass
class Play:
    """A local venue that only says how far its tape is."""

    url: str = ""
    is_done: bool = False

    async def answer(self, request: web.Request) -> web.Response:
        return web.json_response({"play_id": "p", "started_at": 0, "done": self.is_done})


@pytest.fixture
async def play() -> AsyncIterator[Play]:
    """A venue on a port of its own."""
    play = Play()
    app = web.Application()
    app.router.add_get("/_paper/play", play.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    play.url = "http://{}:{}".format(*runner.addresses[0][:2])
    yield play
    await runner.cleanup()


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresStore]:
    """A store with money."""
    store = PostgresStore(database_url, RiskRules(), WALLET)
    await store.record_deposit(usd(10_000), "bankroll", utc_now())
    yield store
    await store.close()


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often and rest shortly."""
    monkeypatch.setattr(narrate, "POLL_S", 0.01)
    monkeypatch.setattr(narrate, "SUMMARY_EVERY", timedelta(milliseconds=10))
    monkeypatch.setattr(narrate, "QUIET_AFTER_DONE", timedelta(milliseconds=50))


async def end(store: PostgresStore, name: str, after: timedelta) -> None:
    await store.record_signal(signal(name), utc_now())
    at = utc_now() + after
    await store.finish_signal(SignalId(name), SignalState.FILTERED, WIDE, at)


async def test_a_run_is_told_until_all_has_come_to_rest(store: PostgresStore, play: Play) -> None:
    out = io.StringIO()
    progress = Progress(store, play.url, Narrator(out))
    await store.save_market(replace(market(), question="Will\x1b[2J it?"), utc_now())
    await end(store, "s1", timedelta())
    await store.record_signal(signal("s2"), utc_now())
    following = asyncio.create_task(progress.follow(until_done=True))

    async def summed() -> bool:
        assert not following.done(), following
        return "2 signals: 0 copied, 1 running" in out.getvalue()

    await until(summed)
    play.is_done = True
    await store.finish_signal(SignalId("s2"), SignalState.UNFILLED, None, utc_now())
    async with asyncio.timeout(20):
        await following
    told = out.getvalue()
    assert "FILTERED: SPREAD_TOO_WIDE" in told
    assert "Yes 'Will[2J it?'" in told
    assert "UNFILLED" in told
    assert "cash $10,000.00" in told


async def test_an_end_that_is_seen_late_is_told_once(store: PostgresStore, play: Play) -> None:
    out = io.StringIO()
    progress = Progress(store, play.url, Narrator(out))
    following = asyncio.create_task(progress.follow(until_done=False))

    async def told(times: int) -> bool:
        return out.getvalue().count("SPREAD_TOO_WIDE") == times

    await end(store, "s1", timedelta(seconds=2))
    await until(lambda: told(1))
    await end(store, "s2", timedelta(seconds=1))
    await until(lambda: told(2))
    await end(store, "s3", timedelta(seconds=3))
    await until(lambda: told(3))
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_a_venue_that_does_not_answer_is_waited_for(store: PostgresStore) -> None:
    out = io.StringIO()
    progress = Progress(store, "http://127.0.0.1:1", Narrator(out))
    following = asyncio.create_task(progress.follow(until_done=True))

    async def told() -> bool:
        return "… waiting" in out.getvalue()

    await until(told)
    assert not following.done()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


def test_addresses_are_told_with_what_is_invented() -> None:
    out = io.StringIO()
    Narrator(out).say_addresses("http://127.0.0.1:1", None, TradingMode.REPLAY)
    assert "http://127.0.0.1:1" in out.getvalue()
    assert "invented" in out.getvalue()
