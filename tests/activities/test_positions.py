"""A position's life after its fills: levels, exits step by step, resolution."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from activities.records import ExitStep
from storage.port import Event, Levels, PositionRecord, StorageUnavailableError
from tests.activities.desk import Desk
from tests.fakes import Answer
from tests.storage.builders import price, shares
from trading.types import (
    ExitReason,
    LevelChange,
    OrderType,
    PositionId,
    PositionState,
)


async def review(desk: Desk, position: PositionRecord) -> ExitReason | None:
    reviewed = await desk.positions.review_position(position.position_id)
    return reviewed.exit_reason


async def begin(desk: Desk, position: PositionRecord, share: str = "1") -> ExitStep:
    return await desk.positions.begin_exit(
        position.position_id, ExitReason.OPERATOR, Decimal(share)
    )


async def sell(desk: Desk, step: ExitStep) -> ExitStep:
    """Carry out one step of an exit and return the next."""
    assert step.attempt is not None, step
    estimate = await desk.pricing.estimate_slippage(step.attempt)
    ticket = await desk.risk.check_risk(step.attempt, estimate)
    assert ticket.order_hash is not None, ticket
    await desk.traded(ticket.order_hash)
    assert step.attempt.position_id is not None
    return await desk.positions.next_exit_step(step.attempt.position_id, step)


# Reviews


async def test_levels_are_set_once_and_then_only_trail(desk: Desk) -> None:
    position = await desk.opened()
    assert await review(desk, position) is None
    after = await desk.position(position.position_id)
    assert (after.stop_loss_price, after.take_profit_price) == (price("0.43"), price("0.67"))
    assert (after.mark_price, after.trailing_stop_price) == (price("0.50"), None)
    desk.clock.advance(timedelta(seconds=1))
    desk.venue.quote("0.60", "0.61")
    assert await review(desk, position) is None
    risen = await desk.position(position.position_id)
    assert (risen.high_water_price, risen.trailing_stop_price) == (price("0.60"), price("0.57"))
    assert risen.stop_loss_price == price("0.43")
    desk.clock.advance(timedelta(seconds=1))
    desk.venue.quote("0.56", "0.57")
    assert await review(desk, position) is ExitReason.TRAILING_STOP


async def test_a_stop_needs_two_reads(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    position = await desk.opened()
    await review(desk, position)
    desk.venue.quote("0.42", "0.44")
    assert await review(desk, position) is ExitReason.STOP_LOSS
    positions = desk.positions

    async def recover(time: timedelta) -> None:
        await desk.clock.pause(time)
        desk.venue.quote("0.50", "0.51")

    monkeypatch.setattr(positions, "_pause", recover)
    assert (await positions.review_position(position.position_id)).exit_reason is None


async def test_nothing_is_due_where_nothing_can_be_sold(desk: Desk) -> None:
    position = await desk.opened()
    await review(desk, position)
    desk.venue.quote("0.42", "0.44")
    assert desk.venue.market is not None
    desk.venue.market = replace(desk.venue.market, is_closed=True)
    assert await review(desk, position) is None
    desk.venue.market = replace(desk.venue.market, is_closed=False, min_size=shares(1000))
    assert await review(desk, position) is None
    desk.venue.quote(None)
    assert await review(desk, position) is None


async def test_a_market_that_the_venue_drops_is_remembered(desk: Desk) -> None:
    position = await desk.opened()
    desk.venue.quotes_dropped = desk.venue.market
    desk.venue.market = None
    reviewed = await desk.positions.review_position(position.position_id)
    assert reviewed.state is PositionState.OPEN


async def test_a_resolved_position_is_not_marked_any_more(desk: Desk) -> None:
    position = await desk.opened()
    desk.venue.resolve("1", "0")
    reviewed = await desk.positions.review_position(position.position_id)
    assert reviewed.is_resolved
    assert not reviewed.is_over
    assert "Will it?" in reviewed.summary


async def test_a_person_moves_and_drops_levels_and_is_remembered(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []

    async def note(key: str, event: Event) -> bool:
        events.append(event)
        return bool(key)

    position = await desk.opened()
    await review(desk, position)
    monkeypatch.setattr(desk.store, "record_event_once", note)
    change = LevelChange("ann", "news", price("0.40"), price("0"), None)
    await desk.positions.set_levels(position.position_id, change)
    after = await desk.position(position.position_id)
    assert (after.stop_loss_price, after.take_profit_price) == (price("0.40"), None)
    assert events[0].title == "ann set exit levels: news"
    assert await review(desk, position) is None
    assert (await desk.position(position.position_id)).take_profit_price is None


async def test_a_trailing_stop_that_a_person_dropped_stays_dropped(desk: Desk) -> None:
    position = await desk.opened()
    drop = LevelChange("ann", "let it run", trailing_stop_price=price("0"))
    await desk.positions.set_levels(position.position_id, drop)
    placed = await desk.position(position.position_id)
    assert (placed.stop_loss_price, placed.take_profit_price) == (price("0.43"), price("0.67"))
    desk.venue.quote("0.60", "0.61")
    await review(desk, position)
    after = await desk.position(position.position_id)
    assert (after.high_water_price, after.trailing_stop_price) == (price("0.60"), None)


async def test_a_person_whose_position_is_trailed_meanwhile_is_heard_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = await desk.opened()
    swap, losses = desk.store.swap_levels, [False, False]

    async def lose(position_id: PositionId, before: Levels, after: Levels) -> bool:
        return losses.pop() if losses else await swap(position_id, before, after)

    monkeypatch.setattr(desk.store, "swap_levels", lose)
    change = LevelChange("ann", "news", price("0.40"))
    await desk.positions.set_levels(position.position_id, change)
    assert (await desk.position(position.position_id)).stop_loss_price == price("0.40")
    losses.extend([False] * 99)
    other = LevelChange("ann", "news", price("0.41"))
    with pytest.raises(StorageUnavailableError, match="stood still"):
        await desk.positions.set_levels(position.position_id, other)


# Exits


async def test_an_exit_sells_everything_and_closes(desk: Desk) -> None:
    position = await desk.opened()
    step = await sell(desk, await begin(desk, position))
    assert step.is_finished
    assert len(step.order_hashes) == 1
    assert await desk.positions.end_exit(position.position_id) is PositionState.CLOSED
    assert (await desk.position(position.position_id)).realised_pnl < 0


async def test_an_exit_that_is_tried_again_goes_on_with_new_orders(desk: Desk) -> None:
    """The workflow may have used several numbers; a number is never used twice."""
    position = await desk.opened()
    step = await begin(desk, position)
    assert step.attempt is not None
    desk.venue.answer_with(Answer.KILL, Answer.KILL)
    after = await sell(desk, step)
    assert after.attempt is not None
    after = await sell(desk, replace(after, attempt=after.attempt))
    assert after.attempt is not None
    stale = await desk.positions.next_exit_step(position.position_id, step)
    assert stale.attempt is not None
    assert stale.attempt.number == after.attempt.number == 3
    assert len(stale.order_hashes) == 2


async def test_an_exit_goes_on_with_the_order_that_was_committed_and_then_forgotten(
    desk: Desk,
) -> None:
    """A worker may die after the intent's commit and before the workflow has heard of it."""
    position = await desk.opened()
    step = await begin(desk, position)
    assert step.attempt is not None
    estimate = await desk.pricing.estimate_slippage(step.attempt)
    ticket = await desk.risk.check_risk(step.attempt, estimate)
    for forgotten in (
        await begin(desk, position),
        await desk.positions.next_exit_step(position.position_id, step),
    ):
        assert forgotten.attempt == step.attempt
        assert await desk.risk.check_risk(forgotten.attempt, estimate) == ticket
    desk.venue.resolve("1", "0", paid=False)
    step = await desk.positions.next_exit_step(position.position_id, step)
    assert step.attempt is not None, "it is followed to its end, whatever became of the market"
    assert (await sell(desk, step)).is_finished


