from storage.audit import (
    count_left,
    count_signals,
    list_finished,
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
    reserved,
    signal,
    sold,
    trade,
    usd,
)
from trading.types import Reason, Refusal, Settlement, SignalId, SignalState


async def test_signals_are_counted_by_state_and_reason(store: PostgresStore) -> None:
    for n in range(4):
        await store.record_signal(signal(f"s{n}"), later(n))
    for n in (1, 2):
        refusal = Refusal(Reason.SPREAD_TOO_WIDE)
        await store.finish_signal(SignalId(f"s{n}"), SignalState.FILTERED, refusal, later(9))
    await store.finish_signal(SignalId("s3"), SignalState.FILLED, None, later(9))
    counts = await count_signals(store, later(1))
    assert counts.by_state == {SignalState.FILTERED: 2, SignalState.FILLED: 1}
    assert counts.by_reason == {"SPREAD_TOO_WIDE": 2}
    assert counts.total == counts.terminal == 3
    everything = await count_signals(store, NOW)
    assert (everything.total, everything.terminal) == (4, 3)


async def test_orders_that_left_us_are_summed_without_failed_fills(funded: PostgresStore) -> None:
    await reserved(funded, entry("never sent#1"))
    intent = await reserved(funded, entry("s1#1", cost_max="52"))
    await funded.begin_sending(intent.order.order_hash, 1, NOW)
    good = trade(intent, "t1", size="60", fee="0.5")
    ghost = trade(intent, "t2", size="40", settlement=Settlement.FAILED)
    await booked(funded, intent, good, ghost)
    [summed] = await sum_orders(funded, NOW)
    assert summed.order_hash == intent.order.order_hash
    assert summed.posts == 1
    assert summed.filled == 60
    assert summed.cost == 30
    assert summed.fee == usd("0.5")
    assert await sum_orders(funded, later(1)) == []


async def test_cash_shares_and_profit_are_summed_with_the_dust(funded: PostgresStore) -> None:
    assert await sum_shares(funded, WALLET) == {}
    await sold(funded, await bought(funded), at="0.60", size="99.99")
    assert await sum_shares(funded, WALLET) == {YES: usd("0.01")}
    assert await sum_cash(funded, WALLET) == usd("10009.994")
    assert await sum_realised(funded, NOW) == usd("9.999")
    assert await sum_realised(funded, later(1)) == 0


async def test_what_is_left_is_counted(funded: PostgresStore) -> None:
    assert await count_left(funded) == (0, 0)
    await bought(funded, "s1#1")
    await reserved(funded, entry("s2#1"))
    assert await count_left(funded) == (1, 1)


async def test_each_hop_is_measured(funded: PostgresStore) -> None:
    empty = await measure_latency(funded, NOW)
    assert [hop.n for hop in empty.values()] == [0, 0]
    await funded.record_signal(signal("s1"), later(1))
    intent = await reserved(funded, entry("s1#1"))
    await funded.begin_sending(intent.order.order_hash, 1, later(3))
    hops = await measure_latency(funded, NOW)
    assert hops["frame_to_committed"].p50_ms == 980
    assert hops["committed_to_sent"].p99_ms == 2000


async def test_ended_signals_are_listed_with_what_was_filled(funded: PostgresStore) -> None:
    for n in (1, 2):
        await funded.record_signal(signal(f"s{n}"), NOW)
    await bought(funded, "s1#1")
    await funded.finish_signal(SignalId("s1"), SignalState.FILLED, None, later(5))
    refusal = Refusal(Reason.NO_EDGE)
    await funded.finish_signal(SignalId("s2"), SignalState.FILTERED, refusal, later(6))
    first, second = await list_finished(funded, NOW, 10)
    assert (first.signal_id, first.state, first.reason) == ("s1", SignalState.FILLED, None)
    assert first.filled == 100
    assert first.cost == 50
    assert second.reason == "NO_EDGE"
    assert second.filled == 0
    assert [line.signal_id for line in await list_finished(funded, later(5), 10)] == ["s2"]
    assert len(await list_finished(funded, NOW, 1)) == 1
