"""One whale order, however split and whoever reports it, is one signal."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.scene import NO, NOW, WHALE, YES, price, whale_fill
from trading.aggregate import Aggregation, Aggregator, FoundSignal, signal_id_of
from trading.rules import AggregationRules
from trading.tallies import TallyKey
from trading.types import Reason, Shares, Side, SignalId, Source, Wallet, WhaleFill, WhaleSignal

RULES = AggregationRules()


def after(ms: float) -> datetime:
    return NOW + timedelta(milliseconds=ms)


def log(size: str, index: int, transaction: str = "0x01", block: int = 7) -> WhaleFill:
    return replace(
        whale_fill(size),
        source=Source.CHAIN,
        log_index=index,
        block_number=block,
        transaction_hash=transaction,
    )


def fed(aggregator: Aggregator, *fills: tuple[float, WhaleFill]) -> list[WhaleSignal]:
    """Feed fills at their times and let all windows close."""
    steps = [aggregator.feed(fill, after(at)) for at, fill in fills]
    last = max((at for at, _ in fills), default=0)
    steps.append(aggregator.due(after(last + 1_000)))
    return [found.signal for step in steps for found in step.signals]


def test_fills_within_the_quiet_time_are_one_signal() -> None:
    signals = fed(
        Aggregator(RULES),
        (0, whale_fill("100", "0.40")),
        (200, whale_fill("300", "0.44")),
        (449, whale_fill("100", "0.40")),
    )
    assert len(signals) == 1
    assert signals[0].size == 500
    assert signals[0].price == Decimal("0.424")
    assert signals[0].fill_count == 3


def test_a_fill_after_the_quiet_time_is_a_new_signal() -> None:
    other = replace(whale_fill("70"), transaction_hash="0x02")
    signals = fed(Aggregator(RULES), (0, whale_fill("100")), (250, other))
    assert [s.size for s in signals] == [100, 70]
    assert signals[0].signal_id != signals[1].signal_id


def test_a_fill_of_the_same_transaction_joins_within_the_second_though_heard_late() -> None:
    signals = fed(Aggregator(RULES), (0, log("100", 1)), (300, log("70", 2)), (999, log("30", 3)))
    assert [s.size for s in signals] == [200]
    signals = fed(Aggregator(RULES), (0, log("100", 1)), (900, log("70", 2)), (1000, log("30", 3)))
    assert [s.size for s in signals] == [170, 30]


def test_a_window_that_was_closed_takes_no_late_fill_of_its_transaction() -> None:
    aggregator = Aggregator(RULES)
    aggregator.feed(log("100", 1), after(0))
    assert len(aggregator.due(after(250)).signals) == 1
    assert [s.size for s in fed(aggregator, (260, log("70", 2)))] == [70]


def test_what_comes_for_one_window_closes_the_others_that_are_due() -> None:
    aggregator = Aggregator(RULES)
    sale = replace(log("5", 9), side=Side.SELL, wallet=Wallet("0x" + "99" * 20))
    aggregator.feed(log("100", 1), after(0))
    aggregator.feed(sale, after(0))
    late = log("70", 2)
    assert [f.signal.size for f in aggregator.due(after(300), late).signals] == [5]


def test_a_window_ends_after_a_second_however_many_come() -> None:
    fills = [(at, whale_fill("10")) for at in range(0, 1200, 100)]
    signals = fed(Aggregator(RULES), *fills)
    assert [s.size for s in signals] == [100, 20]


def test_nothing_is_found_before_its_time() -> None:
    aggregator = Aggregator(RULES)
    assert aggregator.next_due_at is None
    assert aggregator.feed(whale_fill(), after(0)) == Aggregation()
    assert aggregator.next_due_at == after(250)
    assert aggregator.due(after(249)) == Aggregation()
    assert len(aggregator.due(after(250)).signals) == 1
    assert aggregator.next_due_at is None


def test_other_wallets_tokens_and_sides_are_other_signals() -> None:
    signals = fed(
        Aggregator(RULES),
        (0, whale_fill("1")),
        (1, replace(whale_fill("2"), token_id=NO)),
        (2, replace(whale_fill("3"), wallet=whale_fill().wallet.replace("1", "3"))),  # type: ignore[arg-type]
        (3, replace(whale_fill("4"), token_id=NO, side=Side.BUY, transaction_hash="0x02")),
    )
    assert sorted(s.size for s in signals) == [1, 3, 6]


def test_a_signal_tells_where_it_came_from() -> None:
    fill = whale_fill("100")
    late = replace(log("100", 3, "0x00"), traded_at=NOW, seen_at=after(9))
    found = Aggregator(RULES)
    found.feed(fill, after(0))
    found.feed(late, after(9))
    signal = found.due(after(999)).signals[0].signal
    assert (signal.wallet, signal.token_id, signal.side) == (WHALE, YES, Side.BUY)
    assert signal.detected_at == fill.seen_at
    assert signal.source is Source.RTDS
    assert signal.traded_at == NOW
    assert signal.transaction_hash == "0x00"
    first = TallyKey("0x00", WHALE, YES, Side.BUY)
    assert signal.signal_id == signal_id_of(first, 0)


# Several sources.


def test_a_second_source_adds_nothing() -> None:
    aggregator = Aggregator(RULES)
    aggregator.feed(whale_fill("60"), after(0))
    aggregator.feed(whale_fill("40"), after(5))
    told = aggregator.feed(log("100", 1), after(10))
    assert told.absorbed == (log("100", 1),)
    late = fed(aggregator, (2_000, replace(whale_fill("100"), source=Source.DATA_API)))
    assert [s.size for s in late] == [100]


def test_a_later_source_brings_only_what_was_missing() -> None:
    signals = fed(Aggregator(RULES), (0, whale_fill("60")), (2_000, log("100", 1)))
    assert [s.size for s in signals] == [60, 40]
    ids = [signal_id_of(TallyKey("0x01", WHALE, YES, Side.BUY), n) for n in (0, 1)]
    assert [s.signal_id for s in signals] == ids


def test_a_fill_that_tells_nothing_new_does_not_prolong_the_window() -> None:
    aggregator = Aggregator(RULES)
    for at, fill in ((0, whale_fill("60")), (200, log("60", 1))):
        aggregator.feed(fill, after(at))
    assert aggregator.next_due_at == after(250)


Split = list[tuple[str, Decimal, Decimal]]


@st.composite
def parents(draw: st.DrawFn) -> Split:
    """One parent order: fills (transaction, size, price) over up to three transactions."""
    sizes = st.decimals(min_value="0.01", max_value=500, places=2)
    cents = st.integers(40, 45).map(lambda c: Decimal(c) / 100)
    transactions = st.sampled_from(["0x0a", "0x0b", "0x0c"])
    return draw(st.lists(st.tuples(transactions, sizes, cents), min_size=1, max_size=20))


def rows(parent: Split, source: Source) -> list[WhaleFill]:
    return [
        replace(whale_fill(str(size), str(at)), transaction_hash=tx, source=source)
        for tx, size, at in parent
    ]


def chain_logs(parent: Split) -> list[WhaleFill]:
    """The chain sums a wallet's order: one log per transaction, at the average price."""
    logs = []
    for index, tx in enumerate(sorted({tx for tx, _, _ in parent})):
        parts = [(size, at) for t, size, at in parent if t == tx]
        size = sum((s for s, _ in parts), Decimal(0))
        notional = sum((s * at for s, at in parts), Decimal(0))
        logs.append(
            replace(log("1", index, tx), size=Shares(size), price=price(str(notional / size)))
        )
    return logs


