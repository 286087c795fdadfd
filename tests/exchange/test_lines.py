"""A socket is kept alive for ever: reconnected when lost, silent, frozen or too old."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random

import pytest

import exchange.polymarket.lines
from exchange.polymarket.lines import LineRules, backoff, run_line
from exchange.port import UnavailableError
from tests.exchange.fake_venue import LIMIT_S, listening

FLOOD = 200  # frames
BRISK = LineRules(backoff_min=timedelta(milliseconds=1), backoff_max=timedelta(milliseconds=4))


class _Talk:
    """Says what it is given and keeps what it hears."""

    name = "test"

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.to_say: list[str] = []
        self.greetings = 0
        self.is_wanted = asyncio.Event()
        self.is_wanted.set()

    async def wanted(self) -> None:
        await self.is_wanted.wait()

    def hello(self) -> Sequence[str]:
        return ["hello"]

    def more(self) -> Sequence[str]:
        said, self.to_say = self.to_say, []
        return said

    async def greeted(self) -> None:
        self.greetings += 1

    async def hear(self, text: str) -> bool:
        if text == "trouble":
            raise UnavailableError("what we needed was not there")
        if text == "bug":
            raise ZeroDivisionError
        await self.heard.put(text)
        return text.startswith("data")

    async def next(self) -> str:
        return await asyncio.wait_for(self.heard.get(), LIMIT_S)


@asynccontextmanager
async def talking(url: str, talk: _Talk, rules: LineRules = BRISK) -> AsyncIterator[None]:
    task = asyncio.create_task(run_line(url, talk, rules, Random(1)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_frames_are_said_and_heard() -> None:
    talk = _Talk()
    async with listening() as venue, talking(venue.url, talk):
        connection = await venue.next()
        assert await connection.next_text() == "hello"
        await connection.say("data 1")
        await connection.say(b"data 2")
        assert [await talk.next(), await talk.next()] == ["data 1", "data 2"]
        talk.to_say = ["more"]
        talk.wake.set()
        assert await connection.next_text() == "more"
    assert talk.greetings == 1


async def test_what_is_asked_for_while_something_is_said_is_said_too() -> None:
    class Insisting(_Talk):
        def more(self) -> Sequence[str]:
            said = self.to_say.pop(0)
            if self.to_say:
                self.wake.set()
            return [said]

    talk = Insisting()
    async with listening() as venue, talking(venue.url, talk):
        connection = await venue.next()
        talk.to_say = ["more", "again", "and again"]
        talk.wake.set()
        said = [await connection.next_text() for _ in range(4)]
    assert said == ["hello", "more", "again", "and again"]


async def test_a_flood_of_frames_leaves_the_others_their_turns() -> None:
    turns: list[int] = []

    class Counting(_Talk):
        async def hear(self, text: str) -> bool:
            turns.append(others)
            return await super().hear(text)

    others, talk = 0, Counting()
    async with listening() as venue, talking(venue.url, talk):
        connection = await venue.next()
        for number in range(FLOOD):
            await connection.say(f"data {number}")
        while len(turns) < FLOOD:
            others += 1
            await asyncio.sleep(0)
    assert turns[-1] - turns[0] >= FLOOD - 1


async def test_a_lost_socket_is_connected_anew() -> None:
    talk = _Talk()
    async with listening() as venue, talking(venue.url, talk):
        for _ in range(3):
            connection = await venue.next()
            assert await connection.next_text() == "hello"
            await connection.drop()
        assert await (await venue.next()).next_text() == "hello"
    assert talk.greetings >= 3


async def test_pings_are_sent_and_silence_is_given_up() -> None:
    talk = _Talk()
    rules = LineRules(
        ping="PING",
        ping_every=timedelta(milliseconds=20),
        frame_within=timedelta(milliseconds=120),
        backoff_min=timedelta(milliseconds=1),
    )
    async with listening() as venue, talking(venue.url, talk, rules):
        connection = await venue.next()
        assert [await connection.next_text() for _ in range(3)] == ["hello", "PING", "PING"]
        assert await (await venue.next()).next_text() == "hello"


async def test_a_line_that_leaves_pinging_to_the_protocol_waits_without_turning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns = 0

    def now() -> timedelta:
        nonlocal turns
        turns += 1
        return timedelta(seconds=asyncio.get_running_loop().time())

    monkeypatch.setattr(exchange.polymarket.lines, "_now", now)
    rules = LineRules(ping=None, ping_every=timedelta(milliseconds=10))
    async with listening() as venue, talking(venue.url, _Talk(), rules):
        await venue.next()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(venue.connections.get(), 0.3)
    assert turns < 20


@pytest.mark.parametrize("limit", ["first_data_within", "data_within"])
async def test_a_socket_that_answers_pings_but_sends_no_data_is_given_up(limit: str) -> None:
    talk = _Talk()
    rules = LineRules(
        ping_every=timedelta(milliseconds=10),
        backoff_min=timedelta(milliseconds=1),
        **{limit: timedelta(milliseconds=80)},  # type: ignore[arg-type]  # one of two durations
    )
    async with listening() as venue, talking(venue.url, talk, rules):
        connection = await venue.next()

        async def answer() -> None:
            while True:
                await connection.next_text()
                await connection.say("PONG")

        answering = asyncio.create_task(answer())
        assert await (await venue.next()).next_text() == "hello"
        answering.cancel()


async def test_data_keeps_a_socket() -> None:
    talk = _Talk()
    rules = LineRules(
        first_data_within=timedelta(milliseconds=300),
        data_within=timedelta(seconds=60),
        backoff_min=timedelta(milliseconds=1),
    )
    async with listening() as venue, talking(venue.url, talk, rules):
        connection = await venue.next()
        await connection.say("data")
        assert await talk.next() == "data"
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(venue.connections.get(), 0.6)


async def test_a_socket_is_renewed_at_its_age() -> None:
    talk = _Talk()
    rules = LineRules(age_max=timedelta(milliseconds=50), backoff_min=timedelta(milliseconds=1))
    async with listening() as venue, talking(venue.url, talk, rules):
        await venue.next()
        await venue.next()


async def test_what_a_talk_cannot_do_now_costs_the_socket_and_not_the_feed() -> None:
    talk = _Talk()
    async with listening() as venue, talking(venue.url, talk):
        await (await venue.next()).say("trouble")
        connection = await venue.next()
        await connection.say("data")
        assert await talk.next() == "data"


async def test_a_bug_stops_the_line() -> None:
    talk = _Talk()
    async with listening() as venue:
        task = asyncio.create_task(run_line(venue.url, talk, BRISK, Random(1)))
        await (await venue.next()).say("bug")
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(task, LIMIT_S)


async def test_no_socket_is_opened_before_it_is_wanted() -> None:
    talk = _Talk()
    talk.is_wanted.clear()
    async with listening() as venue, talking(venue.url, talk):
        await asyncio.sleep(0)
        assert venue.connections.empty()
        talk.is_wanted.set()
        await venue.next()


async def test_an_unreachable_venue_is_tried_again() -> None:
    talk = _Talk()
    async with talking("ws://127.0.0.1:1", talk):
        for _ in range(5):
            await asyncio.sleep(0)
    assert talk.greetings == 0


def test_pauses_double_up_to_their_limit_and_are_spread_by_chance() -> None:
    rules = LineRules(backoff_min=timedelta(seconds=1), backoff_max=timedelta(seconds=10))
    rng = Random(7)
    for failures, longest in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (500, 10), (0, 1)):
        pauses = {backoff(failures, rules, rng) for _ in range(50)}
        assert len(pauses) > 1
        assert all(longest / 2 <= pause.total_seconds() <= longest for pause in pauses)