async def test_an_exit_sells_its_share_once_even_when_it_is_begun_again(desk: Desk) -> None:
    position = await desk.opened()
    desk.venue.script.matched_share = Decimal("0.5")
    first = await begin(desk, position, "0.5")
    assert first.target == 50
    step = await sell(desk, first)
    assert not step.is_finished
    again = await begin(desk, position, "0.5")
    assert again.exit_epoch == first.exit_epoch
    assert again.target == first.target
    assert again.attempt is not None
    assert again.attempt.size == 25
    desk.venue.script.matched_share = Decimal(1)
    assert (await sell(desk, again)).is_finished
    assert await desk.positions.end_exit(position.position_id) is PositionState.OPEN
    left = await desk.position(position.position_id)
    assert left.size == 50


async def test_an_exit_waits_for_the_entry_to_settle(desk: Desk) -> None:
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    await desk.env.run(desk.orders.await_fill, order_hash)
    position_id = (await desk.orders.record_fills(order_hash)).position_id
    step = await begin(desk, await desk.position(position_id))
    assert (step.is_finished, step.attempt) == (False, None)
    await desk.env.run(desk.orders.await_settlement, order_hash)
    await desk.orders.record_fills(order_hash)
    assert (await desk.positions.next_exit_step(position_id, step)).attempt is not None


