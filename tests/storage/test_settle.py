from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select, text

from storage.book_tables import daily_pnl, ledger, reservations
from storage.port import PositionRecord, StorageError
from storage.postgres import PostgresStore
from storage.tables import events
from tests.storage.builders import (
    CAPS,
    NOW,
    WHALE,
    booked,
    bought,
    entry,
    later,
    leave,
    reserved,
    sold,
    trade,
    usd,
    whale,
)
from trading.orders import Intent, Ruling
from trading.submits import SubmitKind, SubmitOutcome
from trading.types import ExitReason, OrderState, PositionState, Reason, Refusal, Settlement

MATCHED, FAILED, CONFIRMED = Settlement.MATCHED, Settlement.FAILED, Settlement.CONFIRMED
KILLED = Ruling(OrderState.CANCELLED, "killed")


async def open_reservations(store: PostgresStore) -> int:
    statement = select(reservations).where(reservations.c.released_at.is_(None))
    async with store.transaction() as connection:
        return len((await connection.execute(statement)).all())


async def ledger_rows(store: PostgresStore) -> list[tuple[str, Decimal]]:
    statement = select(ledger.c.kind, ledger.c.cash).order_by(ledger.c.entry_id)
    async with store.transaction() as connection:
        return [(row.kind, row.cash) for row in await connection.execute(statement)]


async def sent(store: PostgresStore, name: str = "s1#1", cost_max: str = "52") -> Intent:
    intent = await reserved(store, entry(name, cost_max=cost_max))
    assert await store.begin_sending(intent.order.order_hash, 1, NOW)
    return intent


async def test_a_matched_fill_is_provisional_and_stays_reserved(funded: PostgresStore) -> None:
    intent = await sent(funded)
    position = await booked(funded, intent, trade(intent, fee="1", settlement=MATCHED))
    assert position.state is PositionState.OPEN
    assert position.size == 100
    assert position.settled_size == 0
    assert position.avg_entry_price == Decimal("0.5")
    assert position.exposure == 0
    assert position.fees == 0
    assert position.realised_pnl == 0
    assert await open_reservations(funded) == 1
    assert (await funded.load_portfolio(NOW)).cash == 10_000
    assert await funded.audit_limits() == []


async def test_a_confirmed_fill_is_money_and_its_reservation_becomes_exposure(
    funded: PostgresStore,
) -> None:
    intent = await sent(funded)
    await booked(funded, intent, trade(intent, fee="1", settlement=MATCHED))
    position = await booked(funded, intent, trade(intent, fee="1"))
    assert position.size == 100
    assert position.settled_size == 100
    assert position.exposure == 50
    assert position.fees == 1
    assert position.realised_pnl == -1
    assert await open_reservations(funded) == 0
    assert await ledger_rows(funded) == [
        ("DEPOSIT", usd(10_000)),
        ("FILL", usd(-50)),
        ("FEE", usd(-1)),
    ]
    assert (await funded.load_portfolio(NOW)).cash == 9949
    assert await funded.audit_limits() == []


async def test_applying_again_changes_nothing(funded: PostgresStore) -> None:
    intent = await sent(funded)
    first = await booked(funded, intent, trade(intent, fee="1"))
    async with funded.transaction() as connection:
        told = len((await connection.execute(select(events))).all())
    for _ in range(3):
        assert await booked(funded, intent, trade(intent, fee="1")) == first
    async with funded.transaction() as connection:
        assert len((await connection.execute(select(events))).all()) == told
    assert len(await ledger_rows(funded)) == 3
    assert await funded.audit_limits() == []


async def test_a_refused_settlement_takes_the_fill_back(funded: PostgresStore) -> None:
    await funded.save_whale(whale(), NOW)
    intent = await sent(funded)
    await booked(funded, intent, trade(intent, settlement=MATCHED))
    position = await booked(funded, intent, trade(intent, settlement=FAILED))
    assert position.state is PositionState.CLOSED
    assert position.size == 0
    assert position.exposure == 0
    assert position.realised_pnl == 0
    assert position.closed_at == NOW
    assert await open_reservations(funded) == 0
    assert await ledger_rows(funded) == [("DEPOSIT", usd(10_000))]
    assert await funded.audit_limits() == []


async def test_a_reversal_beside_a_waiting_order_goes_back_to_opening(
    funded: PostgresStore,
) -> None:
    first, second = await sent(funded, "s1#1"), await sent(funded, "s2#1")
    await booked(funded, first, trade(first, settlement=MATCHED))
    position = await booked(funded, first, trade(first, settlement=FAILED))
    assert position.state is PositionState.OPENING
    position = await booked(funded, second, trade(second, "t2"))
    assert position.state is PositionState.OPEN
    assert position.settled_size == 100


async def test_a_venue_end_without_its_trades_releases_nothing(funded: PostgresStore) -> None:
    intent = await sent(funded)
    accepted = SubmitOutcome(SubmitKind.ACCEPTED, OrderState.MATCHED, "matched", intent.order.size)
    await booked(funded, intent, accepted)
    assert await open_reservations(funded) == 1
    await booked(funded, intent, trade(intent))
    assert await open_reservations(funded) == 0


async def test_a_partial_fill_keeps_its_cost_and_gives_the_rest_back(
    funded: PostgresStore,
) -> None:
    intent = await sent(funded)
    position = await booked(funded, intent, trade(intent, size="30"), KILLED)
    assert position.settled_size == 30
    assert position.exposure == 15
    assert await open_reservations(funded) == 0
    assert await funded.audit_limits() == []