def told(parent: Split, data: st.DataObject) -> Sequence[WhaleFill]:
    """Everything all three sources tell, each log up to three times, in any order."""
    logs = chain_logs(parent)
    again = data.draw(st.lists(st.sampled_from(logs), max_size=2 * len(logs)))
    fills = rows(parent, Source.RTDS) + rows(parent, Source.DATA_API) + logs + again
    return data.draw(st.permutations(fills))


def same(signal: WhaleSignal) -> tuple[object, ...]:
    return (signal.signal_id, signal.size, signal.price, signal.side, signal.traded_at)


@settings(max_examples=200)
@given(parent=parents(), data=st.data())
def test_any_delivery_of_a_parent_order_is_the_same_signal(
    parent: Split, data: st.DataObject
) -> None:
    plain = fed(Aggregator(RULES), *[(0, fill) for fill in chain_logs(parent)])
    mixed = fed(Aggregator(RULES), *[(n, fill) for n, fill in enumerate(told(parent, data))])
    assert len(plain) == len(mixed) == 1
    assert same(plain[0]) == same(mixed[0])


@settings(max_examples=200)
@given(parent=parents(), data=st.data())
def test_however_late_the_sources_are_the_shares_are_counted_once(
    parent: Split, data: st.DataObject
) -> None:
    gaps = st.integers(0, 700)
    at, timed = 0, []
    for fill in told(parent, data):
        at += data.draw(gaps)
        timed.append((float(at), fill))
    signals = fed(Aggregator(RULES), *timed)
    assert sum(s.size for s in signals) == sum(size for _, size, _ in parent)
    assert len({s.signal_id for s in signals}) == len(signals)


