"""What an entry may pay now, and whether it is worth that: for trading and for looking back."""

from dataclasses import dataclass
from decimal import Decimal

from trading.book import book_fault, estimate_slippage, mid_price, slippage_refusal
from trading.rules import SlippageRules
from trading.ticks import floor_to_tick
from trading.types import ZERO, OrderBook, OrderType, Price, Reason, Shares, Side


@dataclass(frozen=True, slots=True)
class EntryPrice:
    """An entry's limit, and what the book says of it; `reason` is why it is not sent.

    `slippage` has its buffer. `vwap` is None where the book has nothing for it within the limit;
    `mid` is 0 where the book has none.
    """

    limit: Price
    mid: Price
    slippage: Decimal = ZERO
    vwap: Price | None = None
    reason: Reason | None = None


def price_entry(
    book: OrderBook, size: Shares, cap: Price, order_type: OrderType, rules: SlippageRules
) -> EntryPrice:
    """Bound the price by the cap and two ticks over the ask, and judge what it would cost.

    An order that may rest is priced even where nobody sells within its limit.
    """
    mid = mid_price(book)
    if mid is None or book_fault(book):
        return EntryPrice(cap, mid or Price(ZERO), reason=Reason.BOOK_INVALID)
    over_best = book.asks[0].price + rules.cap_ticks_over_best * book.tick_size
    limit = floor_to_tick(min(cap, over_best), book.tick_size)
    estimate = estimate_slippage(book, Side.BUY, size, limit, rules)
    if estimate is None:
        return EntryPrice(limit, mid, reason=None if order_type.rests else Reason.PRICE_MOVED)
    refusal = slippage_refusal(estimate, order_type, rules)
    reason = None if refusal is None else refusal.reason
    return EntryPrice(limit, mid, estimate.buffered, estimate.walk.vwap, reason)
