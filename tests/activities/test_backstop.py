"""While nobody watches, all positions are marked in one turn and every due exit is asked for."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from activities.backstop import Backstop, BackstopPorts, BackstopRules
from tests.activities.accounts import FakeAccount
from tests.activities.desk import Desk
from tests.storage.builders import YES, price
from trading.types import ExitReason, ExitRequest, PositionId

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Asked:
    """Owners that note what they are asked for; `watched_at` says when somebody last watched."""

    watched_at: datetime | None = None
    asked: list[tuple[PositionId, ExitRequest]] = field(default_factory=list)
    is_reached: bool = True

    async def ask_exit(self, position_id: PositionId, request: ExitRequest) -> bool:
        self.asked.append((position_id, request))
        return self.is_reached

    async def last_watched(self) -> datetime | None:
        return self.watched_at

    @property
    def reasons(self) -> list[ExitReason]:
        return [request.reason for _, request in self.asked]


def backstop(desk: Desk, asked: Asked, account: FakeAccount | None = None) -> Backstop:
    ports = BackstopPorts(asked, account or FakeAccount(desk.venue), desk.store, asked, desk.store)
    return Backstop(ports, BackstopRules(desk.rules.reconcile, desk.rules.exits), desk.clock)


async def take_turns(desk: Desk, watcher: Backstop, time: timedelta) -> None:
    until = desk.clock() + time
    while desk.clock() <= until:
        await watcher.turn()
        desk.clock.advance(watcher.every)


async def test_while_somebody_watches_it_reads_nothing(desk: Desk) -> None:
    await desk.opened()
    asked, account = Asked(desk.clock()), FakeAccount(desk.venue)
    desk.venue.quote("0.20", "0.21")
    await take_turns(desk, backstop(desk, asked, account), 10 * SECOND)
    assert (asked.asked, account.books_asked) == ([], [])
    assert "prices_unwatched" not in await desk.events()


async def test_a_crossed_stop_is_asked_for_within_a_minute_of_its_price(desk: Desk) -> None:
    position = await desk.opened()
    asked = Asked(desk.clock())
    watcher = backstop(desk, asked)
    desk.clock.advance(SECOND)
    await watcher.turn()
    desk.venue.quote("0.20", "0.21")  # and the watchers are dead
    crossed_at = desk.clock()
    while not asked.asked:
        assert desk.clock() <= crossed_at + MINUTE
        await watcher.turn()
        desk.clock.advance(watcher.every)
    assert desk.clock() - crossed_at <= 30 * SECOND
    assert asked.reasons == [ExitReason.STOP_LOSS]
    assert asked.asked[0][0] == position.position_id
    assert asked.asked[0][1].who == "backstop"
    marked = await desk.position(position.position_id)
    assert marked.mark_price == price("0.20")
    assert marked.stop_loss_price is not None
    assert (await desk.events()).count("prices_unwatched") == 1


async def test_one_read_of_a_crossed_stop_asks_for_nothing(desk: Desk) -> None:
    await desk.opened()
    asked = Asked(desk.clock() - MINUTE)
    watcher = backstop(desk, asked)
    desk.venue.quote("0.20", "0.21")
    await watcher.turn()
    desk.venue.quote("0.50", "0.51")
    desk.clock.advance(watcher.every)
    await watcher.turn()
    desk.venue.quote("0.20", "0.21")
    desk.clock.advance(watcher.every)
    await watcher.turn()
    assert asked.asked == []


async def test_phantom_books_ask_for_nothing_and_trail_nothing(desk: Desk) -> None:
    position = await desk.opened()
    asked = Asked(desk.clock() - MINUTE)
    watcher = backstop(desk, asked)
    await watcher.turn()
    for bid, ask, size in (("0.90", "0.30", "50000"), ("0.90", "0.91", "1"), (None, "0.91", "9")):
        desk.venue.quote(bid, ask, size)
        await take_turns(desk, watcher, 6 * SECOND)
    assert asked.asked == []
    assert (await desk.position(position.position_id)).high_water_price == price("0.51")


async def test_a_rise_that_lasts_trails_the_stop_and_its_fall_is_an_exit(desk: Desk) -> None:
    position = await desk.opened()
    asked = Asked(desk.clock() - MINUTE)
    watcher = backstop(desk, asked)
    desk.venue.quote("0.62", "0.63")
    await take_turns(desk, watcher, 6 * SECOND)
    assert (await desk.position(position.position_id)).trailing_stop_price == price("0.58")
    desk.venue.quote("0.57", "0.58")
    await take_turns(desk, watcher, 4 * SECOND)
    assert asked.reasons[:1] == [ExitReason.TRAILING_STOP]


async def test_it_stops_when_watchers_live_again(desk: Desk) -> None:
    await desk.opened()
    asked, account = Asked(desk.clock() - MINUTE), FakeAccount(desk.venue)
    watcher = backstop(desk, asked, account)
    await watcher.turn()
    asked.watched_at = desk.clock()
    desk.venue.quote("0.20", "0.21")
    await take_turns(desk, watcher, 8 * SECOND)
    assert account.books_asked == [1]
    assert (await desk.events())[-1] == "prices_watched"


async def test_books_come_by_the_batch_and_what_cannot_be_read_waits(desk: Desk) -> None:
    position = await desk.opened()
    account = FakeAccount(desk.venue, is_away=True)
    asked = Asked(desk.clock() - MINUTE)
    watcher = backstop(desk, asked, account)
    desk.venue.quote("0.20", "0.21")
    await take_turns(desk, watcher, 4 * SECOND)
    assert asked.asked == []
    account.is_away = False
    asked.is_reached = False
    await take_turns(desk, watcher, 8 * SECOND)
    assert len(asked.asked) >= 2, "an owner that was not reached is asked again"
    assert account.books_asked[0] == 1
    assert position.token_id == YES


async def test_what_nobody_ever_watched_is_watched_after_a_while(desk: Desk) -> None:
    await desk.opened()
    asked, account = Asked(), FakeAccount(desk.venue)
    watcher = backstop(desk, asked, account)
    await watcher.turn()
    assert account.books_asked == []
    desk.clock.advance(16 * SECOND)
    await watcher.turn()
    assert account.books_asked == [1]


async def test_what_is_not_open_is_left_to_its_owner(desk: Desk) -> None:
    position = await desk.opened()
    await desk.exit_of(position)
    account = FakeAccount(desk.venue)
    await backstop(desk, Asked(desk.clock() - MINUTE), account).turn()
    assert account.books_asked == []
    assert "prices_unwatched" not in await desk.events()
