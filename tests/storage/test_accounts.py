from storage.accounts import Account, load_account
from storage.postgres import PostgresStore
from tests.storage.builders import (
    NOW,
    WALLET,
    booked,
    bought,
    entry,
    reserved,
    trade,
)
from trading.orders import Ruling
from trading.types import OrderState, Settlement


async def account(store: PostgresStore) -> Account:
    async with store.transaction() as connection:
        return await load_account(connection, WALLET)


async def test_money_that_orders_may_take_is_not_available(funded: PostgresStore) -> None:
    await reserved(funded, entry(cost_max="52"))
    found = await account(funded)
    assert found.cash == 10_000
    assert found.reserved == 52
    assert found.available == 9948
    assert found.equity == 10_000


async def test_a_late_fill_takes_money_before_it_is_confirmed(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    await funded.begin_sending(intent.order.order_hash, 1, NOW)
    await booked(funded, intent, Ruling(OrderState.UNKNOWN, ""), Ruling(OrderState.VOID, ""))
    await booked(funded, intent, trade(intent, fee="1", settlement=Settlement.MATCHED))
    found = await account(funded)
    assert found.pending == 51
    assert found.available == 9949
    await booked(funded, intent, trade(intent, fee="1"))
    found = await account(funded)
    assert found.pending == 0
    assert found.available == 9949


async def test_confirmed_shares_are_counted_once_as_money(funded: PostgresStore) -> None:
    await bought(funded, fee="1")
    found = await account(funded)
    assert found.cash == 9949
    assert found.bid_value == 50
    assert found.deposits == 10_000