def test_a_hundred_fills_of_three_sources_are_one_signal() -> None:
    parent = [(f"0x0{n % 3}", Decimal("1.5"), Decimal("0.43")) for n in range(100)]
    fills = rows(parent, Source.RTDS) + chain_logs(parent) * 5 + rows(parent, Source.DATA_API)
    signals = fed(Aggregator(RULES), *[(n, fill) for n, fill in enumerate(fills)])
    assert [s.size for s in signals] == [150]


# Reorganisations.


def taken_back(steps: Iterable[Aggregation]) -> list[tuple[str, ...]]:
    return [back.signal_ids for step in steps for back in step.taken_back]


def test_a_log_taken_back_in_time_never_becomes_a_signal() -> None:
    aggregator = Aggregator(RULES)
    aggregator.feed(log("100", 1), after(0))
    told = aggregator.feed(replace(log("100", 1), removed=True), after(100))
    assert told.absorbed
    assert aggregator.due(after(999)) == Aggregation()


def test_one_of_two_logs_taken_back_leaves_the_other() -> None:
    aggregator = Aggregator(RULES)
    aggregator.feed(whale_fill("50"), after(0))
    for index, size in ((1, "100"), (2, "30")):
        aggregator.feed(log(size, index), after(index))
    aggregator.feed(replace(log("70", 3, "0x02")), after(3))
    aggregator.feed(replace(log("100", 1), removed=True), after(100))
    found = aggregator.due(after(999)).signals
    assert [f.signal.size for f in found] == [100]
    assert [f.fills for f in found] == [(log("30", 2), log("70", 3, "0x02"))]


def test_a_log_taken_back_too_late_is_reported() -> None:
    aggregator = Aggregator(RULES)
    signals = fed(aggregator, (0, log("100", 1)))
    step = aggregator.feed(replace(log("100", 1), removed=True), after(5_000))
    assert taken_back([step]) == [(signals[0].signal_id,)]
    again = fed(aggregator, (6_000, log("100", 4, block=8)))
    assert again == []  # mined again: it was signalled before


def test_a_removal_of_something_unknown_is_absorbed() -> None:
    removed = replace(log("100", 1), removed=True)
    assert Aggregator(RULES).feed(removed, after(0)).absorbed == (removed,)


# Wash trades.


def test_buying_and_selling_at_the_same_time_is_dropped() -> None:
    aggregator = Aggregator(RULES)
    aggregator.feed(whale_fill("100"), after(0))
    sold = replace(whale_fill("100", side=Side.SELL), transaction_hash="0x02")
    aggregator.feed(sold, after(100))
    steps = [aggregator.due(after(260)), aggregator.due(after(400))]
    assert not [s for step in steps for s in step.signals]
    dropped = [d for step in steps for d in step.dropped]
    assert [d.reason for d in dropped] == [Reason.WASH_TRADE, Reason.WASH_TRADE]
    assert [d.fills for d in dropped] == [(whale_fill("100"),), (sold,)]
    assert fed(aggregator, (2_000, log("100", 1))) == []


