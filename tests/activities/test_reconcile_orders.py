"""Orders on one side's book only are asked about and halt; foreign ones halt everything."""

from datetime import timedelta

from tests.activities.accounts import reconciler
from tests.activities.desk import Desk
from tests.fakes import Answer
from tests.storage.builders import order_hash
from trading.orders import Ruling, VenueOrder
from trading.types import OrderHash, OrderState, OrderType, SignalId, SignalState

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


async def resting(desk: Desk) -> OrderHash:
    desk.rules = desk.rules.with_entry_order_type(OrderType.GTC)
    desk.venue.answer_with(Answer.LIVE)
    order = await desk.committed()
    await desk.orders.place_order(order)
    desk.clock.advance(MINUTE)
    return order


async def test_an_order_that_rests_on_both_sides_is_left_alone(desk: Desk) -> None:
    await resting(desk)
    parts = reconciler(desk)
    await parts.take_turns(parts.orders, 70 * SECOND)
    assert await desk.store.load_suspicions() == {}
    assert await desk.halts() == []


async def test_an_order_that_the_venue_has_lost_halts_its_token_and_ends_as_resolved(
    desk: Desk,
) -> None:
    order = await resting(desk)
    parts = reconciler(desk)
    parts.account.hidden_orders = {order}
    await parts.take_turns(parts.orders, 75 * SECOND)
    (halt,) = await desk.halts()
    assert order in halt
    cancelled = VenueOrder(order, OrderState.CANCELLED, desk.venue.orders[order].matched)
    await desk.store.fold(order, [cancelled], desk.clock())
    await parts.orders.turn()
    assert await desk.store.load_suspicions() == {}
    assert (await desk.events())[-1] == "books_agree_again"


async def test_an_order_that_was_given_up_and_rests_there_is_adopted(desk: Desk) -> None:
    order = await resting(desk)
    desk.clock.advance(MINUTE)
    await desk.store.finish_signal(SignalId("s1"), SignalState.UNFILLED, None, desk.clock())
    async with desk.store.transaction() as connection:
        await connection.exec_driver_sql("UPDATE orders SET status = 'VOID'")
    await reconciler(desk).orders.full_turn()
    progress = await desk.progress(order)
    assert (progress.state, progress.adopted) == (OrderState.LIVE, True)


async def test_an_order_that_no_intent_explains_halts_all_entries_at_once(desk: Desk) -> None:
    parts = reconciler(desk)
    parts.account.foreign_orders = [order_hash("strange")]
    await parts.orders.turn()
    await parts.orders.turn()
    (halt,) = await desk.halts()
    assert halt.startswith("FOREIGN_ORDER")
    assert (await desk.events()).count("foreign_order") == 1


async def test_an_order_on_its_way_may_rest_there_or_not(desk: Desk) -> None:
    desk.rules = desk.rules.with_entry_order_type(OrderType.GTC)
    desk.venue.answer_with(Answer.LIVE)
    order = await desk.committed()
    intent = await desk.store.load_intent(order)
    assert intent is not None
    await desk.store.begin_sending(order, 1, desk.clock())
    await desk.store.fold(order, [Ruling(OrderState.UNKNOWN, "no answer")], desk.clock())
    await desk.venue.post_order(intent)
    parts = reconciler(desk)
    parts.account.hidden_orders = {order}
    await parts.take_turns(parts.orders, 70 * SECOND)
    assert await desk.halts() == []
