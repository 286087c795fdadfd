"""Trades of the venue are folded once, however late; those that are not ours are told of."""

from dataclasses import replace
from datetime import timedelta

from tests.activities.accounts import FakeAccount, reconciler
from tests.activities.desk import SIGNAL, Desk
from tests.activities.owners import Register
from tests.storage.builders import NOW, WHALE, YES, entry, order_hash, shares, trade, usd
from trading.orders import Ruling
from trading.types import OrderHash, OrderState, Settlement, SignalState

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


async def given_up(desk: Desk) -> OrderHash:
    """Let an order be given up that the venue has booked after all."""
    order = await desk.committed()
    intent = await desk.store.load_intent(order)
    assert intent is not None
    await desk.store.fold(order, [Ruling(OrderState.VOID, "nobody saw it")], desk.clock())
    await desk.store.apply_order(order, desk.clock())
    await desk.store.finish_signal(SIGNAL, SignalState.UNFILLED, None, desk.clock())
    await desk.venue.post_order(intent)
    return order


async def test_a_late_fill_is_adopted_by_the_fold_and_booked_by_the_sweep(desk: Desk) -> None:
    order = await given_up(desk)
    parts = reconciler(desk)
    desk.clock.advance(MINUTE)
    await parts.trades.turn()
    progress = await desk.progress(order)
    assert (progress.state, progress.confirmed) == (OrderState.MATCHED, shares(100))
    assert progress.adopted
    await desk.env.run(desk.sweeper(Register()).look_once)
    assert await desk.store.list_loose_orders(10) == []
    desk.clock.advance(MINUTE)
    await parts.take_turns(parts.balances, 20 * SECOND)
    assert await desk.store.load_suspicions() == {}, "and the books are equal again"


async def test_what_is_known_is_folded_once_and_its_settlement_when_it_comes(desk: Desk) -> None:
    order = await desk.committed()
    await desk.orders.place_order(order)
    parts = reconciler(desk)
    await parts.trades.turn()
    assert (await desk.progress(order)).matched == 100
    changed = (await desk.progress(order)).changed_at
    desk.clock.advance(SECOND)
    await parts.trades.turn()
    assert (await desk.progress(order)).changed_at == changed
    desk.clock.advance(5 * SECOND)
    await parts.trades.turn()
    assert (await desk.progress(order)).confirmed == 100


async def test_the_hour_before_the_cursor_is_read_again_after_every_restart(desk: Desk) -> None:
    account = FakeAccount(desk.venue)
    await reconciler(desk, account).trades.turn()
    desk.clock.advance(timedelta(hours=3))
    await reconciler(desk, account).trades.turn()
    desk.clock.advance(timedelta(hours=2))
    await reconciler(desk, account).trades.turn()
    assert account.since == [NOW, NOW, NOW + timedelta(hours=2)]


async def test_a_trade_that_no_intent_explains_halts_all_entries(desk: Desk) -> None:
    parts = reconciler(desk)
    strange = trade(entry("strange#1"), size="3", matched_at=NOW + SECOND)
    old = replace(strange, order_hash=order_hash("old"), matched_at=NOW - SECOND)
    parts.account.foreign_trades = [strange, old]
    for _ in range(3):
        await parts.trades.turn()
        desk.clock.advance(10 * SECOND)
    (halt,) = await desk.halts()
    assert halt.startswith("FOREIGN_ORDER")
    (review,) = await desk.store.list_reviews(open_only=True, limit=10)
    assert (review.review.about, review.review.token_id) == (strange.order_hash, YES)
    assert "BUY of 3 shares" in review.review.reason


async def test_nothing_is_read_before_any_money_was_booked(desk: Desk) -> None:
    desk.store.wallet = WHALE  # anybody else's
    parts = reconciler(desk)
    await parts.trades.full_turn()
    assert parts.account.since == []


async def test_a_reconciler_that_invents_fills_is_caught_by_the_books(desk: Desk) -> None:
    """A planted bug: what is missing in a balance is booked as if it had been sold."""
    position = await desk.opened()
    parts = reconciler(desk)
    desk.clock.advance(MINUTE)
    parts.account.taken_shares = {YES: shares(10)}
    await parts.balances.turn()
    (suspicion,) = (await desk.store.load_suspicions()).values()
    (order,) = desk.venue.orders
    intent = await desk.store.load_intent(order)
    assert intent is not None
    missing = suspicion.reading.unexplained
    invented = trade(intent, "invented", size=str(-missing), settlement=Settlement.CONFIRMED)
    await desk.store.fold(order, [invented], desk.clock())
    await desk.store.apply_order(order, desk.clock())
    desk.clock.advance(MINUTE)
    await parts.take_turns(parts.balances, 75 * SECOND)
    assert any("cash differs" in halt for halt in await desk.halts()), "money was invented too"
    assert "order_fault" in await desk.events()
    assert (await desk.position(position.position_id)).size != usd(90)
