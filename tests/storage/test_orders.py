import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Executable, select

from storage.book_tables import fills, order_evidence, orders
from storage.breakers import Halt, HaltScope
from storage.port import FencedError, StorageError
from storage.postgres import PostgresStore
from storage.tables import events, halts
from tests.storage.builders import (
    NOW,
    WALLET,
    YES,
    booked,
    bought,
    entry,
    later,
    leave,
    order_hash,
    reserved,
    shares,
    signal,
    trade,
    usd,
)
from trading.orders import Evidence, Intent, OrderProgress, Ruling, VenueOrder, fold
from trading.submits import SubmitKind, SubmitOutcome
from trading.types import ExitReason, OrderState, Settlement, SignalId, TokenId

REJECTED = SubmitOutcome(SubmitKind.REJECTED, OrderState.REJECTED, "not enough balance")
HALTS = [(HaltScope.WALLET, WALLET), (HaltScope.TOKEN, YES)]
UNKNOWN = SubmitOutcome(SubmitKind.UNKNOWN, None, "HTTP 500")


async def order_row(store: PostgresStore, intent: Intent) -> dict[str, object]:
    statement = select(orders).where(orders.c.order_id == intent.order.order_hash)
    async with store.transaction() as connection:
        return dict((await connection.execute(statement)).mappings().one())


async def rows(store: PostgresStore, statement: Executable) -> list[dict[str, object]]:
    async with store.transaction() as connection:
        return [dict(row) for row in (await connection.execute(statement)).mappings()]


