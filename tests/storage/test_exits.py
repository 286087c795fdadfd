import asyncio
from decimal import Decimal

import pytest
from sqlalchemy import select

from storage.book_tables import ledger
from storage.port import StorageError
from storage.postgres import PostgresStore
from tests.storage.builders import (
    CAPS,
    NOW,
    booked,
    bought,
    entry,
    later,
    leave,
    price,
    reserved,
    shares,
    sold,
    trade,
)
from trading.orders import Intent, Ruling, VenueOrder
from trading.types import (
    ExitReason,
    OrderState,
    PositionId,
    PositionState,
    Reason,
    Refusal,
    Settlement,
)

STOP = ExitReason.STOP_LOSS
EXPIRED = Ruling(OrderState.EXPIRED, "never sent")


async def redemptions(store: PostgresStore) -> list[Decimal]:
    statement = select(ledger.c.cash).where(ledger.c.kind == "REDEMPTION")
    async with store.transaction() as connection:
        return list((await connection.execute(statement.order_by(ledger.c.entry_id))).scalars())


async def test_one_exit_runs_at_a_time(funded: PostgresStore) -> None:
    position = await bought(funded)
    epochs = await asyncio.gather(
        *(funded.begin_exit(position.position_id, reason, NOW) for reason in ExitReason)
    )
    assert set(epochs) == {1}
    running = await funded.load_position(position.position_id)
    assert running is not None
    assert (running.state, running.exit_epoch) == (PositionState.EXITING, 1)


async def test_nothing_is_left_that_is_not_held(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    assert await funded.begin_exit(intent.position_id, STOP, NOW) == 0
    with pytest.raises(StorageError, match="found none"):
        await funded.begin_exit(PositionId("nobody's"), STOP, NOW)
    with pytest.raises(StorageError, match="found none"):
        await funded.end_exit(PositionId("nobody's"), NOW)


async def test_exits_never_offer_more_than_is_held_and_not_offered(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, STOP, NOW)
    outcomes = await asyncio.gather(
        *(
            funded.commit_exit(leave(position.position_id, attempt=n, size="40"), NOW)
            for n in range(1, 6)
        )
    )
    refusals = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert len(refusals) == 3
    assert {refusal.reason for refusal in refusals} == {Reason.NO_POSITION_TO_REDUCE}
    assert Decimal(refusals[0].numbers["settled"]) == 100


async def test_the_rest_of_an_exit_that_died_can_be_offered_before_its_fills_settle(
    funded: PostgresStore,
) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, STOP, NOW)
    first = leave(position.position_id, size="100").intent
    assert isinstance(await funded.commit_exit(leave(position.position_id), NOW), Intent)
    assert await funded.begin_sending(first.order.order_hash, 1, NOW)
    partly = trade(first, size="40", settlement=Settlement.MATCHED)
    killed = VenueOrder(first.order.order_hash, OrderState.CANCELLED, shares("40"))
    await booked(funded, first, partly, killed)
    too_much = await funded.commit_exit(leave(position.position_id, attempt=2, size="61"), NOW)
    assert isinstance(too_much, Refusal)
    rest = await funded.commit_exit(leave(position.position_id, attempt=2, size="60"), NOW)
    assert isinstance(rest, Intent)


async def test_fills_of_an_exit_that_failed_can_be_offered_again(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, STOP, NOW)
    first = leave(position.position_id).intent
    await funded.commit_exit(leave(position.position_id), NOW)
    assert await funded.begin_sending(first.order.order_hash, 1, NOW)
    gone = trade(first, size="40", settlement=Settlement.FAILED)
    here = trade(first, "t2", size="30", settlement=Settlement.MATCHED)
    killed = VenueOrder(first.order.order_hash, OrderState.CANCELLED, shares("70"))
    await booked(funded, first, gone, here, killed)
    too_much = await funded.commit_exit(leave(position.position_id, attempt=2, size="71"), NOW)
    assert isinstance(too_much, Refusal)
    rest = await funded.commit_exit(leave(position.position_id, attempt=2, size="70"), NOW)
    assert isinstance(rest, Intent)


async def test_a_sale_that_is_confirmed_but_not_booked_yet_is_not_sold_again(
    funded: PostgresStore,
) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, STOP, NOW)
    first = leave(position.position_id).intent
    await funded.commit_exit(leave(position.position_id), NOW)
    assert await funded.begin_sending(first.order.order_hash, 1, NOW)
    await booked(funded, first, trade(first, settlement=Settlement.MATCHED))
    await funded.fold(first.order.order_hash, [trade(first)], NOW)
    again = await funded.commit_exit(leave(position.position_id, attempt=2), NOW)
    assert isinstance(again, Refusal)