@pytest.mark.parametrize("state", [OrderState.EXPIRED, OrderState.REJECTED, OrderState.VOID])
async def test_an_order_that_never_was_closes_the_empty_position(
    funded: PostgresStore, state: OrderState
) -> None:
    intent = await reserved(funded, entry())
    position = await booked(funded, intent, Ruling(state, "never sent"))
    assert position.state is PositionState.CLOSED
    assert await open_reservations(funded) == 0
    again = await reserved(funded, entry("s2#1"))
    assert again.position_id != position.position_id
    assert await funded.audit_limits() == []


async def test_a_late_booking_opens_the_closed_position_again(funded: PostgresStore) -> None:
    intent = await sent(funded)
    unknown = SubmitOutcome(SubmitKind.UNKNOWN, None, "HTTP 500")
    closed = await booked(funded, intent, unknown, Ruling(OrderState.VOID, "quarantine over"))
    assert closed.state is PositionState.CLOSED
    late = await booked(funded, intent, trade(intent, settlement=MATCHED))
    assert (late.position_id, late.state) == (closed.position_id, PositionState.OPEN)
    assert late.size == 100
    assert late.exposure == 50
    assert late.closed_at is None
    available = await funded.reserve_entry(entry("s9#1", cost_max="9951"), CAPS, NOW)
    assert isinstance(available, Refusal)
    done = await booked(funded, intent, trade(intent))
    assert done.settled_size == 100
    assert done.exposure == 50
    assert await funded.list_unresolved(10) == []
    assert await funded.audit_limits() == []


async def test_a_late_booking_joins_the_position_that_is_open_by_now(
    funded: PostgresStore,
) -> None:
    intent = await sent(funded)
    await booked(funded, intent, Ruling(OrderState.UNKNOWN, ""), Ruling(OrderState.VOID, ""))
    standing = await bought(funded, "s2#1")
    late = await booked(funded, intent, trade(intent))
    assert late.position_id == standing.position_id != intent.position_id
    assert late.settled_size == 200
    assert late.exposure == 100
    closed = await funded.load_position(intent.position_id)
    assert closed is not None
    assert closed.state is PositionState.CLOSED
    assert closed.size == 0
    assert await booked(funded, intent, trade(intent)) == late
    assert await funded.audit_limits() == []


async def test_a_sale_realises_profit_less_all_fees(funded: PostgresStore) -> None:
    position = await sold(funded, await bought(funded, fee="0.70"), at="0.60")
    assert position.state is PositionState.CLOSED
    assert position.size == 0
    assert position.exposure == 0
    assert position.fees == Decimal("0.70")
    assert position.realised_pnl == Decimal("9.30")
    portfolio = await funded.load_portfolio(NOW)
    assert portfolio.cash == Decimal("10009.30")
    assert sum(cash for _, cash in await ledger_rows(funded)) == portfolio.cash
    assert await funded.audit_limits() == []


async def test_profit_falls_on_the_utc_day_of_confirmation(funded: PostgresStore) -> None:
    first = datetime(2026, 11, 22, 23, 59, 59, 900_000, tzinfo=UTC)
    second = datetime(2026, 11, 23, 0, 0, 0, 100_000, tzinfo=UTC)
    intent = await sent(funded)
    await funded.fold(intent.order.order_hash, [trade(intent, fee="1")], first)
    position = await funded.apply_order(intent.order.order_hash, second)
    epoch = await funded.begin_exit(position.position_id, ExitReason.STOP_LOSS, second)
    sale = await funded.commit_exit(leave(position.position_id, epoch=epoch, at="0.30"), second)
    assert isinstance(sale, Intent)
    await funded.fold(sale.order.order_hash, [trade(sale, "t2")], second)
    await funded.apply_order(sale.order.order_hash, second)
    async with funded.transaction() as connection:
        stored = (await connection.execute(select(daily_pnl.c.day, daily_pnl.c.pnl))).all()
    assert sorted(tuple(row) for row in stored) == [
        (date(2026, 11, 22), Decimal(-1)),
        (date(2026, 11, 23), Decimal(-20)),
    ]


async def test_the_ledger_can_only_be_added_to(funded: PostgresStore) -> None:
    for statement in ("UPDATE ledger SET cash = 0", "DELETE FROM ledger", "TRUNCATE ledger"):
        with pytest.raises(StorageError, match="append-only"):
            async with funded.transaction() as connection:
                await connection.execute(text(statement))


async def test_a_whales_active_positions_are_kept_by_our_fills(funded: PostgresStore) -> None:
    await funded.save_whale(whale(), NOW)

    async def active() -> int:
        statement = text("SELECT active_positions FROM whales WHERE address = :whale")
        async with funded.transaction() as connection:
            return int((await connection.execute(statement, {"whale": WHALE})).scalar_one())

    position = await bought(funded)
    assert await active() == 1
    await sold(funded, position)
    assert await active() == 0


async def test_a_capped_limit_is_free_again_after_the_sale(funded: PostgresStore) -> None:
    caps = replace(CAPS, position=usd(60), wallet=usd(60))
    position = await bought(funded)
    refused = await funded.reserve_entry(entry("s2#1"), caps, NOW)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.WALLET_LIMIT
    await sold(funded, position)
    assert not isinstance(await funded.reserve_entry(entry("s2#1"), caps, later(1)), Refusal)


async def test_what_is_told_of_a_position_names_what_it_is_about(funded: PostgresStore) -> None:
    position: PositionRecord = await bought(funded)
    async with funded.transaction() as connection:
        told = (await connection.execute(select(events))).mappings().all()
    assert [row["type"] for row in told] == ["position_open"]
    assert told[0]["ids"]["position_id"] == position.position_id
