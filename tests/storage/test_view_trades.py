from dataclasses import replace
from decimal import Decimal

import pytest

from storage.port import Event, Mark
from storage.postgres import PostgresStore
from storage.view_trades import (
    list_open_orders,
    list_position_rows,
    list_trade_rows,
    load_trade_detail,
)
from storage.views import TradeFilter
from tests.storage.builders import (
    NOW,
    WALLET,
    WHALE,
    YES,
    booked,
    bought,
    entry,
    later,
    market,
    price,
    reserved,
    signal,
    sold,
    trade,
    whale,
)
from trading.orders import Ruling
from trading.types import (
    OrderState,
    PositionState,
    Reason,
    Refusal,
    Settlement,
    SignalId,
    SignalState,
    TokenId,
    Wallet,
)


@pytest.fixture
async def known(funded: PostgresStore) -> PostgresStore:
    """A store with money that knows the market, the whale and a signal."""
    await funded.save_market(market(), NOW)
    await funded.save_whale(whale(), NOW)
    await funded.record_signal(signal(), NOW)
    return funded


async def test_a_position_is_shown_with_market_whale_and_mark(known: PostgresStore) -> None:
    await bought(known)
    await known.save_marks([Mark(YES, price("0.55"), later(1))])
    (row,) = await list_position_rows(known, 10)
    assert row.record.state is PositionState.OPEN
    assert row.record.mark_price == Decimal("0.55")
    assert (row.token.question, row.token.slug, row.token.outcome) == (
        "Will it?",
        "will-it",
        "Yes",
    )
    assert row.token.ends_at == later(9000)
    assert (row.whale.pseudonym, row.whale.is_invented) == ("Deep-Blue", True)
    assert row.payout is None


async def test_a_resolved_position_shows_its_payout(known: PostgresStore) -> None:
    position = await bought(known)
    await known.settle_resolution(position.position_id, price(1), redeemed=False, now=later(5))
    (row,) = await list_position_rows(known, 10)
    assert row.payout == 1


async def test_a_position_that_is_over_is_not_shown(known: PostgresStore) -> None:
    await sold(known, await bought(known))
    assert await list_position_rows(known, 10) == []


async def test_what_is_not_known_is_left_out(funded: PostgresStore) -> None:
    await bought(funded)
    (row,) = await list_position_rows(funded, 10)
    assert row.token.token_id == YES
    assert row.token.question is None
    assert row.whale.pseudonym is None
    assert not row.whale.is_invented


async def test_positions_are_those_of_the_stores_wallet(
    known: PostgresStore, database_url: str
) -> None:
    await bought(known)
    other = PostgresStore(database_url, known.rules, Wallet("0x" + "99" * 20))
    everybody = PostgresStore(database_url, known.rules)
    assert await list_position_rows(other, 10) == []
    assert await list_open_orders(other, 10) == []
    assert len(await list_position_rows(everybody, 10)) == 1
    await other.close()
    await everybody.close()


async def test_a_copied_signal_shows_what_was_filled(known: PostgresStore) -> None:
    position = await bought(known)
    await known.finish_signal(SignalId("s1"), SignalState.FILLED, None, later(3))
    (row,) = await list_trade_rows(known, TradeFilter(10))
    assert row.stored.state is SignalState.FILLED
    assert row.filled_size == 100
    assert row.avg_fill_price == Decimal("0.5")
    assert row.position_id == position.position_id
    assert row.finished_at == later(3)
    assert row.latency_ms is not None


async def test_two_attempts_are_shown_as_one_trade(known: PostgresStore) -> None:
    first = await reserved(known, entry("s1#1", cost_max="52"))
    await known.begin_sending(first.order.order_hash, 1, NOW)
    killed = Ruling(OrderState.CANCELLED, "killed")
    await booked(known, first, trade(first, "t1", size="60", at="0.4"), killed)
    second = await reserved(known, entry("s1#2", size="40", cost_max="21"))
    await known.begin_sending(second.order.order_hash, 1, NOW)
    await booked(known, second, trade(second, "t2", size="40", at="0.5"))
    (row,) = await list_trade_rows(known, TradeFilter(10))
    assert row.filled_size == 100
    assert row.avg_fill_price == Decimal("0.44")
    detail = await load_trade_detail(known, SignalId("s1"))
    assert detail is not None
    assert [order.attempt for order in detail.orders] == [1, 2]


