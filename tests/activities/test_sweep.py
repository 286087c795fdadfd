"""What lost its workflow is found, settled and told of; what has one is left alone."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.records import Sweep
from tests.activities.desk import SIGNAL, Desk, held
from tests.activities.owners import Register
from tests.fakes import Answer
from trading.orders import Ruling
from trading.types import OrderHash, OrderState, OrderType, PositionId, SignalId, SignalState

SECOND = timedelta(seconds=1)


async def look(desk: Desk, register: Register) -> Sweep:
    return await desk.env.run(desk.sweeper(register).look_once)


async def until_clean(desk: Desk, register: Register) -> timedelta:
    """Look every two seconds until nothing is loose; return how long it took."""
    began = desk.clock()
    while await desk.store.list_loose_orders(10):
        await look(desk, register)
        desk.clock.advance(desk.rules.sweep.every)
        assert desk.clock() < began + timedelta(minutes=2), await desk.store.list_loose_orders(10)
    await look(desk, register)
    return desk.clock() - began


async def running(desk: Desk, name: str = "s1") -> None:
    await desk.store.release_claim(SignalId(name), "w1")
    desk.clock.advance(desk.rules.sweep.young + SECOND)


async def test_a_quiet_world_is_left_alone_and_not_told_of(desk: Desk) -> None:
    position = await desk.opened()
    await running(desk)
    register = Register({SIGNAL}, {position.position_id})
    before = await desk.events()
    assert (await look(desk, register)).is_clean
    assert await desk.events() == before
    assert await desk.state() is SignalState.RUNNING


async def test_a_lost_trade_is_settled_and_its_signal_ends_within_a_minute(desk: Desk) -> None:
    desk.rules = desk.rules.with_entry_order_type(OrderType.GTC)
    desk.venue.answer_with(Answer.LIVE)
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    await running(desk)
    register = Register()
    assert await until_clean(desk, register) <= 60 * SECOND
    assert await desk.venue.fetch_open_orders() == []
    assert await desk.state() is SignalState.CANCELLED
    assert "sweep_settled" in await desk.events()
    assert not await desk.reserved()


@pytest.mark.parametrize("lost", [Answer.LOST_BEFORE, Answer.LOST_AFTER])
async def test_a_trade_lost_while_its_answer_was_lost_is_settled_within_a_minute(
    desk: Desk, lost: Answer
) -> None:
    order_hash = await desk.committed()
    desk.venue.answer_with(lost)
    with pytest.raises(Exception, match="timed out"):
        await desk.orders.place_order(order_hash)
    await running(desk)
    register = Register()
    assert await until_clean(desk, register) <= 60 * SECOND
    ended = SignalState.CANCELLED if lost is Answer.LOST_BEFORE else SignalState.FILLED
    assert await desk.state() is ended
    assert len(desk.venue.posts) == 1
    position = await held(desk)
    assert (position is not None) == (lost is Answer.LOST_AFTER)


async def test_a_young_signal_is_left_to_the_owner_that_may_be_starting(desk: Desk) -> None:
    await desk.tell()
    await desk.store.release_claim(SIGNAL, "w1")
    assert (await look(desk, Register())).is_clean
    desk.clock.advance(desk.rules.sweep.young + SECOND)
    assert (await look(desk, Register())).signals == 1


async def test_nothing_is_settled_while_nobody_can_say_who_runs(desk: Desk) -> None:
    order_hash = await desk.committed()
    await running(desk)
    with pytest.raises(ConnectionError):
        await look(desk, Register(is_away=True))
    assert (await desk.progress(order_hash)).state is OrderState.PREPARED


async def test_a_position_without_a_workflow_is_owned_again_and_its_exit_ends(
    desk: Desk,
) -> None:
    position = await desk.opened()
    await running(desk)
    await desk.exit_of(position)  # committed and never sent: it would block the next one
    register = Register({SIGNAL})
    found = await look(desk, register)
    assert (found.positions, found.orders) == (1, 1)
    assert register.positions == {position.position_id}
    assert not await desk.reserved()


async def test_owners_of_positions_are_asked_for_now_and_then_and_soon_after_nobody_knew(
    desk: Desk,
) -> None:
    position = await desk.opened()
    await running(desk)
    register = Register({SIGNAL}, {position.position_id})
    sweeper = desk.sweeper(register)
    await desk.env.run(sweeper.look_once)
    register.positions.clear()
    desk.clock.advance(desk.rules.sweep.owners_every - SECOND)
    assert (await desk.env.run(sweeper.look_once)).is_clean
    desk.clock.advance(SECOND)
    register.is_away = True
    with pytest.raises(ConnectionError):
        await desk.env.run(sweeper.look_once)
    register.is_away = False
    assert (await desk.env.run(sweeper.look_once)).positions == 1
    assert register.positions == {position.position_id}


async def test_a_position_that_holds_nothing_yet_needs_no_workflow(desk: Desk) -> None:
    await desk.committed()
    await running(desk)
    assert (await look(desk, Register({SIGNAL}))).positions == 0


async def test_a_late_booking_is_adopted_booked_and_owned(desk: Desk) -> None:
    order_hash = await desk.committed()
    intent = await desk.store.load_intent(order_hash)
    assert intent is not None
    await desk.store.fold(order_hash, [Ruling(OrderState.VOID, "nobody saw it")], desk.clock())
    await desk.store.apply_order(order_hash, desk.clock())
    await desk.store.finish_signal(SIGNAL, SignalState.UNFILLED, None, desk.clock())
    await desk.venue.post_order(intent)
    await desk.detective.look(intent)
    register = Register()
    desk.clock.advance(desk.rules.sweep.young + SECOND)
    await until_clean(desk, register)
    position = await held(desk)
    assert position is not None
    assert position.settled_size == 100
    assert register.positions == {position.position_id}
    assert await desk.state() is SignalState.UNFILLED


async def test_what_an_owner_left_unbooked_is_booked_after_a_while(desk: Desk) -> None:
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    await running(desk)
    register = Register({SIGNAL})
    assert (await look(desk, register)).orders == 0
    desk.clock.advance(desk.rules.sweep.stale)
    await until_clean(desk, register)
    position = await held(desk)
    assert position is not None
    assert position.settled_size == 100


async def test_an_owned_order_that_stays_unknown_is_looked_up_in_time(desk: Desk) -> None:
    """Its owner's step may wait for a worker that died, one after the other."""
    order_hash = await desk.committed()
    desk.venue.answer_with(Answer.LOST_BEFORE)
    with pytest.raises(ApplicationError):
        await desk.orders.place_order(order_hash)
    await running(desk)
    register = Register({SIGNAL})
    desk.clock.advance(desk.rules.sweep.stale)
    await look(desk, register)
    assert (await desk.progress(order_hash)).state is OrderState.UNKNOWN
    desk.clock.advance(desk.rules.sweep.stale)
    await look(desk, register)
    assert (await desk.progress(order_hash)).state is OrderState.VOID


