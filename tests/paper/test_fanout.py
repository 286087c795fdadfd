import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from paper.fanout import SUBSCRIPTION_EVENTS, Fanout
from paper.model import BookChanged, VenueEvent
from tests.paper.told_venue import NOW, ToldVenue

TURNS_MAX = 50_000


@dataclass
class Heard:
    events: list[VenueEvent] = field(default_factory=list)
    cuts: int = 0

    def handle(self, event: VenueEvent) -> None:
        self.events.append(event)

    def cut_off(self) -> None:
        self.cuts += 1


def change(number: int) -> BookChanged:
    return BookChanged(str(number), (), (), NOW)


async def until(is_true: Callable[[], bool]) -> None:
    """Let others run until something holds."""
    for _ in range(TURNS_MAX):
        if is_true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to hold")


async def until_heard(heard: Heard, count: int) -> None:
    await until(lambda: len(heard.events) >= count)


async def until_subscribed(venue: ToldVenue) -> None:
    await until(lambda: bool(venue.subscriptions._queues))


@contextlib.asynccontextmanager
async def running(fanout: Fanout) -> AsyncIterator[None]:
    task = asyncio.ensure_future(fanout.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_events_come_in_order() -> None:
    venue, heard = ToldVenue(), Heard()
    fanout = Fanout(venue, heard)
    fanout.start()
    venue.tell(change(1))
    async with running(fanout):
        venue.tell(change(2))
        await until_heard(heard, 2)
    assert heard.events == [change(1), change(2)]


async def test_draining_hands_on_what_is_here_already() -> None:
    venue, heard = ToldVenue(), Heard()
    fanout = Fanout(venue, heard)
    fanout.drain()
    fanout.start()
    venue.tell(change(1))
    fanout.drain()
    assert heard.events == [change(1)]


async def test_after_a_stop_nothing_more_comes() -> None:
    venue, heard = ToldVenue(), Heard()
    fanout = Fanout(venue, heard)
    fanout.start()
    fanout.stop()
    fanout.stop()
    venue.tell(change(1))
    fanout.drain()
    assert heard.events == []


async def test_a_cut_is_told_once_and_followed_by_a_new_start() -> None:
    venue, heard = ToldVenue(), Heard()
    fanout = Fanout(venue, heard)
    fanout.start()
    async with running(fanout):
        await asyncio.sleep(0)
        for number in range(SUBSCRIPTION_EVENTS + 1):
            venue.tell(change(number))
        await until_heard(heard, SUBSCRIPTION_EVENTS)
        await until_subscribed(venue)
        assert heard.cuts == 1
        venue.tell(change(-1))
        await until_heard(heard, SUBSCRIPTION_EVENTS + 1)


async def test_a_cut_found_while_draining_does_not_stop_the_feed() -> None:
    venue, heard = ToldVenue(), Heard()
    fanout = Fanout(venue, heard)
    fanout.start()
    async with running(fanout):
        await asyncio.sleep(0)
        for number in range(SUBSCRIPTION_EVENTS + 1):
            venue.tell(change(number))
        fanout.drain()
        assert heard.cuts == 1
        await until_subscribed(venue)
        venue.tell(change(-1))
        await until_heard(heard, SUBSCRIPTION_EVENTS + 1)
    assert heard.events[-1] == change(-1)
