"""Trades among followed wallets and undone purchases are no reason to buy."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations

import pytest

from tests.trading.scene import NO, NOW, WHALE, YES, whale_fill
from trading.aggregate import Aggregation, Aggregator
from trading.crossings import REMEMBERED_FOR, Crossings, Place, place_of
from trading.rules import AggregationRules
from trading.tallies import Tally, key_of
from trading.types import Reason, Side, Source, Wallet, WhaleFill

RULES = AggregationRules()
OTHER = Wallet("0x" + "0d" * 20)


def after(ms: float) -> datetime:
    return NOW + timedelta(milliseconds=ms)


def log(size: str, index: int, side: Side = Side.BUY, **changes: object) -> WhaleFill:
    fill = replace(
        whale_fill(size),
        source=Source.CHAIN,
        side=side,
        log_index=index,
        block_number=7,
        transaction_hash="0x01",
    )
    return replace(fill, **changes)  # type: ignore[arg-type]  # fields by name


def told(*fills: tuple[float, WhaleFill]) -> Aggregation:
    """Feed fills at their times, let all windows close, and return everything that came of it."""
    aggregator, steps = Aggregator(RULES), []
    for at, fill in fills:
        steps.append(aggregator.feed(fill, after(at)))
    steps.append(aggregator.due(after(max(at for at, _ in fills) + 1_000)))
    return Aggregation(
        signals=tuple(s for step in steps for s in step.signals),
        dropped=tuple(d for step in steps for d in step.dropped),
    )


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_one_whale_buys_of_another_is_not_copied_and_the_sale_is(
    order: tuple[int, ...],
) -> None:
    """The buyer's other transaction, in the same window, is copied all the same."""
    fills = [
        log("100", 1),
        log("100", 2, Side.SELL, wallet=OTHER),
        log("30", 9, transaction_hash="0x02"),
    ]
    found = told(*((10 * n, fills[i]) for n, i in enumerate(order)))
    assert [(d.reason, len(d.fills)) for d in found.dropped] == [(Reason.CLUSTER_TRADE, 1)]
    sizes = {(s.signal.side, s.signal.wallet): s.signal.size for s in found.signals}
    assert sizes == {(Side.SELL, OTHER): 100, (Side.BUY, WHALE): 30}


def test_a_whole_window_among_whales_is_dropped() -> None:
    found = told((0, log("100", 1)), (1, log("100", 2, Side.SELL, wallet=OTHER)))
    assert [s.signal.side for s in found.signals] == [Side.SELL]


@pytest.mark.parametrize(
    "other",
    [
        log("100", 2, wallet=OTHER),
        log("100", 2, Side.SELL, wallet=OTHER, token_id=NO),
        log("100", 2, Side.SELL, wallet=OTHER, transaction_hash="0x02"),
    ],
    ids=["the same side", "another token", "another transaction"],
)
def test_two_whales_at_one_time_are_not_yet_each_others_counterparties(other: WhaleFill) -> None:
    found = told((0, log("100", 1)), (1, other))
    assert found.dropped == ()
    assert len(found.signals) == 2


@pytest.mark.parametrize("sold", ["100", "250"])
def test_a_purchase_heard_after_the_sale_that_undid_it_is_dropped(sold: str) -> None:
    sale = log(sold, 5, Side.SELL, transaction_hash="0x02", block_number=8)
    found = told((0, sale), (400, log("100", 1)))
    assert [s.signal.side for s in found.signals] == [Side.SELL]
    assert [d.reason for d in found.dropped] == [Reason.SOLD_SINCE]


def test_a_purchase_of_which_part_was_sold_since_is_copied() -> None:
    sale = log("40", 5, Side.SELL, transaction_hash="0x02", block_number=8)
    found = told((0, sale), (400, log("100", 1)))
    assert [s.signal.side for s in found.signals] == [Side.SELL, Side.BUY]


def test_what_two_sources_tell_of_a_sale_is_one_sale() -> None:
    sale = log("60", 5, Side.SELL, transaction_hash="0x02", block_number=8)
    copy = replace(sale, source=Source.RTDS, log_index=None, block_number=None)
    found = told((0, sale), (1, copy), (400, log("100", 1)))
    assert found.dropped == ()


@pytest.mark.parametrize("source", [Source.CHAIN, Source.RTDS])
def test_a_purchase_after_a_sale_is_copied_and_in_doubt_too(source: Source) -> None:
    """In the same second only block and log tell which came first."""
    sale = log("100", 5, Side.SELL, transaction_hash="0x02", block_number=6)
    if source is Source.RTDS:
        sale = replace(sale, source=source, log_index=None, block_number=None)
    found = told((0, sale), (400, log("100", 1)))
    assert [s.signal.side for s in found.signals] == [Side.SELL, Side.BUY]


def test_places_are_ordered_by_second_then_block_then_log() -> None:
    first, second = place_of(log("1", 3)), place_of(log("1", 4))
    assert first.is_before(second)
    assert not second.is_before(first)
    assert not first.is_before(first)
    later = Place(first.traded_at + timedelta(seconds=1))
    assert first.is_before(later)
    assert not later.is_before(first)
    assert not Place(first.traded_at).is_before(second)


def test_what_no_entry_can_depend_on_is_forgotten() -> None:
    crossings, tally = Crossings(), Tally(touched_at=NOW, traded_at=NOW)
    sale = log("100", 1, Side.SELL, wallet=OTHER)
    crossings.note(sale, tally, NOW)
    crossings.note(sale, tally, NOW)
    crossings.note(log("1", 2, transaction_hash="0x09"), tally, NOW + REMEMBERED_FOR)
    assert crossings.is_among_whales(key_of(log("100", 1)))
    late = NOW + REMEMBERED_FOR * 3
    crossings.note(log("1", 3, token_id=YES, transaction_hash="0x0a"), tally, late)
    assert not crossings.is_among_whales(key_of(log("100", 1)))
