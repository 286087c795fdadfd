"""The decision on one whale signal."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.trading.scene import NO, NOW, facts, order_book, price, shares, signal, usd
from trading.decide import Facts, decide
from trading.holdings import Mirror
from trading.rules import Rules
from trading.types import Reason, Side, Significance

RULES = Rules()


def test_a_good_signal_is_copied_with_every_number() -> None:
    decision = decide(facts(), RULES)
    assert decision.is_copied
    assert decision.side is Side.BUY
    assert decision.limit_price == Decimal("0.51")
    assert decision.size is not None
    assert decision.notional == decision.size * Decimal("0.51")
    assert decision.exit_share is None
    assert decision.significance is Significance.MEDIUM
    for name in ("whale_price", "signal_age", "price_cap", "kelly", "fraction", "size"):
        assert name in decision.numbers, name


def changed(**changes: object) -> Callable[[Facts], Facts]:
    return lambda known: replace(known, **changes)  # type: ignore[arg-type]


def changed_whale(**changes: object) -> Callable[[Facts], Facts]:
    return lambda known: replace(
        known,
        whale=replace(known.whale, **changes),  # type: ignore[arg-type]
    )


def changed_portfolio(**changes: object) -> Callable[[Facts], Facts]:
    return lambda known: replace(
        known,
        portfolio=replace(known.portfolio, **changes),  # type: ignore[arg-type]
    )


REFUSALS = [
    (changed_whale(is_followed=False), Reason.WHALE_UNKNOWN),
    (changed_whale(is_paused=True), Reason.WHALE_PAUSED),
    (changed_portfolio(entries_halted=True, halt_reason="by hand"), Reason.ENTRIES_HALTED),
    (changed_whale(quality_score=Decimal("0.5")), Reason.QUALITY_TOO_LOW),
    (changed(signal=signal(size="100")), Reason.NOTIONAL_TOO_SMALL),
    (changed(signal=replace(signal(), token_id=NO)), Reason.BOOK_INVALID),
    (changed(signal=signal(at="0.97")), Reason.PRICE_OUT_OF_BAND),
    (changed(book=order_book(received_at=NOW - timedelta(minutes=1))), Reason.BOOK_STALE),
    (changed(book=order_book(bids=())), Reason.BOOK_INVALID),
    (changed(book=order_book(bids=(("0.40", "10"),))), Reason.SPREAD_TOO_WIDE),
    (changed(book=order_book(asks=(("0.52", "9000"),))), Reason.PRICE_MOVED),
    (changed(book=order_book(asks=(("0.50", "10"),))), Reason.DEPTH_TOO_LOW),
    (changed_whale(win_rate=Decimal("0.4")), Reason.NO_EDGE),
    (changed_portfolio(cash=usd("1"), bid_value=usd("0")), Reason.SIZE_TOO_SMALL),
]


@pytest.mark.parametrize(("change", "reason"), REFUSALS)
def test_every_no_has_its_reason_and_numbers(
    change: Callable[[Facts], Facts], reason: Reason
) -> None:
    decision = decide(change(facts()), RULES)
    assert not decision.is_copied
    assert decision.size is None
    assert decision.refusal is not None
    assert decision.refusal.reason is reason
    assert decision.refusal.numbers == decision.numbers
    assert "whale_notional" in decision.numbers


def test_a_signal_that_waited_too_long_is_refused() -> None:
    late = NOW + timedelta(seconds=3)
    known = replace(facts(), now=late, book=order_book(received_at=late))
    decision = decide(known, RULES)
    assert decision.refusal is not None
    assert decision.refusal.reason is Reason.SIGNAL_TOO_OLD


def test_a_price_cap_below_the_first_tick_buys_nothing() -> None:
    rules = replace(RULES, filters=replace(RULES.filters, price_min=price("0.001")))
    whale = replace(signal(at="0.004", size="900000"))
    book = order_book(bids=(("0.0039", "900000"),), asks=(("0.004", "900000"),))
    decision = decide(replace(facts(), signal=whale, book=book), rules)
    assert decision.refusal is not None
    assert decision.refusal.reason is Reason.PRICE_OUT_OF_BAND


def selling(held: str, whale_held: str, sold: str = "4000") -> Facts:
    whale_signal = signal(Side.SELL, size=sold)
    return replace(facts(whale_signal), held=shares(held), whale_held=shares(whale_held))


@pytest.mark.parametrize(
    ("held", "whale_held", "share", "size"),
    [
        ("100", "8000", "0.5", "50"),
        ("100", "4000", "1", "100"),
        ("100", "1000", "1", "100"),  # sold more than we saw it buy
        ("100", "0", "1", "100"),  # never seen buying
        ("100.017", "12000", None, "33.33"),
        ("0.01", "4000", "1", "0.01"),
    ],
)
def test_an_exit_is_mirrored_in_proportion(
    held: str, whale_held: str, share: str | None, size: str
) -> None:
    decision = decide(selling(held, whale_held), RULES)
    assert decision.is_copied
    assert decision.side is Side.SELL
    assert decision.size == Decimal(size)
    assert decision.limit_price is None
    assert decision.exit_share is not None
    assert 0 < decision.exit_share <= 1
    if share is not None:
        assert decision.exit_share == Decimal(share)


def test_what_the_lots_owe_is_what_is_sold() -> None:
    owing = replace(
        selling("100", "8000"), mirror=Mirror(Decimal("0.25"), shares("100"), shares("75"))
    )
    decision = decide(owing, RULES)
    assert (decision.exit_share, decision.size) == (Decimal("0.25"), Decimal(25))
    assert decision.numbers["target"] == "75"


@pytest.mark.parametrize(
    ("held", "share", "is_sold"),
    [("100", "0.05", True), ("100", "0.049", False), ("100", "0", False), ("4", "1", True)],
)
def test_a_part_below_the_smallest_order_waits_until_more_is_owed(
    held: str, share: str, is_sold: bool
) -> None:
    owed = Mirror(Decimal(share), shares(held), shares("0"))
    decision = decide(replace(selling(held, "8000"), mirror=owed), RULES)
    assert decision.is_copied is is_sold
    if decision.refusal is not None:
        assert decision.refusal.reason is Reason.SIZE_TOO_SMALL


@pytest.mark.parametrize(
    ("held", "whale_held", "reason"),
    [
        ("0", "8000", Reason.NO_POSITION_TO_REDUCE),
        ("0.009", "8000", Reason.NO_POSITION_TO_REDUCE),
        ("1", "4000000", Reason.SIZE_TOO_SMALL),
    ],
)
def test_an_exit_of_nothing_is_a_no(held: str, whale_held: str, reason: Reason) -> None:
    decision = decide(selling(held, whale_held), RULES)
    assert decision.refusal is not None
    assert decision.refusal.reason is reason


@pytest.mark.parametrize(("change", "_reason"), REFUSALS[:4] + REFUSALS[7:9])
def test_nothing_that_filters_entries_blocks_an_exit(
    change: Callable[[Facts], Facts], _reason: Reason
) -> None:
    assert decide(change(selling("100", "8000")), RULES).is_copied
