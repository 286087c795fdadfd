"""Plans of exits, what their orders sold, pages about them, and holds."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from storage.book_tables import offers
from storage.exit_port import ExitPage, ExitPlan, Hold
from storage.exit_tables import exits
from storage.port import PositionRecord, StorageError
from storage.postgres import PostgresStore
from storage.reviews import ReviewKind
from storage.tables import events
from tests.storage.builders import NOW, booked, bought, later, leave, price, shares, trade
from trading.orders import Intent, Ruling, VenueOrder
from trading.types import ExitReason, OrderState, PositionId, PositionState, Settlement, SignalId


def plan_of(position: PositionRecord, epoch: int = 1) -> ExitPlan:
    return ExitPlan(
        position_id=position.position_id,
        exit_epoch=epoch,
        reason=ExitReason.WHALE_EXIT,
        share=Decimal("0.58"),
        target=shares("58"),
        began_at=NOW,
        signal_ids=(SignalId("a"), SignalId("b")),
    )


def page_of(position: PositionRecord, name: str, seconds: int) -> ExitPage:
    return ExitPage(position.position_id, 1, name, "nobody buys", later(seconds))


async def test_the_first_plan_of_an_exit_stands(funded: PostgresStore) -> None:
    position = await bought(funded)
    plan = plan_of(position)
    assert await funded.fix_exit(plan) == plan
    other = replace(plan, share=Decimal(1), target=shares(100), signal_ids=(), began_at=later(9))
    assert await funded.fix_exit(other) == plan
    following = replace(other, exit_epoch=2)
    assert await funded.fix_exit(following) == following
    assert await funded.list_answered(position.position_id, 2) == ["a", "b"]
    assert await funded.list_answered(position.position_id, 1) == []
    with pytest.raises(StorageError):
        await funded.fix_exit(replace(plan, position_id=PositionId("nobody's")))


async def test_an_exit_that_runs_is_let_go_lower_and_never_held_higher(
    funded: PostgresStore,
) -> None:
    position = await bought(funded)
    await funded.lower_exit(position.position_id, price("0.004"))  # none runs
    plan = replace(plan_of(position), lowest=price("0.005"))
    assert await funded.fix_exit(plan) == plan
    for lowest, kept in (("0.004", "0.004"), ("0.006", "0.004"), ("0.003", "0.003")):
        await funded.lower_exit(position.position_id, price(lowest))
        assert await funded.find_lowest(position.position_id, 1) == price(kept)
    assert await funded.find_lowest(position.position_id, 2) is None


async def test_sales_say_what_was_sold_and_what_is_still_to_be_heard(
    funded: PostgresStore,
) -> None:
    position = await bought(funded)
    epoch = await funded.begin_exit(position.position_id, ExitReason.OPERATOR, NOW)
    assert await funded.list_sales(position.position_id, epoch) == []
    first = leave(position.position_id, size="60").intent
    assert isinstance(await funded.commit_exit(leave(position.position_id, size="60"), NOW), Intent)
    [sale] = await funded.list_sales(position.position_id, epoch)
    assert (sale.state, sale.matched, sale.attempt) == (OrderState.PREPARED, shares(0), 1)
    assert (sale.is_unresolved, sale.was_sent, sale.ended_unsent) == (True, False, False)
    assert await funded.begin_sending(first.order.order_hash, 1, NOW)
    killed = VenueOrder(first.order.order_hash, OrderState.CANCELLED, shares("50"))
    gone = trade(first, "gone", size="20", settlement=Settlement.FAILED)
    await booked(funded, first, killed, gone)
    [sale] = await funded.list_sales(position.position_id, epoch)
    assert (sale.matched, sale.is_unresolved, sale.was_sent) == (shares(30), True, True)
    await booked(funded, first, trade(first, "here", size="30"))
    [sale] = await funded.list_sales(position.position_id, epoch)
    assert (sale.order_hash, sale.matched, sale.is_unresolved) == (
        first.order.order_hash,
        shares(30),
        False,
    )
    assert await funded.list_sales(position.position_id, epoch + 1) == []


async def test_a_sale_that_ended_before_it_left_says_so(funded: PostgresStore) -> None:
    position = await bought(funded)
    epoch = await funded.begin_exit(position.position_id, ExitReason.OPERATOR, NOW)
    unsent = leave(position.position_id)
    assert isinstance(await funded.commit_exit(unsent, NOW), Intent)
    refused = Ruling(OrderState.REJECTED, "not sent: the signer refused it")
    await booked(funded, unsent.intent, refused)
    [sale] = await funded.list_sales(position.position_id, epoch)
    assert (sale.was_sent, sale.ended_unsent) == (False, True)


async def test_each_page_goes_out_once_and_the_queue_has_one_entry(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, ExitReason.STOP_LOSS, NOW)
    for name, seconds in (("1 min", 60), ("1 min", 61), ("5 min", 300), ("5 min", 300)):
        await funded.page_exit(page_of(position, name, seconds))
    [stored] = await funded.list_reviews(open_only=True, limit=10)
    assert stored.review.kind is ReviewKind.EXIT_STUCK
    assert stored.review.reason == "exit 1 is not done, 1 min: nobody buys"
    assert await pages(funded) == [
        "exit 1 is not done, 1 min: nobody buys",
        "exit 1 is not done, 5 min: nobody buys",
    ]


async def test_the_end_of_an_exit_ends_its_plan_and_its_review(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, ExitReason.STOP_LOSS, NOW)
    await funded.fix_exit(plan_of(position))
    await funded.page_exit(page_of(position, "1 min", 60))
    after = await funded.end_exit(position.position_id, later(90))
    assert after.state is PositionState.OPEN
    assert await funded.list_reviews(open_only=True, limit=10) == []
    [stored] = await funded.list_reviews(open_only=False, limit=10)
    assert (stored.resolved_by, stored.note) == ("whalecopy", "the exit has ended")
    async with funded.transaction() as connection:
        ended = (await connection.execute(select(exits.c.ended_at))).scalars().all()
    assert ended == [later(90)]
    await funded.end_exit(position.position_id, later(99))
    async with funded.transaction() as connection:
        assert (await connection.execute(select(exits.c.ended_at))).scalars().all() == ended


async def test_a_position_is_held_until_it_is_released(funded: PostgresStore) -> None:
    position = await bought(funded)
    assert await funded.find_hold(position.position_id) is None
    hold = Hold(position.position_id, "ann", "news", NOW)
    await funded.hold_position(hold)
    newer = replace(hold, who="bob", held_at=later(5))
    for _ in range(2):
        await funded.hold_position(newer)
    assert await funded.find_hold(position.position_id) == newer
    for _ in range(2):
        await funded.release_position(position.position_id)
    assert await funded.find_hold(position.position_id) is None


async def pages(store: PostgresStore) -> list[str]:
    query = select(events.c.title).where(events.c.severity == "PAGE").order_by(events.c.event_id)
    async with store.transaction() as connection:
        return list((await connection.execute(query)).scalars())


async def test_the_database_itself_refuses_an_offer_of_more_than_is_held(
    funded: PostgresStore,
) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, ExitReason.STOP_LOSS, NOW)
    whole = leave(position.position_id, size="100")
    assert isinstance(await funded.commit_exit(whole, NOW), Intent)
    planted = update(offers).values(offered_after=offers.c.settled_then + 1)
    with pytest.raises(StorageError, match="ck_offers_held"):
        async with funded.transaction() as connection:
            await connection.execute(planted)
