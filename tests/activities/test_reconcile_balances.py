"""Books that agree are left alone, whatever lags; books that differ halt within 75 seconds."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import text

from tests.activities.accounts import Reconciler, reconciler
from tests.activities.desk import Desk
from tests.storage.builders import NO, YES, price, shares, usd
from trading.types import OrderType, TokenId, Usd

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


async def halted_after(desk: Desk, parts: Reconciler, within: timedelta) -> timedelta:
    """Take turns until entries are halted; return how long that took."""
    began = desk.clock()
    while not await desk.halts():
        assert desk.clock() - began <= within, "expected a halt"
        await parts.balances.turn()
        desk.clock.advance(parts.balances.every)
    return desk.clock() - began


async def ledger_rows(desk: Desk) -> int:
    async with desk.store.transaction() as connection:
        return int(await connection.scalar(text("SELECT count(*) FROM ledger")) or 0)


async def test_books_that_agree_are_left_alone(desk: Desk) -> None:
    parts = reconciler(desk)
    await parts.balances.turn()
    await desk.opened()
    await parts.take_turns(parts.balances, 70 * SECOND)
    assert await desk.store.load_suspicions() == {}
    assert await desk.halts() == []


async def test_orders_under_way_and_answers_that_lag_explain_what_differs(desk: Desk) -> None:
    parts = reconciler(desk)
    parts.account.cash_lag = timedelta(seconds=25)
    desk.rules = desk.rules.with_entry_order_type(OrderType.FAK)
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    for _ in range(12):  # matched, and known to us only by the order
        await parts.balances.turn()
        desk.clock.advance(parts.balances.every)
    await desk.env.run(desk.orders.await_fill, order_hash)
    await desk.env.run(desk.orders.await_settlement, order_hash)
    await desk.orders.record_fills(order_hash)
    await parts.take_turns(parts.balances, 70 * SECOND)
    assert await desk.store.load_suspicions() == {}


async def test_stale_rows_of_the_public_record_change_nothing(desk: Desk) -> None:
    await desk.opened()
    parts = reconciler(desk)
    desk.clock.advance(MINUTE)
    rows = await ledger_rows(desk)
    parts.account.public = {YES: shares(20), NO: shares(7)}  # of other times, for 10 s
    await parts.take_turns(parts.balances, 10 * SECOND)
    parts.account.public = None
    await parts.take_turns(parts.balances, 70 * SECOND)
    assert await ledger_rows(desk) == rows
    assert await desk.store.load_suspicions() == {}
    assert await desk.halts() == []


async def test_balances_that_are_stale_for_ten_seconds_halt_nothing(desk: Desk) -> None:
    position = await desk.opened()
    parts = reconciler(desk)
    desk.clock.advance(MINUTE)
    rows = await ledger_rows(desk)
    parts.account.taken_shares = {YES: position.size}
    await parts.take_turns(parts.balances, 10 * SECOND)
    assert await desk.store.load_suspicions() != {}
    parts.account.taken_shares = {}
    await parts.take_turns(parts.balances, 70 * SECOND)
    assert await ledger_rows(desk) == rows
    assert await desk.halts() == []
    assert (await desk.events())[-2:] == ["books_differ", "books_agree_again"]


async def test_without_the_rule_of_a_minute_a_stale_answer_would_halt(desk: Desk) -> None:
    """A planted bug, which the test above would catch."""
    careless = replace(desk.rules.reconcile, reads_min=1, lasts=5 * SECOND)
    desk.rules = replace(desk.rules, reconcile=careless)
    position = await desk.opened()
    parts = reconciler(desk)
    desk.clock.advance(MINUTE)
    parts.account.taken_shares = {YES: position.size}
    await parts.take_turns(parts.balances, 10 * SECOND)
    assert await desk.halts() != []


async def test_stolen_shares_halt_their_token_within_75_seconds_and_page(desk: Desk) -> None:
    await desk.opened()
    parts = reconciler(desk)
    desk.clock.advance(MINUTE)
    await parts.balances.turn()
    desk.clock.advance(parts.balances.every)
    rows = await ledger_rows(desk)
    parts.account.taken_shares = {YES: shares(10)}
    took = await halted_after(desk, parts, 75 * SECOND)
    assert 60 * SECOND <= took <= 75 * SECOND
    (halt,) = await desk.halts()
    assert "ours 100, the venue's 90" in halt
    assert await ledger_rows(desk) == rows, "nothing is ever invented to fit"
    assert (await desk.events())[-1] == "books_far_apart"


async def test_missing_cash_halts_the_wallet_and_a_little_of_it_pages_nobody(desk: Desk) -> None:
    parts = reconciler(desk)
    desk.clock.advance(MINUTE)
    parts.account.taken_cash = usd("0.02")
    assert await halted_after(desk, parts, 75 * SECOND) >= 60 * SECOND
    assert "cash differs by $-0.02" in (await desk.halts())[0]
    assert "books_far_apart" not in await desk.events()
    parts.account.taken_cash = usd("0.01")
    await parts.take_turns(parts.balances, 10 * SECOND)
    assert (await desk.events())[-1] == "books_agree_again"
    assert await desk.halts() != [], "only a person clears it"


async def test_a_token_that_we_never_bought_is_found_by_the_public_record(desk: Desk) -> None:
    parts = reconciler(desk)
    parts.account.public = {NO: shares(3)}
    parts.account.taken_shares = {NO: shares(-3)}
    desk.clock.advance(MINUTE)
    await halted_after(desk, parts, 75 * SECOND)
    assert NO in (await desk.halts())[0]


async def test_a_payout_on_its_way_explains_what_differs(desk: Desk) -> None:
    position = await desk.opened()
    parts = reconciler(desk)
    desk.clock.advance(MINUTE)
    desk.venue.resolve("1", "0")  # and nobody has told us
    parts.account.taken_shares = {YES: position.size}
    parts.account.taken_cash = Usd(-position.size)
    await parts.take_turns(parts.balances, 70 * SECOND)
    assert await desk.store.load_suspicions() == {}
    await desk.store.settle_resolution(
        position.position_id, price(1), redeemed=True, now=desk.clock()
    )
    await parts.take_turns(parts.balances, 70 * SECOND)
    assert await desk.store.load_suspicions() == {}


async def test_tokens_take_turns_and_a_full_pass_asks_for_all(desk: Desk) -> None:
    few = replace(desk.rules.reconcile, batch=2)
    desk.rules = replace(desk.rules, reconcile=few)
    parts = reconciler(desk)
    tokens = [TokenId(str(n)) for n in range(1, 6)]
    parts.account.public = dict.fromkeys(tokens, shares("0.005"))  # of no weight
    asked = parts.account.asked
    await parts.balances.turn()
    await parts.balances.turn()
    await parts.balances.turn()
    assert asked == ["1", "2", "3", "4", "1", "5"]
    asked.clear()
    await parts.balances.full_turn()
    assert asked == tokens


async def test_cash_is_compared_while_the_public_record_is_away(desk: Desk) -> None:
    parts = reconciler(desk)
    parts.account.is_public_away = True
    parts.account.taken_cash = usd(600)
    desk.clock.advance(MINUTE)
    await halted_after(desk, parts, 75 * SECOND)
    assert "books_far_apart" in await desk.events()