async def test_a_sale_that_is_not_booked_yet_stays_offered_when_another_one_is_booked(
    funded: PostgresStore,
) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, STOP, NOW)
    first, second = (leave(position.position_id, attempt=n, size="50").intent for n in (1, 2))
    for n, sale in ((1, first), (2, second)):
        await funded.commit_exit(leave(position.position_id, attempt=n, size="50"), NOW)
        assert await funded.begin_sending(sale.order.order_hash, 1, NOW)
    whole = VenueOrder(second.order.order_hash, OrderState.CANCELLED, shares("40"))
    part = trade(second, "t2", size="40")
    await funded.fold(second.order.order_hash, [whole, part], NOW)  # and nobody books it yet
    killed = VenueOrder(first.order.order_hash, OrderState.CANCELLED, shares("20"))
    await booked(funded, first, trade(first, size="20"), killed)
    too_much = await funded.commit_exit(leave(position.position_id, attempt=3, size="41"), NOW)
    assert isinstance(too_much, Refusal)
    assert too_much.numbers["offered"] == "40.000000"
    rest = await funded.commit_exit(leave(position.position_id, attempt=3, size="40"), NOW)
    assert isinstance(rest, Intent)


async def test_only_confirmed_shares_can_be_offered(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    await funded.begin_sending(intent.order.order_hash, 1, NOW)
    first = trade(intent, "t1", size="60")
    second = trade(intent, "t2", size="40", settlement=Settlement.MATCHED)
    position = await booked(funded, intent, first, second)
    await funded.begin_exit(position.position_id, STOP, NOW)
    assert isinstance(await funded.commit_exit(leave(position.position_id), NOW), Refusal)
    fits = leave(position.position_id, size="60")
    assert isinstance(await funded.commit_exit(fits, NOW), Intent)


async def test_an_exit_is_committed_once_per_attempt(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, STOP, NOW)
    first = await funded.commit_exit(leave(position.position_id), NOW)
    assert await funded.commit_exit(leave(position.position_id, at="0.40"), later(9)) == first


async def test_an_exit_of_another_epoch_is_refused(funded: PostgresStore) -> None:
    position = await bought(funded)
    assert isinstance(await funded.commit_exit(leave(position.position_id), NOW), Refusal)
    await funded.begin_exit(position.position_id, STOP, NOW)
    stale = leave(position.position_id, epoch=2)
    assert isinstance(await funded.commit_exit(stale, NOW), Refusal)


async def test_what_an_exit_did_not_sell_can_be_offered_again(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, STOP, NOW)
    first = await funded.commit_exit(leave(position.position_id), NOW)
    assert isinstance(first, Intent)
    await funded.begin_sending(first.order.order_hash, 1, NOW)
    killed = Ruling(OrderState.CANCELLED, "killed")
    part = trade(first, "t2", size="70")
    await booked(funded, first, part, killed)
    for size, fits in (("30.01", False), ("30", True)):
        again = leave(position.position_id, attempt=2, size=size)
        assert isinstance(await funded.commit_exit(again, NOW), Intent) is fits


async def test_a_sale_that_the_chain_refused_is_held_again(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, STOP, NOW)
    sale = await funded.commit_exit(leave(position.position_id), NOW)
    assert isinstance(sale, Intent)
    await funded.begin_sending(sale.order.order_hash, 1, NOW)
    gone = await booked(funded, sale, trade(sale, "t2", settlement=Settlement.MATCHED))
    assert gone.size == 0
    assert gone.settled_size == 100
    assert gone.exposure == 50
    back = await booked(funded, sale, trade(sale, "t2", settlement=Settlement.FAILED))
    assert back.size == 100
    assert back.settled_size == 100
    assert back.state is PositionState.EXITING
    again = leave(position.position_id, attempt=2)
    assert isinstance(await funded.commit_exit(again, NOW), Intent)
    assert await funded.audit_limits() == []


async def test_an_exit_ends_closed_when_only_dust_is_left(funded: PostgresStore) -> None:
    closed = await sold(funded, await bought(funded), size="99.99")
    assert (closed.state, closed.settled_size) == (PositionState.CLOSED, Decimal("0.01"))
    assert closed.exposure == 0
    assert await funded.audit_limits() == []


async def test_an_exit_ends_open_when_more_is_left(funded: PostgresStore) -> None:
    standing = await sold(funded, await bought(funded), size="99.98")
    assert (standing.state, standing.exposure) == (PositionState.OPEN, Decimal("0.01"))
    assert await funded.begin_exit(standing.position_id, STOP, NOW) == 2


async def test_an_exit_with_a_pending_sale_ends_open_and_closes_with_it(
    funded: PostgresStore,
) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, STOP, NOW)
    sale = await funded.commit_exit(leave(position.position_id), NOW)
    assert isinstance(sale, Intent)
    await funded.begin_sending(sale.order.order_hash, 1, NOW)
    await booked(funded, sale, trade(sale, "t2", settlement=Settlement.MATCHED))
    assert (await funded.end_exit(position.position_id, NOW)).state is PositionState.OPEN
    closed = await booked(funded, sale, trade(sale, "t2"))
    assert closed.state is PositionState.CLOSED
    assert closed.realised_pnl == 10