def test_selling_later_is_no_wash() -> None:
    sold = replace(whale_fill("100", side=Side.SELL), transaction_hash="0x02")
    signals = fed(Aggregator(RULES), (0, whale_fill("100")), (300, sold))
    assert [s.side for s in signals] == [Side.BUY, Side.SELL]


# Memory and clocks.


def test_what_was_signalled_before_a_restart_is_not_signalled_again() -> None:
    aggregator = Aggregator(RULES)
    aggregator.remember(whale_fill("60"), after(0))
    aggregator.remember(whale_fill("40"), after(0))
    signals = fed(aggregator, (10, log("100", 1)), (20, log("5", 2)))
    assert [s.size for s in signals] == [5]
    assert signals[0].signal_id == signal_id_of(TallyKey("0x01", WHALE, YES, Side.BUY), 1)


def test_what_two_signals_counted_is_remembered_with_both() -> None:
    aggregator = Aggregator(RULES)
    aggregator.remember(log("60", 1), after(0), SignalId("first"))
    aggregator.remember(log("40", 2), after(0), SignalId("second"))
    aggregator.remember(log("7", 3), after(0), SignalId("second"))
    [signal] = fed(aggregator, (10, log("5", 4)))
    assert signal.size == 5
    assert signal.signal_id == signal_id_of(TallyKey("0x01", WHALE, YES, Side.BUY), 2)


def test_an_hour_later_a_transaction_is_forgotten() -> None:
    aggregator = Aggregator(RULES)
    fed(aggregator, (0, log("100", 1)))
    assert fed(aggregator, (3_599_000, log("100", 1))) == []
    assert len(fed(aggregator, (2 * 3_600_000, log("100", 1)))) == 1


def test_the_oldest_transactions_are_forgotten_first() -> None:
    aggregator = Aggregator(replace(RULES, tallies_max=2))
    for n in range(4):
        fed(aggregator, (n * 2_000, log("100", 1, f"0x{n}")))
    assert fed(aggregator, (9_000, log("100", 1, "0x3"))) == []
    assert len(fed(aggregator, (11_000, log("100", 1, "0x0")))) == 1


def test_too_many_windows_close_the_oldest_early() -> None:
    aggregator = Aggregator(replace(RULES, windows_max=1))
    aggregator.feed(whale_fill("100"), after(0))
    step = aggregator.feed(replace(whale_fill("7"), token_id=NO), after(1))
    assert [found.signal.token_id for found in step.signals] == [YES]


def test_a_full_window_closes_early() -> None:
    aggregator = Aggregator(replace(RULES, fills_max=2))
    aggregator.feed(whale_fill("1"), after(0))
    step = aggregator.feed(whale_fill("2"), after(1))
    assert [found.signal.size for found in step.signals] == [3]


def test_a_window_survives_its_forgotten_tally() -> None:
    aggregator = Aggregator(replace(RULES, tallies_max=1))
    for n in range(4):
        aggregator.feed(log("10", n, f"0x{n}"), after(n))
    found = aggregator.due(after(999)).signals
    assert [f.signal.size for f in found] == [40]


def test_a_clock_that_goes_back_delays_nothing() -> None:
    aggregator = Aggregator(RULES)
    aggregator.feed(whale_fill("100"), after(0))
    aggregator.feed(whale_fill("50"), after(-60_000))
    assert aggregator.next_due_at == after(250)
    found: tuple[FoundSignal, ...] = aggregator.due(after(250)).signals
    assert [f.signal.size for f in found] == [150]


@pytest.mark.parametrize("n", [0, 1])
def test_signal_ids_are_the_same_everywhere(n: int) -> None:
    key = TallyKey("0x01", WHALE, YES, Side.BUY)
    assert signal_id_of(key, n) == signal_id_of(TallyKey("0x01", WHALE, YES, Side.BUY), n)
    assert len(signal_id_of(key, n)) == 64