async def test_an_order_that_its_owner_never_learnt_of_expires(desk: Desk) -> None:
    """A worker that had stood still commits it after its workflow has gone on without it."""
    order_hash = await desk.committed()
    await running(desk)
    register = Register({SIGNAL})
    assert (await look(desk, register)).orders == 0
    desk.clock.advance(desk.rules.sweep.stale)
    await until_clean(desk, register)
    assert (await desk.progress(order_hash)).state is OrderState.EXPIRED
    assert not desk.venue.posts


async def test_a_stranded_reservation_is_released(desk: Desk) -> None:
    order_hash = await desk.committed()
    await running(desk)
    await look(desk, Register())
    async with desk.store.transaction() as connection:
        await connection.execute(text("UPDATE reservations SET released_at = NULL"))
        await connection.execute(text("UPDATE limits SET used = used + 52"))
    assert (await look(desk, Register())).stakes == 1
    assert await desk.store.list_stranded(10) == []
    assert (await desk.progress(order_hash)).is_done


async def test_one_that_fails_holds_up_no_other_and_is_told_once(desk: Desk) -> None:
    position = await desk.opened()
    await running(desk)

    class Stubborn(Register):
        async def own_position(self, position_id: PositionId) -> None:
            raise ConnectionError(f"expected {position_id} to be owned")

    await desk.committed("s2")
    register = Stubborn({SIGNAL})
    for _ in range(2):
        found = await look(desk, register)
        assert found.failures == 1
    assert position.position_id not in register.positions
    assert (await desk.events()).count("sweep_failed") == 1
    assert not await desk.reserved()


