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


def off_chain(fill: WhaleFill, seconds: int) -> WhaleFill:
    """Return what the venue tells of a fill, stamped so many seconds later than the scene."""
    at = NOW + timedelta(seconds=seconds)
    return replace(fill, source=Source.RTDS, log_index=None, block_number=None, traded_at=at)


def in_block(fill: WhaleFill, block: int, seconds: int) -> WhaleFill:
    return replace(fill, block_number=block, traded_at=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("bought_at", "is_copied"), [(-1, True), (-4, True), (-5, False), (0, True), (1, True)]
)
def test_a_sale_in_the_block_of_later_seconds_may_have_been_matched_before_the_purchase(
    bought_at: int, *, is_copied: bool
) -> None:
    """The whale sold and bought again; the sale is mined, the purchase is told by the venue."""
    sale = in_block(log("100", 5, Side.SELL, transaction_hash="0x02"), 8, 0)
    found = told((0, sale), (400, off_chain(log("100", 1), bought_at)))
    assert (found.dropped == ()) is is_copied


@pytest.mark.parametrize(("sold_at", "is_copied"), [(0, True), (1, False), (-1, True)])
def test_a_sale_that_the_venue_stamps_later_than_the_purchase_s_block_came_after_it(
    sold_at: int, *, is_copied: bool
) -> None:
    sale = off_chain(log("100", 5, Side.SELL, transaction_hash="0x02"), sold_at)
    found = told((0, sale), (400, in_block(log("100", 1), 8, 0)))
    assert (found.dropped == ()) is is_copied


@pytest.mark.parametrize(("sold_in", "is_copied"), [(7, True), (9, False)])
@pytest.mark.parametrize("told_also", [True, False])
def test_where_the_chain_has_told_both_no_stamp_of_the_venue_counts(
    sold_in: int, *, told_also: bool, is_copied: bool
) -> None:
    """Copies of the venue are stamped the other way round."""
    sale = in_block(log("100", 5, Side.SELL, transaction_hash="0x02"), sold_in, sold_in)
    purchase = in_block(log("100", 1), 8, 8)
    copies = [off_chain(sale, 30 - sold_in), off_chain(purchase, 30 - 8)] if told_also else []
    steps = [sale, *copies[:1], purchase, *copies[1:]]
    found = told(*((400 * min(n, 1) + n, fill) for n, fill in enumerate(steps)))
    assert (found.dropped == ()) is is_copied


def test_a_sale_between_two_purchases_undid_not_both() -> None:
    sale = log("200", 5, Side.SELL, transaction_hash="0x02", block_number=8)
    later = log("100", 9, transaction_hash="0x03", block_number=9)
    found = told((0, sale), (400, log("100", 1)), (410, later))
    assert found.dropped == ()


def test_places_are_ordered_by_block_and_log_else_by_second() -> None:
    first, second = Place(NOW, 7, 3), Place(NOW, 7, 4)
    assert first.is_before(second)
    assert not second.is_before(first)
    assert not first.is_before(first)
    later = Place(NOW + timedelta(seconds=1))
    assert first.is_before(later)
    assert not later.is_before(first)
    assert not Place(NOW).is_before(second)
    assert Place(NOW).is_before(later)
    assert not Place(NOW).is_before(Place(NOW))


def test_a_trade_stands_where_its_last_log_stands() -> None:
    tally, block_at = Tally(touched_at=NOW, traded_at=NOW), log("1", 1).traded_at
    tally.add(off_chain(log("100", 1), 9))
    assert place_of(tally) == Place(NOW.replace(microsecond=0) + timedelta(seconds=9))
    tally.add(log("50", 4))
    tally.add(log("50", 2))
    assert place_of(tally) == Place(block_at.replace(microsecond=0), 7, 4)


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
