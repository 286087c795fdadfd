from decimal import Decimal

from storage.audit import (
    count_left,
    count_signals,
    list_finished,
    list_worthless,
    measure_latency,
    sum_cash,
    sum_orders,
    sum_realised,
    sum_shares,
)
from storage.postgres import PostgresStore
from tests.storage.builders import (
    NOW,
    WALLET,
    YES,
    booked,
    bought,
    entry,
    later,
    price,
    reserved,
    signal,
    sold,
    trade,
)
from trading.types import Reason, Refusal, Settlement, SignalId, SignalState, Wallet

BEFORE = later(-60)
OTHER_WALLET = Wallet("0x" + "9" * 40)
WIDE = Refusal(Reason.SPREAD_TOO_WIDE, {})


async def test_signals_are_counted_by_state_and_reason_since_a_time(store: PostgresStore) -> None:
    await store.record_signal(signal("old"), later(-3600))
    for n, name in enumerate(("s1", "s2", "s3")):
        await store.record_signal(signal(name), later(n))
    await store.finish_signal(SignalId("s1"), SignalState.FILTERED, WIDE, later(5))
    await store.finish_signal(SignalId("s2"), SignalState.FILTERED, WIDE, later(5))
    counts = await count_signals(store, BEFORE)
    assert counts.by_state == {SignalState.FILTERED: 2, SignalState.WAITING: 1}
    assert counts.by_reason == {"SPREAD_TOO_WIDE": 2}
    assert (counts.total, counts.terminal) == (3, 2)


async def test_orders_are_summed_with_fills_that_did_not_fail(funded: PostgresStore) -> None:
    never_sent = await reserved(funded, entry("s9#1", size="10", at="0.10"))
    intent = await reserved(funded, entry("s1#1"))
    await funded.begin_sending(intent.order.order_hash, 1, NOW)
    failed = trade(intent, "t2", size="40", settlement=Settlement.FAILED)
    await booked(funded, intent, trade(intent, "t1", size="60", fee="0.3"), failed)
    [found] = await sum_orders(funded, BEFORE)
    assert found.order_hash == intent.order.order_hash != never_sent.order.order_hash
    assert [found.filled, found.cost, found.fee] == [60, 30, Decimal("0.3")]
    assert found.posts == 1
    assert await sum_orders(funded, later(60)) == []


async def test_cash_and_shares_are_those_of_the_ledger_and_the_positions(
    funded: PostgresStore,
) -> None:
    position = await bought(funded, fee="0.5")
    assert await sum_cash(funded, WALLET) == Decimal("9949.5")
    assert await sum_shares(funded, WALLET) == {YES: 100}
    assert await count_left(funded) == (1, 0)
    await sold(funded, position)
    assert await sum_shares(funded, WALLET) == {}
    assert await sum_realised(funded, BEFORE) == Decimal("9.5")
    assert await count_left(funded) == (0, 0)


async def test_shares_of_an_outcome_that_lost_are_worthless_once_that_is_known(
    funded: PostgresStore,
) -> None:
    lost = await bought(funded)
    assert await list_worthless(funded, WALLET) == frozenset()
    await funded.settle_resolution(lost.position_id, price(0), redeemed=False, now=NOW)
    assert await list_worthless(funded, WALLET) == {YES}
    assert await list_worthless(funded, OTHER_WALLET) == frozenset()


async def test_shares_that_are_paid_are_not_worthless(funded: PostgresStore) -> None:
    paid = await bought(funded)
    await funded.settle_resolution(paid.position_id, price("0.5"), redeemed=True, now=NOW)
    assert await list_worthless(funded, WALLET) == frozenset()


async def test_a_reservation_that_is_not_released_is_left(funded: PostgresStore) -> None:
    await reserved(funded, entry())
    assert await count_left(funded) == (1, 1)


async def test_latency_is_measured_hop_by_hop(funded: PostgresStore) -> None:
    for n, name in enumerate(("s1", "s2", "s3")):
        await funded.record_signal(signal(name), later(n))
    hops = await measure_latency(funded, BEFORE)
    assert hops["frame_to_committed"].n == 3
    assert hops["frame_to_committed"].p50_ms == 980
    assert hops["committed_to_sent"].n == 0


async def test_finished_signals_are_listed_in_the_order_of_their_ends(
    funded: PostgresStore,
) -> None:
    for name in ("s1", "s2", "s3"):
        await funded.record_signal(signal(name), NOW)
    await bought(funded, "s1#1")
    await funded.finish_signal(SignalId("s2"), SignalState.FILTERED, WIDE, later(1))
    await funded.finish_signal(SignalId("s1"), SignalState.FILLED, None, later(2))
    refused, filled = await list_finished(funded, NOW, 10)
    assert (refused.signal_id, refused.reason) == ("s2", "SPREAD_TOO_WIDE")
    assert filled.signal_id == "s1"
    assert [filled.filled, filled.cost] == [100, 50]
    assert [line.signal_id for line in await list_finished(funded, later(1), 10)] == ["s1"]
