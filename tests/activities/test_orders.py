"""One order: the same bytes however often it is placed, followed until the chain has spoken."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from temporalio.exceptions import ApplicationError

from activities.orders import FENCED, NOT_NOW, OUTCOME_UNKNOWN
from tests.activities.desk import SIGNAL, Desk, held
from tests.fakes import Answer, FakeLease
from trading.orders import Ruling
from trading.types import (
    OrderHash,
    OrderState,
    OrderType,
    PositionState,
    Reason,
    Settlement,
    SignalId,
    SignalState,
)

SECOND = timedelta(seconds=1)


async def unanswered(desk: Desk) -> OrderHash:
    """Leave an order as a sender that died during the POST would."""
    order_hash = await desk.committed()
    assert await desk.store.begin_sending(order_hash, 1, desk.clock())
    return order_hash


def rest_on_book(desk: Desk) -> None:
    desk.rules = desk.rules.with_entry_order_type(OrderType.GTC)
    desk.venue.answer_with(Answer.LIVE)


# Placing


async def test_a_committed_order_is_posted_once_and_a_repeat_posts_nothing(desk: Desk) -> None:
    order_hash = await desk.committed()
    first = await desk.orders.place_order(order_hash)
    assert first == await desk.orders.place_order(order_hash)
    assert first.state is OrderState.MATCHED
    assert first.is_accepted
    assert desk.venue.posts == [order_hash]


async def test_what_a_dead_sender_left_is_looked_up_before_anything_is_sent(desk: Desk) -> None:
    order_hash = await unanswered(desk)
    intent = await desk.store.load_intent(order_hash)
    assert intent is not None
    await desk.venue.post_order(intent)
    report = await desk.orders.place_order(order_hash)
    assert report.state is OrderState.MATCHED
    assert desk.venue.posts == [order_hash]
    assert (await desk.progress(order_hash)).had_unknown


async def test_what_never_arrived_is_sent_again_with_the_same_bytes(desk: Desk) -> None:
    order_hash = await unanswered(desk)
    report = await desk.orders.place_order(order_hash)
    assert report.state is OrderState.MATCHED
    assert desk.venue.posts == [order_hash]


async def test_no_answer_asks_for_a_retry_that_finds_the_order(desk: Desk) -> None:
    order_hash = await desk.committed()
    desk.venue.answer_with(Answer.LOST_AFTER)
    with pytest.raises(ApplicationError) as error:
        await desk.orders.place_order(order_hash)
    assert error.value.type == OUTCOME_UNKNOWN
    report = await desk.orders.place_order(order_hash)
    assert report.matched == report.size
    assert desk.venue.posts == [order_hash]


async def test_duplicated_is_an_order_at_the_venue_and_no_rejection(desk: Desk) -> None:
    order_hash = await desk.committed()
    desk.venue.answer_with(Answer.LOST_AFTER)
    desk.venue.script.forgets_ended = True
    desk.venue.script.trades_seen_after = 60 * SECOND
    with pytest.raises(ApplicationError):
        await desk.orders.place_order(order_hash)
    assert (await desk.orders.place_order(order_hash)).state is OrderState.UNKNOWN
    assert desk.venue.posts == [order_hash] * 2
    desk.venue.script.trades_seen_after = timedelta(0)
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.state is OrderState.MATCHED


async def test_the_same_bytes_leave_again_after_one_two_and_four_seconds(desk: Desk) -> None:
    order_hash = await desk.committed()
    waits = []
    for _ in range(4):
        desk.venue.answer_with(Answer.LOST_BEFORE)
        with pytest.raises(ApplicationError) as error:
            await desk.orders.place_order(order_hash)
        wait = error.value.next_retry_delay
        assert wait is not None
        waits.append(round(wait / SECOND))
        desk.clock.advance(wait)
    assert waits == [1, 2, 4, 4]


async def test_the_pause_counts_from_the_answer_to_a_copy_however_old_the_order_is(
    desk: Desk,
) -> None:
    order_hash = await desk.committed()
    desk.clock.advance(4 * SECOND)
    waits = []
    for _ in range(2):
        desk.venue.answer_with(Answer.LOST_BEFORE)
        with pytest.raises(ApplicationError) as error:
            await desk.orders.place_order(order_hash)
        waits.append(error.value.next_retry_delay)
        desk.clock.advance(2 * SECOND)  # a copy hangs as long as that
    assert waits == [SECOND, 2 * SECOND]


async def test_not_now_is_tried_again_when_the_venue_says_so(desk: Desk) -> None:
    order_hash = await desk.committed()
    desk.venue.script.retry_after_s = Decimal("1.5")
    desk.venue.answer_with(Answer.NOT_NOW)
    with pytest.raises(ApplicationError) as error:
        await desk.orders.place_order(order_hash)
    assert error.value.type == NOT_NOW
    assert error.value.next_retry_delay == timedelta(seconds=1.5)
    assert (await desk.orders.place_order(order_hash)).state is OrderState.MATCHED


async def test_a_retry_is_not_asked_for_when_its_time_is_over(desk: Desk) -> None:
    order_hash = await desk.committed()
    desk.venue.answer_with(Answer.NOT_NOW)

    async def dawdle() -> None:
        desk.clock.advance(20 * SECOND)

    desk.venue.script.posting = dawdle
    assert (await desk.orders.place_order(order_hash)).state is OrderState.UNKNOWN
    assert (await desk.orders.place_order(order_hash)).state is OrderState.UNKNOWN
    assert desk.venue.posts == [order_hash]


async def test_an_order_that_waited_too_long_expires_unsent(desk: Desk) -> None:
    order_hash = await desk.committed()
    desk.clock.advance(6 * SECOND)
    report = await desk.orders.place_order(order_hash)
    assert report.state is OrderState.EXPIRED
    assert report.is_done
    assert not report.may_retry
    assert desk.venue.posts == []


async def test_a_refusal_ends_the_attempt(desk: Desk) -> None:
    order_hash = await desk.committed()
    desk.venue.answer_with(Answer.REJECT)
    report = await desk.orders.place_order(order_hash)
    assert report.state is OrderState.REJECTED
    assert report.is_done
    assert not report.may_retry


async def test_a_stack_that_lost_the_wallet_sends_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_hash = await desk.committed()
    orders = desk.orders
    monkeypatch.setattr(orders, "_ports", replace(orders._ports, lease=FakeLease(0)))
    with pytest.raises(ApplicationError) as error:
        await orders.place_order(order_hash)
    assert error.value.type == FENCED
    assert error.value.non_retryable
    assert desk.venue.posts == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "Unauthorized/Invalid api key"),
        (403, "Trading restricted in your region"),
        (400, "'0xabc' address in closed only mode"),
        (400, "not enough balance / allowance"),
        (400, "order_version_mismatch"),
    ],
)
async def test_an_answer_about_us_halts_entries(desk: Desk, status: int, words: str) -> None:
    order_hash = await desk.committed()
    desk.venue.script.refusal = (status, words)
    desk.venue.answer_with(Answer.REJECT)
    assert (await desk.orders.place_order(order_hash)).state is OrderState.REJECTED
    (halt,) = await desk.halts()
    assert words in halt
    assert (await desk.ticket("s2")).reason is Reason.ENTRIES_HALTED
    kept = await desk.store.load_decision(SignalId("s2"), "check_risk#1")
    assert kept is not None
    assert words in kept["halt"]


async def test_an_answer_about_us_after_an_unknown_one_halts_but_refuses_nothing(
    desk: Desk,
) -> None:
    order_hash = await desk.committed()
    desk.venue.script.refusal = (401, "Unauthorized/Invalid api key")
    desk.venue.answer_with(Answer.LOST_BEFORE, Answer.REJECT)
    for _ in range(2):
        with pytest.raises(ApplicationError) as error:
            await desk.orders.place_order(order_hash)
        assert error.value.type == OUTCOME_UNKNOWN
    assert (await desk.progress(order_hash)).state is OrderState.UNKNOWN
    assert len(await desk.halts()) == 1


async def test_an_exit_that_is_refused_halts_nothing(desk: Desk) -> None:
    exit_hash = await desk.exit_of(await desk.opened())
    desk.venue.script.refusal = (400, "not enough balance / allowance")
    desk.venue.answer_with(Answer.REJECT)
    assert (await desk.orders.place_order(exit_hash)).state is OrderState.REJECTED
    assert not await desk.halts()


async def test_while_the_venue_works_no_orders_none_is_sent(desk: Desk) -> None:
    first, second = await desk.committed("s1"), await desk.committed("s2")
    orders = desk.orders
    desk.venue.script.retry_after_s = Decimal(3)
    desk.venue.answer_with(Answer.NOT_NOW)
    for order_hash in (first, second):
        with pytest.raises(ApplicationError) as error:
            await orders.place_order(order_hash)
        assert error.value.next_retry_delay == 3 * SECOND
    assert desk.venue.posts == [first]
    desk.clock.advance(3 * SECOND)
    assert (await orders.place_order(first)).state is OrderState.MATCHED
    assert (await orders.place_order(second)).state is OrderState.MATCHED


async def test_an_order_that_outwaits_the_venue_expires_unsent(desk: Desk) -> None:
    first, second = await desk.committed("s1"), await desk.committed("s2")
    orders = desk.orders
    desk.venue.script.retry_after_s = Decimal(60)
    desk.venue.answer_with(Answer.NOT_NOW)
    with pytest.raises(ApplicationError):
        await orders.place_order(first)
    desk.clock.advance(13 * SECOND)
    assert (await orders.place_order(second)).state is OrderState.EXPIRED
    assert (await orders.place_order(first)).state is OrderState.UNKNOWN
    assert desk.venue.posts == [first]


# Waiting for fills


async def test_a_partly_filled_fak_order_leaves_a_rest_worth_a_new_try(desk: Desk) -> None:
    desk.venue.script.matched_share = Decimal("0.5")
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.state is OrderState.CANCELLED
    assert report.may_retry
    assert report.leaves == report.size - report.matched == 50


async def test_eighty_per_cent_are_enough(desk: Desk) -> None:
    desk.venue.script.matched_share = Decimal("0.9")
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.is_accepted
    assert not report.may_retry


async def test_a_resting_order_is_cancelled_after_thirty_seconds(desk: Desk) -> None:
    rest_on_book(desk)
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    started_at = desk.clock()
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.state is OrderState.CANCELLED
    assert 30 * SECOND <= desk.clock() - started_at < 33 * SECOND
    assert desk.venue.cancels == [order_hash]
    assert desk.heartbeats[0] == OrderState.LIVE


async def test_a_resting_order_is_cancelled_when_its_trade_must_end(desk: Desk) -> None:
    rest_on_book(desk)
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    started_at = desk.clock()
    report = await desk.env.run(desk.orders.await_fill, order_hash, started_at + 4 * SECOND)
    assert report.state is OrderState.CANCELLED
    assert 4 * SECOND <= desk.clock() - started_at < 7 * SECOND


async def test_a_fill_that_wins_against_the_cancel_counts(desk: Desk) -> None:
    rest_on_book(desk)
    desk.venue.script.fill_before_cancel = True
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.state is OrderState.MATCHED
    assert report.matched == report.size


async def test_a_part_filled_before_the_cancel_is_kept(desk: Desk) -> None:
    rest_on_book(desk)
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    desk.venue.fill(order_hash, "0.25")
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.state is OrderState.CANCELLED
    assert report.matched == report.size / 4


async def test_a_cancel_is_asked_for_again_while_the_venue_is_away(desk: Desk) -> None:
    rest_on_book(desk)
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    desk.clock.advance(31 * SECOND)
    desk.venue.script.is_away = True

    async def come_back() -> None:
        desk.venue.script.is_away = False

    desk.bell.plans.append(come_back)
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.state is OrderState.CANCELLED


async def test_trades_that_come_late_are_waited_for_but_not_for_long(desk: Desk) -> None:
    desk.venue.script.trades_seen_after = 3600 * SECOND
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    started_at = desk.clock()
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.state is OrderState.MATCHED
    assert report.matched == report.size
    assert not report.is_done
    assert 2 * SECOND <= desk.clock() - started_at < 3 * SECOND


async def test_a_delayed_order_is_followed(desk: Desk) -> None:
    desk.venue.answer_with(Answer.DELAYED)
    order_hash = await desk.committed()
    assert (await desk.orders.place_order(order_hash)).state is OrderState.DELAYED
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.state is OrderState.MATCHED


async def test_an_order_that_nobody_saw_is_void_after_the_quarantine(desk: Desk) -> None:
    order_hash = await desk.committed()
    committed_at = desk.clock()
    desk.venue.answer_with(Answer.LOST_BEFORE)
    with pytest.raises(ApplicationError):
        await desk.orders.place_order(order_hash)
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.state is OrderState.VOID
    assert report.may_retry
    assert 57 * SECOND <= desk.clock() - committed_at < 61 * SECOND


async def test_an_order_that_was_only_turned_away_is_refused(desk: Desk) -> None:
    order_hash = await desk.committed()
    committed_at = desk.clock()
    desk.venue.answer_with(Answer.NOT_NOW)
    with pytest.raises(ApplicationError):
        await desk.orders.place_order(order_hash)
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.state is OrderState.REJECTED
    assert desk.clock() - committed_at < 16 * SECOND


async def test_an_order_that_placing_left_unsent_expires(desk: Desk) -> None:
    order_hash = await desk.committed()
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.state is OrderState.EXPIRED
    assert report.is_done


async def test_an_order_whose_sender_died_is_looked_up_while_waiting(desk: Desk) -> None:
    order_hash = await unanswered(desk)
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.state is OrderState.VOID


async def test_an_order_cannot_expire_once_it_was_sent(desk: Desk) -> None:
    order_hash = await unanswered(desk)
    too_late = Ruling(OrderState.EXPIRED, "too late to be sent")
    progress = await desk.store.fold(order_hash, [too_late], desk.clock())
    assert progress.state is OrderState.SENDING


async def test_a_cancelled_order_that_the_venue_forgets_is_dead_after_a_grace(desk: Desk) -> None:
    rest_on_book(desk)
    desk.venue.script.forgets_ended = True
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    started_at = desk.clock()
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.state is OrderState.CANCELLED
    assert 30 * SECOND <= desk.clock() - started_at < 40 * SECOND


async def test_a_fill_that_wins_unseen_against_the_cancel_frees_nothing_too_early(
    desk: Desk,
) -> None:
    """The cancel is acknowledged, the fill before it is listed late: no share is free meanwhile."""
    rest_on_book(desk)
    desk.venue.script.forgets_ended = True
    desk.venue.script.trades_seen_after = 5 * SECOND
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)

    async def fill_half() -> None:
        if desk.clock() - started_at >= 29 * SECOND and not desk.venue.trades:
            desk.venue.fill(order_hash, "0.5")
        desk.bell.plans.append(fill_half)

    started_at = desk.clock()
    desk.bell.plans.append(fill_half)
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.state is OrderState.CANCELLED
    assert report.matched == report.size / 2


# Settlement


async def test_fills_that_never_settle_are_told_once(desk: Desk) -> None:
    desk.venue.script.settled_after = 600 * SECOND
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    await desk.env.run(desk.orders.await_settlement, order_hash)
    assert list(await desk.events()).count("settlement_overdue") == 1


async def test_settlement_is_waited_for_and_booked(desk: Desk) -> None:
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    early = await desk.env.run(desk.orders.await_fill, order_hash)
    booked = await desk.orders.record_fills(order_hash)
    assert early.confirmed == 0
    provisional = await desk.position(booked.position_id)
    assert provisional.size == booked.matched
    assert provisional.settled_size == 0
    assert await desk.reserved()
    done = await desk.env.run(desk.orders.await_settlement, order_hash)
    await desk.orders.record_fills(order_hash)
    assert done.is_done
    assert (await desk.position(booked.position_id)).settled_size == done.size
    assert not await desk.reserved()


async def test_all_orders_of_a_trade_settle_in_one_step(desk: Desk) -> None:
    first, second = await desk.committed("s1"), await desk.committed("s2")
    for order_hash in (first, second):
        await desk.orders.place_order(order_hash)
    await desk.env.run(desk.orders.settle_orders, [first, second])
    assert (await desk.progress(first)).is_done
    assert (await desk.progress(second)).is_done
    assert not await desk.reserved()


async def test_a_failed_settlement_takes_the_position_back(desk: Desk) -> None:
    desk.venue.script.settlement = Settlement.FAILED
    position = await desk.opened()
    assert position.state is PositionState.CLOSED
    assert position.size == 0
    assert await held(desk) is None
    assert not await desk.reserved()
    ended = await desk.signals.conclude_signal(SIGNAL, await desk.store.orders_of_signal(SIGNAL))
    assert ended.state is SignalState.FAILED_SETTLEMENT


async def test_a_late_fill_is_told_to_the_position_that_holds_it(desk: Desk) -> None:
    """A fill that comes after its position was closed joins the one that is open by then."""
    late = await desk.committed("s1")
    await desk.orders.stop_orders(SIGNAL)
    closed = (await desk.orders.record_fills(late)).position_id
    assert (await desk.position(closed)).state is PositionState.CLOSED
    standing = await desk.opened("s2")
    intent = await desk.store.load_intent(late)
    assert intent is not None
    await desk.venue.post_order(intent)
    await desk.detective.look(intent)
    assert closed != standing.position_id
    assert (await desk.orders.record_fills(late)).position_id == standing.position_id


# Stopping


async def test_stopping_expires_what_was_not_sent(desk: Desk) -> None:
    order_hash = await desk.committed()
    assert await desk.orders.stop_orders(SIGNAL) == [order_hash]
    assert (await desk.progress(order_hash)).state is OrderState.EXPIRED
    assert (await desk.orders.place_order(order_hash)).state is OrderState.EXPIRED
    assert desk.venue.posts == desk.venue.cancels == []


async def test_stopping_cancels_what_rests(desk: Desk) -> None:
    rest_on_book(desk)
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    await desk.orders.stop_orders(SIGNAL)
    assert (await desk.progress(order_hash)).state is OrderState.CANCELLED


async def test_stopping_leaves_alone_what_is_over(desk: Desk) -> None:
    await desk.opened()
    await desk.orders.stop_orders(SIGNAL)
    assert desk.venue.cancels == []


async def test_stopping_does_not_fail_while_the_venue_is_away(desk: Desk) -> None:
    rest_on_book(desk)
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    desk.venue.script.is_away = True
    assert await desk.orders.stop_orders(SIGNAL) == [order_hash]
    assert (await desk.progress(order_hash)).state is OrderState.LIVE
