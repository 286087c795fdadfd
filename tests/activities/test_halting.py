"""The kill switch: no entry leaves, what rests is cancelled, exits and owners go on."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from activities.halting import ASK_AGAIN, Brake, HaltKeeper, HaltPorts
from exchange.port import UnavailableError
from storage.guard_port import HaltNote, Kill, KillSource
from storage.port import StorageUnavailableError
from tests.activities.desk import Desk, held
from tests.fakes import Answer
from tests.storage.builders import NOW
from trading.types import (
    ExitReason,
    ExitRequest,
    OrderHash,
    OrderState,
    OrderType,
    PositionId,
    Side,
)

KILL = Kill(KillSource.COMMAND, "ann", "odd fills", NOW)


@dataclass
class Sign:
    """A file that is there or not."""

    note: HaltNote | None = None
    place: str = "here:/home/HALT"

    def read(self) -> HaltNote | None:
        return self.note


@dataclass
class Kills:
    """Who holds the switch, in memory; the records may be away."""

    held: list[Kill] = field(default_factory=list)
    open_entries: list[OrderHash] = field(default_factory=list)
    is_away: bool = False
    looks: int = 0

    async def pull_switch(self, kill: Kill) -> bool:
        self.answer()
        self.held = [k for k in self.held if (k.source, k.place) != (kill.source, kill.place)]
        self.held.append(kill)
        return True

    async def release_switch(self, kill: Kill) -> bool:
        self.answer()
        self.held = [k for k in self.held if (k.source, k.place) != (kill.source, kill.place)]
        return True

    async def list_kills(self) -> list[Kill]:
        self.answer()
        self.looks += 1
        return list(self.held)

    async def list_open_entries(self) -> list[OrderHash]:
        self.answer()
        return self.open_entries

    def answer(self) -> None:
        if self.is_away:
            raise StorageUnavailableError("away")


@dataclass
class Exits:
    """Owners who are asked to leave; they may be out of reach."""

    asked: list[tuple[PositionId, ExitRequest]] = field(default_factory=list)
    is_reached: bool = True

    async def ask_exit(self, position_id: PositionId, request: ExitRequest) -> bool:
        self.asked.append((position_id, request))
        return self.is_reached


def keeper(desk: Desk, sign: Sign, exits: Exits | None = None) -> HaltKeeper:
    store = desk.store
    ports = HaltPorts(store, store, desk.venue, desk.bell, sign, exits or Exits())
    return HaltKeeper(ports, Brake(store, sign), desk.clock)


# The brake


async def test_an_entry_leaves_only_while_nobody_holds_the_switch_and_an_exit_always() -> None:
    kills = Kills()
    assert not await Brake(kills, Sign()).holds(Side.BUY)
    kills.held.append(KILL)
    brake = Brake(kills, Sign())
    assert await brake.holds(Side.BUY)
    assert not await brake.holds(Side.SELL)


async def test_the_file_holds_entries_with_the_records_away() -> None:
    sign, kills = Sign(), Kills(is_away=True)
    assert await Brake(kills, sign).holds(Side.BUY)  # nobody knows: so nothing leaves
    kills.is_away = False
    brake = Brake(kills, sign)
    assert not await brake.holds(Side.BUY)
    sign.note = HaltNote("by hand")
    assert await brake.holds(Side.BUY)
    assert not await brake.holds(Side.SELL)


async def test_what_was_just_seen_is_not_asked_again_and_what_is_old_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kills = Kills()
    brake = Brake(kills, Sign())
    for _ in range(5):
        assert not await brake.holds(Side.BUY)
    assert kills.looks == 1
    monkeypatch.setattr("activities.halting.FRESH_NS", 0)
    assert await brake.holds(Side.BUY)  # what is seen is old at once: nobody knows
    assert kills.looks == 2


# Sending


async def test_an_order_that_was_never_sent_expires_under_the_switch(desk: Desk) -> None:
    order_hash = await desk.committed()
    desk.brake = Brake(Kills([KILL]), Sign()).holds
    report = await desk.orders.place_order(order_hash)
    assert report.state is OrderState.EXPIRED
    assert desk.venue.posts == []


async def test_the_switch_is_looked_at_again_right_before_the_first_byte(desk: Desk) -> None:
    order_hash = await desk.committed()
    answers = [False, True]

    async def brake(side: Side) -> bool:
        return answers.pop(0)

    desk.brake = brake
    report = await desk.orders.place_order(order_hash)
    assert report.state is OrderState.CANCELLED
    assert report.is_done
    assert desk.venue.posts == []
    await desk.orders.record_fills(order_hash)
    assert not await desk.reserved()


async def test_a_copy_that_may_be_out_stays_unknown_under_the_switch(desk: Desk) -> None:
    order_hash = await desk.committed()
    desk.venue.answer_with(Answer.LOST_BEFORE)
    with pytest.raises(Exception, match="timed out"):
        await desk.orders.place_order(order_hash)
    answers = [False, True]

    async def brake(side: Side) -> bool:
        return answers.pop(0)

    desk.brake = brake
    assert (await desk.orders.place_order(order_hash)).state is OrderState.UNKNOWN
    assert len(desk.venue.posts) == 1


async def test_an_exit_is_sent_under_the_switch(desk: Desk) -> None:
    position = await desk.opened()
    await desk.store.pull_switch(KILL)
    desk.brake = Brake(desk.store, Sign(HaltNote("by hand"))).holds
    order_hash = await desk.exit_of(position)
    assert (await desk.orders.place_order(order_hash)).state is OrderState.MATCHED


# The keeper


async def test_entries_that_rest_are_cancelled_until_none_is_left(desk: Desk) -> None:
    desk.rules = desk.rules.with_entry_order_type(OrderType.GTC)
    desk.venue.answer_with(Answer.LIVE)
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    halts = keeper(desk, Sign())
    assert not await halts.look_once()
    assert desk.venue.cancels == []
    await desk.store.pull_switch(KILL)
    assert await halts.look_once()
    assert desk.venue.cancels == [order_hash]
    await desk.env.run(desk.orders.await_fill, order_hash)
    assert await halts.look_once()
    assert desk.venue.cancels == [order_hash]


async def test_a_file_is_told_to_the_records_and_its_end_too(desk: Desk) -> None:
    sign = Sign(HaltNote("by hand"))
    halts = keeper(desk, sign)
    for _ in range(2):
        assert await halts.look_once()
    (kill,) = await desk.store.list_kills()
    assert (kill.source, kill.place, kill.why) == (KillSource.FILE, sign.place, "by hand")
    sign.note = HaltNote("all of it", closes_all=True)
    await halts.look_once()
    assert (await desk.store.list_kills())[0].closes_all
    sign.note = None
    assert not await halts.look_once()
    assert await desk.store.list_kills() == []
    assert (await desk.events()).count("kill_switch_released") == 1


async def test_somebody_elses_file_is_left_to_them(desk: Desk) -> None:
    other = Kill(KillSource.FILE, "a file", "theirs", NOW, place="there:/home/HALT")
    await desk.store.pull_switch(other)
    assert await keeper(desk, Sign()).look_once()
    assert await desk.store.list_kills() == [other]


async def test_with_the_records_away_the_file_clears_the_venue_of_what_rests(desk: Desk) -> None:
    desk.rules = desk.rules.with_entry_order_type(OrderType.GTC)
    desk.venue.answer_with(Answer.LIVE)
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    kills, sign = Kills(is_away=True), Sign(HaltNote("by hand"))
    ports = HaltPorts(kills, desk.store, desk.venue, desk.bell, sign, Exits())
    halts = HaltKeeper(ports, Brake(kills, sign), desk.clock)
    with pytest.raises(StorageUnavailableError):
        await halts.look_once()
    assert desk.venue.cancels == [order_hash]
    sign.note = None
    with pytest.raises(StorageUnavailableError):
        await halts.look_once()
    assert desk.venue.cancels == [order_hash]


async def test_close_all_asks_every_owner_once_in_a_while(desk: Desk) -> None:
    position, exits = await desk.opened(), Exits(is_reached=False)
    await desk.store.pull_switch(KILL)
    halts = keeper(desk, Sign(), exits)
    await halts.look_once()
    assert exits.asked == []
    await desk.store.pull_switch(replace(KILL, closes_all=True))
    await halts.look_once()
    exits.is_reached = True
    for _ in range(3):
        await halts.look_once()
    request = ExitRequest(ExitReason.OPERATOR, who="ann", why="close all: odd fills")
    assert exits.asked == [(position.position_id, request)] * 2  # out of reach, then reached
    desk.clock.advance(ASK_AGAIN)
    await halts.look_once()
    assert len(exits.asked) == 3
    await desk.exit_of(position)
    desk.clock.advance(ASK_AGAIN)
    await halts.look_once()
    assert len(exits.asked) == 3  # it is being left
    assert await held(desk) is not None


class StopError(Exception):
    """Ends what runs for ever."""


async def test_the_keeper_goes_on_when_venue_or_records_fail(desk: Desk) -> None:
    passes: list[timedelta] = []
    halts = keeper(desk, Sign())
    failures = [UnavailableError("venue"), StorageUnavailableError("records"), None]

    async def look_once() -> bool:
        failure = failures.pop(0)
        if failure is not None:
            raise failure
        return False

    async def wait(channel: str, key: str, timeout: timedelta) -> bool:
        passes.append(timeout)
        if len(passes) == 3:
            raise StopError
        return True

    halts.look_once = look_once  # type: ignore[method-assign]
    desk.bell.wait = wait  # type: ignore[method-assign]
    with pytest.raises(StopError):
        await halts.run()
    assert passes[0] == passes[1] == 2 * passes[2]
