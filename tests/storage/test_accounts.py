from dataclasses import replace

import pytest

from storage.accounts import Account, RecentEntries, load_account
from storage.postgres import PostgresStore
from tests.storage.builders import (
    CAPS,
    NOW,
    WALLET,
    booked,
    bought,
    entry,
    reserved,
    trade,
    usd,
)
from trading.orders import Ruling
from trading.types import OrderState, Settlement

QUIET = RecentEntries(open_orders=0, orders=0, orders_token=0, notional=usd(0), repeats=0)


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


@pytest.mark.parametrize(
    ("recent", "throttle"),
    [
        (QUIET, ""),
        (replace(QUIET, open_orders=1000), "open_orders"),
        (replace(QUIET, orders=1000), "orders_per_min"),
        (replace(QUIET, orders_token=1000), "orders_per_min_token"),
        (replace(QUIET, notional=usd(999_951)), "notional_per_min"),
        (replace(QUIET, notional=usd(999_950)), ""),
        (replace(QUIET, repeats=9), ""),
    ],
)
def test_one_more_entry_is_held_against_each_throttle(recent: RecentEntries, throttle: str) -> None:
    assert recent.breach(CAPS, usd(50)).get("throttle", "") == throttle


def test_repeats_are_counted_when_they_are_limited() -> None:
    breach = replace(QUIET, repeats=3).breach(replace(CAPS, repeats=3), usd(50))
    assert breach == {"throttle": "repeats", "wanted": "4", "cap": "3"}
