"""What an entry would cost, and how far an exit goes down its ladder."""

from dataclasses import replace
from decimal import Decimal

import pytest

from activities.records import Attempt
from storage.level_port import exit_levels, kept_levels
from storage.port import Levels
from tests.activities.desk import SIGNAL, Desk
from tests.storage.builders import price, shares
from trading.types import ExitReason, OrderType, Price, Reason, Side

ENTRY = Attempt(1, Side.BUY, shares(100), price("0.52"), signal_id=SIGNAL)


async def test_an_entry_is_walked_through_the_book_and_the_estimate_is_kept(desk: Desk) -> None:
    await desk.tell()
    estimate = await desk.pricing.estimate_slippage(ENTRY)
    assert estimate.reason is None
    assert (estimate.limit_price, estimate.vwap, estimate.mid) == (
        price("0.52"),
        price("0.51"),
        price("0.505"),
    )
    kept = await desk.store.load_decision(SIGNAL, "estimate_slippage#1")
    assert kept is not None
    assert kept["verdict"] == "PASSED"
    assert Decimal(kept["slippage"]) == estimate.slippage > 0


@pytest.mark.parametrize("bid", ["0.50", None])
async def test_an_estimate_that_was_kept_stands_whatever_the_book_says_by_now(
    desk: Desk, bid: str | None
) -> None:
    """A step that is run again after a crash may have had its intent committed."""
    await desk.tell()
    desk.venue.quote(bid, "0.51")
    first = await desk.pricing.estimate_slippage(ENTRY)
    desk.venue.quote("0.60", "0.61")
    assert await desk.pricing.estimate_slippage(ENTRY) == first
    second = await desk.pricing.estimate_slippage(replace(ENTRY, number=2))
    assert second.reason is Reason.PRICE_MOVED


async def test_an_entry_that_would_cost_too_much_is_refused(desk: Desk) -> None:
    await desk.tell()
    desk.venue.quote("0.40", "0.51")
    estimate = await desk.pricing.estimate_slippage(ENTRY)
    assert estimate.reason is Reason.SLIPPAGE_TOO_HIGH


@pytest.mark.parametrize(
    ("bid", "ask", "reason"),
    [
        (None, None, Reason.BOOK_INVALID),
        ("0.52", "0.51", Reason.BOOK_INVALID),
        ("0.52", "0.53", Reason.PRICE_MOVED),
    ],
)
async def test_an_entry_without_a_price_is_refused(
    desk: Desk, bid: str | None, ask: str | None, reason: Reason
) -> None:
    await desk.tell()
    desk.venue.quote(bid, ask)
    assert (await desk.pricing.estimate_slippage(ENTRY)).reason is reason


async def test_a_resting_entry_may_wait_below_the_ask(desk: Desk) -> None:
    await desk.tell()
    desk.rules = desk.rules.with_entry_order_type(OrderType.GTC)
    desk.venue.quote("0.52", "0.53")
    estimate = await desk.pricing.estimate_slippage(ENTRY)
    assert (estimate.reason, estimate.limit_price) == (None, price("0.52"))


async def test_an_exit_goes_down_its_ladder_from_the_level_that_was_crossed(desk: Desk) -> None:
    position = await desk.opened()
    levels = Levels(price("0.43"), price("0.66"), price("0.48"), price("0.51"))
    seen = kept_levels(exit_levels(position))
    assert await desk.store.swap_levels(position.position_id, seen, levels)
    desk.venue.quote("0.40", "0.42")
    attempt = Attempt(
        1, Side.SELL, shares(100), None, position_id=position.position_id, exit_epoch=1
    )

    async def priced(number: int, reason: ExitReason) -> Price:
        tried = replace(attempt, number=number, exit_reason=reason)
        return (await desk.pricing.estimate_slippage(tried)).limit_price

    stop = [await priced(number, ExitReason.STOP_LOSS) for number in (1, 2, 3, 4, 9)]
    assert stop == [price(p) for p in ("0.41", "0.41", "0.37", "0.01", "0.01")]
    assert await priced(1, ExitReason.TRAILING_STOP) == price("0.46")
    assert await priced(1, ExitReason.TAKE_PROFIT) == price("0.64")
    assert await priced(1, ExitReason.WHALE_EXIT) == price("0.38")
    desk.venue.quote(None)
    empty = await desk.pricing.estimate_slippage(replace(attempt, exit_reason=ExitReason.OPERATOR))
    assert empty.reason is Reason.BOOK_INVALID