async def test_an_exit_is_not_ended_by_word_of_another(funded: PostgresStore) -> None:
    position = await bought(funded)
    assert await funded.begin_exit(position.position_id, STOP, NOW) == 1
    for epoch in (0, 2):  # one that never began, as a worker that stood still may tell, and a later
        ended = await funded.end_exit(position.position_id, NOW, epoch)
        assert ended.state is PositionState.EXITING
    assert (await funded.end_exit(position.position_id, NOW, 1)).state is PositionState.OPEN


async def test_ending_an_exit_twice_is_ending_it_once(funded: PostgresStore) -> None:
    closed = await sold(funded, await bought(funded))
    assert await funded.end_exit(closed.position_id, later(60)) == closed


@pytest.mark.parametrize(("payout", "pnl"), [("1", "49"), ("0.5", "-1"), ("0", "-51")])
async def test_a_resolution_is_paid_once_when_it_is_redeemed(
    funded: PostgresStore, payout: str, pnl: str
) -> None:
    position = await bought(funded, fee="1")
    for _ in range(2):
        known = await funded.settle_resolution(
            position.position_id, price(payout), redeemed=False, now=NOW
        )
        assert known.state is PositionState.RESOLVED
        assert known.exposure == 50
        assert known.mark_price == Decimal(payout)
    assert await redemptions(funded) == []
    assert (await funded.load_portfolio(NOW)).bid_value == 100 * Decimal(payout)
    for redeemed in (True, True, False):
        over = await funded.settle_resolution(
            position.position_id, price(payout), redeemed=redeemed, now=later(9)
        )
        assert over.state is PositionState.REDEEMED
        assert over.size == 0
        assert over.exposure == 0
        assert over.realised_pnl == Decimal(pnl)
    assert await redemptions(funded) == [100 * Decimal(payout)]
    assert (await funded.load_portfolio(NOW)).cash == 10_000 + Decimal(pnl)
    assert await funded.audit_limits() == []


async def test_a_resolution_waits_for_fills_that_are_not_settled(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    await funded.begin_sending(intent.order.order_hash, 1, NOW)
    first = trade(intent, "t1", size="60")
    pending = trade(intent, "t2", size="40", settlement=Settlement.MATCHED)
    position = await booked(funded, intent, first, pending)
    part = await funded.settle_resolution(
        position.position_id, price(1), redeemed=True, now=later(60)
    )
    assert part.state is PositionState.RESOLVED
    assert part.settled_size == 0
    assert part.size == 40
    await booked(funded, intent, trade(intent, "t2", size="40"))
    over = await funded.settle_resolution(
        position.position_id, price(1), redeemed=True, now=later(70)
    )
    assert over.state is PositionState.REDEEMED
    assert over.realised_pnl == 50
    assert await redemptions(funded) == [60, 40]
    assert await funded.audit_limits() == []


async def test_a_resolution_ends_a_running_exit(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, STOP, NOW)
    sale = await funded.commit_exit(leave(position.position_id), NOW)
    assert isinstance(sale, Intent)
    waiting = await funded.settle_resolution(
        position.position_id, price(0), redeemed=False, now=NOW
    )
    assert waiting.state is PositionState.RESOLVED
    await booked(funded, sale, EXPIRED)
    over = await funded.settle_resolution(position.position_id, price(0), redeemed=True, now=NOW)
    assert over.state is PositionState.REDEEMED
    assert over.realised_pnl == -50


async def test_a_resolved_position_takes_no_entry(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.settle_resolution(position.position_id, price(1), redeemed=False, now=NOW)
    refusal = await funded.reserve_entry(entry("s2#1"), CAPS, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.POSITION_CLOSING
    assert await funded.begin_exit(position.position_id, STOP, NOW) == 0


async def test_dust_of_a_closed_position_is_redeemed_too(funded: PostgresStore) -> None:
    closed = await sold(funded, await bought(funded), size="99.99")
    assert [each.position_id for each in await funded.list_dust()] == [closed.position_id]
    over = await funded.settle_resolution(closed.position_id, price(1), redeemed=True, now=NOW)
    assert over.state is PositionState.CLOSED
    assert over.settled_size == 0
    assert await redemptions(funded) == [Decimal("0.01")]
    assert await funded.list_dust() == []
    again = await funded.settle_resolution(closed.position_id, price(1), redeemed=True, now=NOW)
    assert again == over
    assert await redemptions(funded) == [Decimal("0.01")]


async def test_an_entry_is_refused_while_an_exit_runs(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, STOP, NOW)
    refusal = await funded.reserve_entry(entry("s2#1"), CAPS, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.POSITION_CLOSING
