from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dashboard.play import ANSWER_BYTES_MAX, ASK_EVERY, LocalVenue, NoPlay, is_loopback
from tests.dashboard.fake_records import NOW

TOLD = {
    "now": 1759320000000,
    "speed": "20",
    "done": False,
    "play_id": "p1",
    "started_at": 1759320000000,
    "tape_time": 1500,
    "markets": None,
    "tape": "btc-15m",
    "tape_starts_at": 1000,
    "tape_ends_at": 2000,
    "attribution": "Books by somebody",
    "licence": "CC BY 4.0",
    "invented": ["whale wallets"],
}


@dataclass
class Venue:
    """A local venue that says what it is told to, and a clock."""

    now: datetime = NOW
    asked: int = 0
    answers: list[web.Response] = field(default_factory=list)

    async def play(self, _request: web.Request) -> web.Response:
        self.asked += 1
        return self.answers.pop(0)

    def later(self) -> None:
        self.now += ASK_EVERY


@asynccontextmanager
async def asking(venue: Venue) -> AsyncIterator[LocalVenue]:
    app = web.Application()
    app.router.add_get("/_paper/play", venue.play)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        yield LocalVenue(str(server.make_url("/")), session, lambda: venue.now)


async def test_a_tape_is_read_once_in_two_seconds() -> None:
    venue = Venue(answers=[web.json_response(TOLD), web.json_response(TOLD | {"done": True})])
    async with asking(venue) as source:
        play = await source.fetch()
        assert play is not None
        assert (play.tape, play.speed, play.invented) == (
            "btc-15m",
            Decimal(20),
            ("whale wallets",),
        )
        venue.now += timedelta(seconds=1)
        assert await source.fetch() == play
        venue.later()
        again = await source.fetch()
        assert again is not None
        assert again.done
    assert venue.asked == 2


async def test_a_venue_that_is_gone_plays_what_it_last_said() -> None:
    venue = Venue(answers=[web.json_response(TOLD)])
    async with asking(venue) as source:
        play = await source.fetch()
    venue.later()
    async with aiohttp.ClientSession() as session:
        source._session = session
        assert await source.fetch() == play


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 404},
        {"status": 302, "headers": {"Location": "http://evil.example"}},
        {"text": "no json"},
        {"text": '{"tape": 5}'},
        {"text": '{"tape": "t", "speed": "NaN"}'},
        {"text": '{"done": true}'},
        {"text": '{"tape": "' + "x" * ANSWER_BYTES_MAX + '"}'},
    ],
)
async def test_an_answer_that_names_no_tape_is_none(answer: dict[str, object]) -> None:
    status = answer.get("status", 200)
    text, headers = answer.get("text"), answer.get("headers")
    assert isinstance(status, int)
    assert text is None or isinstance(text, str)
    assert headers is None or isinstance(headers, dict)
    async with asking(
        Venue(answers=[web.Response(status=status, text=text, headers=headers)])
    ) as source:
        assert await source.fetch() is None


async def test_the_real_market_plays_nothing() -> None:
    assert await NoPlay().fetch() is None


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8700", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("https://clob.polymarket.com", False),
        ("http://10.0.0.1", False),
        ("", False),
    ],
)
def test_only_this_machine_is_asked(url: str, here: bool) -> None:
    assert is_loopback(url) is here