async def test_a_refused_signal_shows_reason_and_numbers_in_order(known: PostgresStore) -> None:
    numbers = {"spread": "0.05", "cap": "0.03", "ask": "0.5"}
    refusal = Refusal(Reason.SPREAD_TOO_WIDE, numbers)
    await known.finish_signal(SignalId("s1"), SignalState.FILTERED, refusal, later(1))
    (row,) = await list_trade_rows(known, TradeFilter(10))
    assert row.stored.refusal == refusal
    assert list(row.stored.refusal.numbers) == list(numbers)
    assert row.filled_size == 0
    assert row.avg_fill_price is None
    assert row.position_id is None


async def test_trades_come_newest_first_and_can_be_filtered(known: PostgresStore) -> None:
    await known.record_signal(replace(signal("s2"), token_id=TokenId("9")), later(1))
    stranger = Wallet("0x" + "77" * 20)
    await known.record_signal(replace(signal("s3"), wallet=stranger), later(2))
    await known.finish_signal(SignalId("s2"), SignalState.EXPIRED, None, later(3))

    async def ids(wanted: TradeFilter) -> list[str]:
        return [row.stored.signal.signal_id for row in await list_trade_rows(known, wanted)]

    assert await ids(TradeFilter(10)) == ["s3", "s2", "s1"]
    assert await ids(TradeFilter(2)) == ["s3", "s2"]
    assert await ids(TradeFilter(10, state=SignalState.EXPIRED)) == ["s2"]
    assert await ids(TradeFilter(10, whale=WHALE)) == ["s2", "s1"]
    assert await ids(TradeFilter(10, SignalState.EXPIRED, stranger)) == []


async def test_a_signal_is_told_with_steps_orders_fills_and_events(known: PostgresStore) -> None:
    await known.save_decision(SignalId("s1"), "assess_signal", {"b": "2", "a": "1"}, NOW)
    await known.save_decision(SignalId("s1"), "check_risk", {"cap": "1000"}, later(1))
    await bought(known, fee="0.7")
    await known.record_event(Event("copied", "INFO", "copied it", NOW, {"signal_id": "s1"}))
    await known.record_event(Event("copied", "INFO", "another", NOW, {"signal_id": "s2"}))
    detail = await load_trade_detail(known, SignalId("s1"))
    assert detail is not None
    assert [step.step for step in detail.steps] == ["assess_signal", "check_risk"]
    assert list(detail.steps[0].numbers) == ["b", "a"]
    (order,) = detail.orders
    assert (order.state, order.is_done, order.posts) == (OrderState.MATCHED, True, 1)
    assert order.reference_price == Decimal("0.495")
    assert order.token.question == "Will it?"
    (fill,) = order.fills
    assert fill.size == 100
    assert fill.cost == 50
    assert fill.fee == Decimal("0.7")
    assert fill.settlement is Settlement.CONFIRMED
    assert "copied it" in [event.title for event in detail.events]
    assert "another" not in [event.title for event in detail.events]


async def test_there_is_nothing_to_tell_of_an_unknown_signal(known: PostgresStore) -> None:
    assert await load_trade_detail(known, SignalId("nobody")) is None


async def test_orders_in_flight_are_those_that_are_not_done(known: PostgresStore) -> None:
    await bought(known)
    waiting = await reserved(known, entry("s9#1", cost_max="52"))
    await known.begin_sending(waiting.order.order_hash, 1, NOW)
    await known.fold(
        waiting.order.order_hash, [trade(waiting, "t9", settlement=Settlement.MATCHED)], NOW
    )
    (order,) = await list_open_orders(known, 10)
    assert order.order_id == waiting.order.order_hash
    assert order.fills[0].settlement is Settlement.MATCHED
    assert order.latency_ms is None or order.latency_ms >= 0
    assert len(await list_open_orders(known, 0)) == 0
    assert known.wallet == WALLET