async def test_what_is_below_the_smallest_order_stays_until_the_resolution(desk: Desk) -> None:
    position = await desk.opened()
    desk.venue.script.matched_share = Decimal("0.995")
    step = await sell(desk, await begin(desk, position))
    assert step.is_finished
    assert await desk.positions.end_exit(position.position_id) is PositionState.OPEN
    desk.venue.quote("0.30", "0.32")
    assert await review(desk, position) is None


async def test_nothing_is_sold_of_a_position_that_cannot_be_left(desk: Desk) -> None:
    desk.rules = desk.rules.with_entry_order_type(OrderType.GTC)
    desk.venue.answer_with(Answer.LIVE)
    order_hash = await desk.committed()
    intent = await desk.store.load_intent(order_hash)
    assert intent is not None
    step = await desk.positions.begin_exit(intent.position_id, ExitReason.WHALE_EXIT, Decimal(1))
    assert (step.exit_epoch, step.is_finished, step.attempt) == (0, True, None)
    assert await desk.positions.end_exit(intent.position_id) is PositionState.OPENING


async def test_an_exit_ends_when_the_market_does(desk: Desk) -> None:
    position = await desk.opened()
    desk.venue.resolve("0", "1")
    step = await begin(desk, position)  # from the records: what goes waits for no answer
    step = await desk.positions.next_exit_step(position.position_id, step)
    assert (step.is_finished, step.attempt) == (True, None)


# Resolution


async def test_a_resolved_position_is_paid_out_once(desk: Desk) -> None:
    position = await desk.opened()
    desk.venue.resolve("1", "0", paid=False)
    paying: list[PositionState] = []

    async def pay(time: timedelta) -> None:
        paying.append((await desk.position(position.position_id)).state)
        desk.venue.paid_out = len(paying) > 1

    positions = desk.positions
    positions._pause = pay
    state = await desk.env.run(positions.await_redemption, position.position_id)
    assert state is PositionState.REDEEMED
    assert paying == [PositionState.RESOLVED] * 2
    assert await desk.env.run(positions.await_redemption, position.position_id) is state
    after = await desk.position(position.position_id)
    assert after.realised_pnl == position.size * Decimal("0.49")


async def test_a_payout_waits_for_the_chain_the_venue_and_the_resolution(desk: Desk) -> None:
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    await desk.env.run(desk.orders.await_fill, order_hash)
    position_id = (await desk.orders.record_fills(order_hash)).position_id
    positions, turns = desk.positions, 0

    async def turn(time: timedelta) -> None:
        nonlocal turns
        turns += 1
        match turns:
            case 1:
                await desk.env.run(desk.orders.await_settlement, order_hash)
                await desk.orders.record_fills(order_hash)
            case 2:
                desk.venue.resolve("0.5", "0.5")
                desk.venue.script.hides_shares = True
            case _:
                desk.venue.script.hides_shares = False

    positions._pause = turn
    assert await desk.env.run(positions.await_redemption, position_id) is PositionState.REDEEMED
    assert turns == 3


async def test_a_payout_with_an_order_still_open_is_not_asked_for_in_a_rush(desk: Desk) -> None:
    """An order in quarantine keeps the position from being over: that takes waits, not turns."""
    position = await desk.opened("s1")
    waiting = await desk.committed("s2")
    await desk.store.begin_sending(waiting, 1, desk.clock())
    desk.venue.resolve("1", "0")
    waits: list[timedelta] = []

    async def pause(time: timedelta) -> None:
        waits.append(time)
        if len(waits) == 3:
            await desk.env.run(desk.orders.await_fill, waiting)
            await desk.orders.record_fills(waiting)

    positions = desk.positions
    positions._pause = pause
    state = await desk.env.run(positions.await_redemption, position.position_id)
    assert state is PositionState.REDEEMED
    assert waits == [timedelta(seconds=1)] * 3