async def test_more_than_a_batch_takes_its_turn(desk: Desk) -> None:
    sweep = replace(desk.rules.sweep, batch=1, sender_ends_within=timedelta(hours=1))
    desk.rules = replace(desk.rules, sweep=sweep)
    hashes: list[OrderHash] = [await desk.committed(name, "10") for name in ("s1", "s2")]
    assert await desk.store.begin_sending(hashes[0], 1, desk.clock())  # stays where it is
    sweeper = desk.sweeper(Register())
    await desk.env.run(sweeper.look_once)
    await desk.env.run(sweeper.look_once)
    assert (await desk.progress(hashes[1])).state is OrderState.EXPIRED


async def test_a_sweep_goes_on_for_its_time_and_tells_that_it_lives(desk: Desk) -> None:
    sweep = replace(desk.rules.sweep, sweep_for=10 * SECOND, every=2 * SECOND)
    desk.rules = replace(desk.rules, sweep=sweep)
    await desk.committed()
    await running(desk)
    began = desk.clock()
    total = await desk.env.run(desk.sweeper(Register()).sweep)
    assert (total.orders, total.signals) == (1, 1)
    assert desk.clock() - began == 10 * SECOND
    assert len(desk.heartbeats) >= 5
    assert "1 orders, 1 signals" in str(desk.heartbeats[-1])


async def test_a_sweep_ends_when_its_worker_shuts_down(desk: Desk) -> None:
    began, env = desk.clock(), ActivityEnvironment()
    env.on_heartbeat = lambda *_: env.worker_shutdown()
    await env.run(desk.sweeper(Register()).sweep)
    assert desk.clock() - began == desk.rules.sweep.every


@dataclass(slots=True)
class Beside:
    """Something that is looked at beside the sweep, and fails every second time."""

    name: str = "beside"
    every: timedelta = SECOND
    turns: int = 0

    async def turn(self) -> None:
        self.turns += 1
        if self.turns % 2:
            raise ConnectionError("expected an answer, received none")


async def test_parts_take_their_turns_beside_a_sweep_and_their_failures_stop_nobody(
    desk: Desk,
) -> None:
    sweep = replace(desk.rules.sweep, sweep_for=20 * SECOND)
    desk.rules = replace(desk.rules, sweep=sweep)
    beside, register = Beside(), Register()
    await desk.committed()
    await running(desk)
    total = await desk.env.run(desk.sweeper(register, [beside]).sweep)
    assert (total.orders, total.signals) == (1, 1)
    assert beside.turns >= 4
    assert (await desk.events()).count("sweep_failed") == 1


async def test_a_part_that_is_blind_for_long_pages_once(desk: Desk) -> None:
    @dataclass(slots=True)
    class Blind(Beside):
        async def turn(self) -> None:
            raise ConnectionError("expected an answer, received none")

    sweep = replace(desk.rules.sweep, sweep_for=10 * timedelta(minutes=1))
    desk.rules = replace(desk.rules, sweep=sweep)
    await desk.env.run(desk.sweeper(Register(), [Blind(every=10 * SECOND)]).sweep)
    assert (await desk.events()).count("reconcile_blind") == 1


async def test_a_sweep_that_fails_takes_its_parts_with_it(desk: Desk) -> None:
    beside = Beside()
    with pytest.raises(ConnectionError):
        await desk.env.run(desk.sweeper(Register(is_away=True), [beside]).sweep)