async def test_an_order_is_sent_once_until_its_outcome_is_unknown(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    hash_ = intent.order.order_hash
    assert await funded.begin_sending(hash_, 1, NOW)
    assert not await funded.begin_sending(hash_, 1, NOW)
    await funded.fold(hash_, [UNKNOWN], NOW)
    assert await funded.begin_sending(hash_, 1, later(8))
    row = await order_row(funded, intent)
    assert (row["status"], row["posts"], row["retry_count"]) == ("SENDING", 2, 1)


async def test_an_order_is_sent_four_times_at_most(funded: PostgresStore) -> None:
    order_hash = (await reserved(funded, entry())).order.order_hash
    for second in range(4):
        assert await funded.begin_sending(order_hash, 1, later(second))
        lost = Ruling(OrderState.UNKNOWN, "no answer")
        await funded.fold(order_hash, [lost], later(second))
    assert not await funded.begin_sending(order_hash, 1, later(5))


async def test_of_many_senders_at_once_one_may_send(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    hash_ = intent.order.order_hash
    may = await asyncio.gather(*(funded.begin_sending(hash_, 1, NOW) for _ in range(10)))
    assert sum(may) == 1


async def test_the_first_copy_goes_before_its_deadline_and_later_ones_before_theirs(
    funded: PostgresStore,
) -> None:
    late = await reserved(funded, entry("s1#1"))
    assert not await funded.begin_sending(late.order.order_hash, 1, later(5))
    intent = await reserved(funded, entry("s2#1"))
    hash_ = intent.order.order_hash
    assert await funded.begin_sending(hash_, 1, later(4))
    await funded.fold(hash_, [UNKNOWN], later(5))
    assert await funded.begin_sending(hash_, 1, later(11))
    await funded.fold(hash_, [UNKNOWN], later(11))
    assert not await funded.begin_sending(hash_, 1, later(12))


async def test_a_stale_epoch_is_fenced_off(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    assert await funded.acquire_lease(WALLET, "another stack", later(10)) == 2
    for epoch in (0, 1, 3):
        with pytest.raises(FencedError, match="expected epoch 2"):
            await funded.begin_sending(intent.order.order_hash, epoch, NOW)
    assert await funded.begin_sending(intent.order.order_hash, 2, NOW)


async def test_without_a_lease_nothing_is_sent(store: PostgresStore) -> None:
    await store.record_deposit(usd(1000), "bankroll", NOW)
    intent = await reserved(store, entry())
    with pytest.raises(FencedError, match="expected epoch None"):
        await store.begin_sending(intent.order.order_hash, 0, NOW)


@pytest.mark.parametrize(("scope", "key"), HALTS, ids=["wallet", "token"])
async def test_a_halt_stops_entries_on_their_way_out_but_no_exit(
    funded: PostgresStore, scope: HaltScope, key: str
) -> None:
    position = await bought(funded)
    intent = await reserved(funded, entry("s2#1"))
    await funded.begin_exit(position.position_id, ExitReason.OPERATOR, NOW)
    exit_intent = await funded.commit_exit(leave(position.position_id), NOW)
    assert isinstance(exit_intent, Intent)
    await funded.halt_entries(Halt(scope, key, "a test", NOW))
    assert not await funded.begin_sending(intent.order.order_hash, 1, NOW)
    assert await funded.begin_sending(exit_intent.order.order_hash, 1, NOW)


async def test_an_entry_is_not_sent_into_a_running_exit(funded: PostgresStore) -> None:
    position = await bought(funded)
    intent = await reserved(funded, entry("s2#1"))
    await funded.begin_exit(position.position_id, ExitReason.STOP_LOSS, NOW)
    assert not await funded.begin_sending(intent.order.order_hash, 1, NOW)


async def test_latency_runs_from_the_signals_commit_to_the_first_copy(
    funded: PostgresStore,
) -> None:
    await funded.record_signal(signal("s1"), NOW)
    intent = await reserved(funded, entry("s1#1"))
    hash_ = intent.order.order_hash
    await funded.begin_sending(hash_, 1, NOW + timedelta(milliseconds=42, microseconds=500))
    await funded.fold(hash_, [UNKNOWN], NOW)
    await funded.begin_sending(hash_, 1, later(3))
    assert (await order_row(funded, intent))["execution_latency_ms"] == Decimal("42.500")


async def test_evidence_is_folded_and_stored(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    hash_ = intent.order.order_hash
    await funded.begin_sending(hash_, 1, NOW)
    partial = trade(intent, size="40", fee="0.1", settlement=Settlement.MATCHED)
    accepted = SubmitOutcome(SubmitKind.ACCEPTED, OrderState.PARTIAL, "matched", shares(40))
    told = await funded.fold(hash_, [accepted, partial], NOW)
    assert told.state is OrderState.PARTIAL
    assert await funded.load_progress(hash_) == told
    row = await order_row(funded, intent)
    assert (row["filled_size"], row["avg_fill_price"]) == (40, Decimal("0.5"))
    confirmed = replace(partial, settlement=Settlement.CONFIRMED)
    await funded.fold(hash_, [confirmed], later(4))
    stored = await rows(funded, select(fills))
    assert [(row["settlement"], row["settled_at"]) for row in stored] == [("CONFIRMED", later(4))]


async def test_evidence_that_changes_nothing_leaves_no_trace(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    hash_ = intent.order.order_hash
    for _ in range(5):
        await funded.fold(hash_, [VenueOrder(hash_, OrderState.PREPARED, shares(0))], NOW)
    before = await order_row(funded, intent)
    for _ in range(5):
        await funded.fold(hash_, [], NOW)
    assert await order_row(funded, intent) == before
    assert await rows(funded, select(order_evidence)) == []


async def test_foreign_words_are_cut_and_cleaned(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    hash_ = intent.order.order_hash
    await funded.begin_sending(hash_, 1, NOW)
    words = "nul \x00 half \ud800 " + "x" * 10_000
    await funded.fold(hash_, [replace(REJECTED, text=words)], NOW)
    [told] = await rows(funded, select(order_evidence))
    assert len(str(told["text"])) <= 600
    assert "\\0" in str(told["text"])


async def test_shuffled_and_doubled_evidence_ends_the_same(funded: PostgresStore) -> None:
    def told(intent: Intent) -> list[Evidence]:
        first = trade(intent, "t1", size="40", settlement=Settlement.MATCHED)
        second = trade(intent, "t2", size="30", settlement=Settlement.MATCHED)
        hash_ = intent.order.order_hash
        return [
            SubmitOutcome(SubmitKind.UNKNOWN, None, "HTTP 500"),
            VenueOrder(hash_, OrderState.CANCELLED, shares(70)),
            first,
            second,
            replace(first, settlement=Settlement.CONFIRMED),
            replace(second, settlement=Settlement.MINED),
            replace(second, settlement=Settlement.FAILED),
        ]

    rng = random.Random(20261122)
    ends = set()
    for n in range(6):
        intent = await reserved(funded, entry(f"s{n}#1"))
        await funded.begin_sending(intent.order.order_hash, 1, NOW)
        deliveries = told(intent) * 2
        rng.shuffle(deliveries)
        deliveries.sort(key=lambda each: not isinstance(each, SubmitOutcome))
        for each in deliveries:
            await funded.fold(intent.order.order_hash, [each], NOW)
        progress = await funded.load_progress(intent.order.order_hash)
        assert progress is not None
        ends.add((progress.state, progress.confirmed, progress.size_failed, progress.is_done))
    assert ends == {(OrderState.CANCELLED, Decimal(40), Decimal(30), True)}


async def test_evidence_folded_by_many_at_once_loses_nothing(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    hash_ = intent.order.order_hash
    await funded.begin_sending(hash_, 1, NOW)
    trades = [trade(intent, f"t{n}", size="10") for n in range(10)]
    await asyncio.gather(*(funded.fold(hash_, [each], NOW) for each in trades * 2))
    progress = await funded.load_progress(hash_)
    expected = OrderProgress(hash_, shares(100), OrderState.SENDING)
    for each in trades:
        expected = fold(expected, each)
    assert progress is not None
    assert (progress.state, progress.confirmed) == (expected.state, expected.confirmed)


async def test_a_fault_halts_the_token_and_pages(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    hash_ = intent.order.order_hash
    await funded.begin_sending(hash_, 1, NOW)
    fault = SubmitOutcome(SubmitKind.FAULT, None, "expected order id 0x1, received 0x2")
    for _ in range(3):
        await funded.fold(hash_, [fault], NOW)
    [event] = await rows(funded, select(events))
    assert (event["type"], event["severity"]) == ("order_fault", "PAGE")
    [halt] = await rows(funded, select(halts))
    assert (halt["scope"], halt["key"]) == ("TOKEN", YES)
    other = await reserved(funded, entry("s2#1", token_id=TokenId("9" * 77)))
    assert await funded.begin_sending(other.order.order_hash, 1, NOW)


async def test_a_booking_after_we_gave_up_is_adopted_and_pages(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    hash_ = intent.order.order_hash
    await funded.begin_sending(hash_, 1, NOW)
    await funded.fold(hash_, [UNKNOWN, Ruling(OrderState.VOID, "quarantine over")], NOW)
    progress = await funded.fold(hash_, [trade(intent)], NOW)
    assert progress.adopted
    [event] = await rows(funded, select(events))
    assert (event["type"], event["severity"]) == ("order_adopted", "PAGE")


async def test_orders_are_unresolved_until_they_are_done_and_booked(funded: PostgresStore) -> None:
    first = await reserved(funded, entry("s1#1"))
    second = await reserved(funded, entry("s2#1", created_at=later(1)))
    hashes = [first.order.order_hash, second.order.order_hash]
    assert await funded.list_unresolved(10) == hashes
    assert await funded.list_unresolved(1) == hashes[:1]
    await funded.fold(hashes[0], [Ruling(OrderState.EXPIRED, "too late")], NOW)
    assert await funded.list_unresolved(10) == hashes
    await funded.apply_order(hashes[0], NOW)
    assert await funded.list_unresolved(10) == hashes[1:]
    assert await funded.begin_sending(hashes[1], 1, later(1))
    await booked(funded, second, trade(second, settlement=Settlement.MATCHED))
    assert await funded.list_unresolved(10) == hashes[1:]
    await booked(funded, second, trade(second))
    assert await funded.list_unresolved(10) == []


async def test_orders_are_found_by_signal_and_by_exit(funded: PostgresStore) -> None:
    first = await reserved(funded, entry("s1#1"))
    second = await reserved(funded, entry("s1#2", size="60", created_at=later(1)))
    await reserved(funded, entry("s2#1"))
    hashes = [first.order.order_hash, second.order.order_hash]
    assert await funded.orders_of_signal(SignalId("s1")) == hashes
    position = await booked(funded, first, trade(first))
    await funded.begin_exit(position.position_id, ExitReason.OPERATOR, NOW)
    sale = await funded.commit_exit(leave(position.position_id, size="10"), NOW)
    assert isinstance(sale, Intent)
    assert await funded.orders_of_exit(position.position_id, 1) == [sale.order.order_hash]
    assert await funded.orders_of_exit(position.position_id, 2) == []


async def test_an_order_that_is_not_ours_is_an_error(funded: PostgresStore) -> None:
    unknown = order_hash("nobody's")
    assert await funded.load_progress(unknown) is None
    assert await funded.load_intent(unknown) is None
    for call in (
        funded.fold(unknown, [], NOW),
        funded.apply_order(unknown, NOW),
        funded.begin_sending(unknown, 1, NOW),
    ):
        with pytest.raises(StorageError, match="found none"):
            await call
