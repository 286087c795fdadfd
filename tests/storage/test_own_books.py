from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from storage.port import StorageError
from storage.postgres import PostgresStore
from tests.storage.builders import (
    NOW,
    WALLET,
    YES,
    booked,
    bought,
    entry,
    later,
    market,
    order_hash,
    price,
    reserved,
    shares,
    sold,
    trade,
    usd,
)
from trading.orders import VenueOrder
from trading.own_books import OwnBooks
from trading.reconcile import Span, slack_of
from trading.rules import RiskRules
from trading.types import OrderState, Settlement, Shares

LONG_AGO = NOW + timedelta(seconds=1)  # nothing is settled after it


def cash_slack(books: OwnBooks) -> Span:
    return slack_of(books.cash_moves)


def share_slack(books: OwnBooks) -> Span:
    return slack_of(books.share_moves.get(YES, ()))


async def test_confirmed_fills_are_cash_and_shares_and_leave_nothing_open(
    store: PostgresStore,
) -> None:
    assert await store.load_own_books(NOW) == OwnBooks(WALLET)
    funded = store
    await funded.record_deposit(usd(10_000), "bankroll", NOW)
    await funded.acquire_lease(WALLET, "us", NOW)
    await bought(funded, fee="1")
    books = await funded.load_own_books(LONG_AGO)
    assert (books.cash, books.shares) == (usd(9949), {YES: Shares(usd(100))})
    assert books.opened_at == NOW
    assert books.prices == {YES: price("0.50")}
    assert cash_slack(books) == share_slack(books) == Span()

    theirs = order_hash("s1#1")  # it is over, and there only when the venue lists it
    assert books.orders == {}
    books = await funded.load_own_books(LONG_AGO, [theirs, order_hash("strange")])
    assert [(o.order_hash, o.is_open, o.leaves) for o in books.orders.values()] == [
        (theirs, False, shares(0))
    ]
    async with funded.transaction() as connection:  # cash and moves are of one instant
        await connection.execute(text("UPDATE orders SET version = version + 1"))
    books = await funded.load_own_books(LONG_AGO)
    assert (books.cash, cash_slack(books)) == (usd(9949), Span())


async def test_what_was_settled_of_late_may_not_be_shown_yet(funded: PostgresStore) -> None:
    position = await bought(funded, fee="1")
    books = await funded.load_own_books(later(-30))
    assert cash_slack(books) == Span(usd(-10_000), usd(51)), "the deposit is of late too"
    assert share_slack(books) == Span(usd(-100), usd(0))
    await sold(funded, position)
    books = await funded.load_own_books(later(-30))
    assert books.cash == 10_009
    assert share_slack(books) == Span(usd(-100), usd(100))


async def test_an_order_may_take_all_it_was_allowed_and_a_part_counts_by_its_own_cost(
    funded: PostgresStore,
) -> None:
    intent = await reserved(funded, entry("s1#1", cost_max="52"))
    assert await funded.begin_sending(intent.order.order_hash, 1, NOW)
    books = await funded.load_own_books(LONG_AGO)
    assert cash_slack(books) == Span(usd(-52), usd(0))
    assert share_slack(books) == Span(usd(0), usd(100))
    (order,) = books.orders.values()
    assert not order.is_open
    assert not order.is_sure
    part = trade(intent, size="25", fee="0.5", settlement=Settlement.MINED)
    await booked(funded, intent, part)
    books = await funded.load_own_books(LONG_AGO)
    assert (books.cash, books.shares) == (usd(10_000), {YES: Shares(usd(0))})
    assert cash_slack(books) == Span(usd("-13") - usd(39), usd(0))
    assert share_slack(books) == Span(usd(0), usd(100))
    await funded.fold(intent.order.order_hash, [replace(part, settlement=Settlement.FAILED)], NOW)
    books = await funded.load_own_books(LONG_AGO)
    assert share_slack(books) == Span(usd(0), usd(75)), "what the chain refused is never shown"
    other = await reserved(funded, entry("s2#1", cost_max="52"))
    await funded.fold(other.order.order_hash, [trade(other, "t2")], NOW)  # and nobody books it
    books = await funded.load_own_books(LONG_AGO)
    assert (books.cash, cash_slack(books).low) == (usd(10_000), usd(-39 - 50))


async def test_a_resolved_position_may_be_paid_out_at_any_time_and_a_while_ago(
    funded: PostgresStore,
) -> None:
    position = await bought(funded)
    await funded.save_market(market(payouts=(price("0.5"), price("0.5"))), NOW)
    books = await funded.load_own_books(LONG_AGO)
    assert cash_slack(books) == Span(usd(0), usd(50))
    assert share_slack(books) == Span(usd(-100), usd(0))
    await funded.settle_resolution(position.position_id, price(1), redeemed=True, now=later(60))
    books = await funded.load_own_books(later(30))
    assert books.cash == 10_050
    assert cash_slack(books) == Span(usd(-100), usd(0))
    assert share_slack(books) == Span(usd(0), usd(100))
    assert (await funded.load_own_books(later(61))).cash_moves == ()


async def test_worthless_shares_may_stay_in_the_wallet_for_ever(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.settle_resolution(position.position_id, price("0"), redeemed=True, now=later(60))
    books = await funded.load_own_books(later(9_999))
    assert cash_slack(books) == Span()
    assert share_slack(books) == Span(usd(0), usd(100))


async def test_resting_orders_are_sure_once_they_have_stood_for_a_while(
    funded: PostgresStore,
) -> None:
    intent = await reserved(funded, entry("s1#1"))
    live = VenueOrder(intent.order.order_hash, OrderState.LIVE, Shares(usd(0)))
    assert await funded.begin_sending(intent.order.order_hash, 1, NOW)
    await funded.fold(intent.order.order_hash, [live], NOW)
    assert (await funded.load_own_books(NOW)).tokens == {YES}, "even before a fill"
    (order,) = (await funded.load_own_books(NOW)).orders.values()
    assert (order.is_open, order.is_sure, order.leaves) == (True, True, shares(100))
    (order,) = (await funded.load_own_books(later(-1))).orders.values()
    assert not order.is_sure


async def test_only_news_of_own_orders_is_news(funded: PostgresStore) -> None:
    known = await reserved(funded, entry("s1#1"))
    await funded.fold(known.order.order_hash, [trade(known, settlement=Settlement.MINED)], NOW)
    strange = entry("s9#1")
    confirmed, other = trade(known), trade(known, "t2", size="1")
    seen = trade(known, settlement=Settlement.MINED)
    news = await funded.list_news([seen, confirmed, other, trade(strange, "t3")])
    assert news == [confirmed, other]
    hashes = {known.order.order_hash, strange.order.order_hash}
    assert await funded.list_foreign(hashes) == {strange.order.order_hash}
    assert await funded.list_foreign([]) == frozenset()


async def test_a_store_of_all_wallets_has_no_books(database_url: str) -> None:
    store = PostgresStore(database_url, RiskRules())
    with pytest.raises(StorageError, match="one wallet"):
        await store.load_own_books(NOW)
    await store.close()
