"""What an order book says: best prices, depth, the cost of walking it, slippage, price caps."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from trading.fees import taker_fee
from trading.rules import SlippageRules
from trading.ticks import floor_to_tick
from trading.types import (
    ONE,
    ZERO,
    FeeSchedule,
    Level,
    OrderBook,
    OrderType,
    Price,
    Reason,
    Refusal,
    Shares,
    Side,
    Usd,
)


def best_bid(book: OrderBook) -> Price | None:
    """Return the highest price somebody pays."""
    return book.bids[0].price if book.bids else None


def best_ask(book: OrderBook) -> Price | None:
    """Return the lowest price somebody asks."""
    return book.asks[0].price if book.asks else None


def mid_price(book: OrderBook) -> Price | None:
    """Return the middle between best bid and best ask, or None when a side is empty."""
    if not book.bids or not book.asks:
        return None
    return Price((book.bids[0].price + book.asks[0].price) / 2)


def spread(book: OrderBook) -> Price | None:
    """Return best ask less best bid, or None when a side is empty; negative when crossed."""
    if not book.bids or not book.asks:
        return None
    return Price(book.asks[0].price - book.bids[0].price)


def book_fault(book: OrderBook) -> str:
    """Return why a book cannot be true, or "" when it can."""
    if not book.bids or not book.asks:
        return "empty: no " + ("bids" if not book.bids else "asks")
    if any(not ZERO < level.price < ONE for level in (*book.bids, *book.asks)):
        return "a price outside (0, 1)"
    if any(level.size <= 0 for level in (*book.bids, *book.asks)):
        return "a level without size"
    if book.bids[0].price >= book.asks[0].price:
        return f"crossed: bid {book.bids[0].price}, ask {book.asks[0].price}"
    if not _is_sorted(book.asks) or not _is_sorted(book.bids[::-1]):
        return "levels not best first"
    return ""


def _is_sorted(levels: tuple[Level, ...]) -> bool:
    prices = [level.price for level in levels]
    return prices == sorted(set(prices))


def levels_for(book: OrderBook, side: Side) -> tuple[Level, ...]:
    """Return the levels an order of a side meets, best first: asks for a BUY."""
    return book.asks if side is Side.BUY else book.bids


def depth(book: OrderBook, side: Side, band: Decimal) -> Shares:
    """Return the shares a taker of a side finds within a band (a share) of the best price."""
    levels = levels_for(book, side)
    if not levels:
        return Shares(ZERO)
    edge = levels[0].price * (ONE + band if side is Side.BUY else ONE - band)
    return Shares(sum((level.size for level in levels if _reaches(side, edge, level)), ZERO))


def _reaches(side: Side, limit: Decimal, level: Level) -> bool:
    return level.price <= limit if side is Side.BUY else level.price >= limit


def visible_notional(book: OrderBook) -> Usd:
    """Return price x size summed over both sides: the liquidity one can see."""
    return Usd(_notional(book.bids) + _notional(book.asks))


def _notional(levels: Iterable[Level]) -> Decimal:
    return sum((level.price * level.size for level in levels), ZERO)


@dataclass(frozen=True, slots=True)
class Walk:
    """What taking from a book would fill, best level first; fees are not in `cost`."""

    fills: tuple[Level, ...]

    @property
    def size(self) -> Shares:
        """Return the shares filled."""
        return Shares(sum((fill.size for fill in self.fills), ZERO))

    @property
    def cost(self) -> Usd:
        """Return price x size over the fills: what a BUY pays or a SELL gets, before fees."""
        return Usd(_notional(self.fills))

    @property
    def vwap(self) -> Price | None:
        """Return the average price of the fills; None when nothing fills."""
        return Price(self.cost / self.size) if self.fills else None

    @property
    def worst_price(self) -> Price | None:
        """Return the last level touched; None when nothing fills."""
        return self.fills[-1].price if self.fills else None

    def fee(self, fees: FeeSchedule) -> Usd:
        """Return the taker's fee, as if each level were one counterparty."""
        return Usd(sum((taker_fee(fill.size, fill.price, fees) for fill in self.fills), ZERO))


def walk(book: OrderBook, side: Side, size: Shares, limit_price: Price) -> Walk:
    """Take up to `size` from the book at prices no worse than the limit."""
    fills = []
    left = size
    for level in levels_for(book, side):
        if left <= 0 or not _reaches(side, limit_price, level):
            break
        taken = Shares(min(left, level.size))
        fills.append(Level(level.price, taken))
        left = Shares(left - taken)
    return Walk(tuple(fills))


def slippage_of(side: Side, vwap: Price, mid: Price) -> Decimal:
    """Return (VWAP - mid) / mid, its sign turned for a SELL: positive when it costs us."""
    difference = vwap - mid if side is Side.BUY else mid - vwap
    return difference / mid


@dataclass(frozen=True, slots=True)
class SlippageEstimate:
    """What an order would cost against the mid-price. `buffered` is what is judged."""

    walk: Walk
    mid: Price
    slippage: Decimal
    buffered: Decimal


def estimate_slippage(
    book: OrderBook, side: Side, size: Shares, limit_price: Price, rules: SlippageRules
) -> SlippageEstimate | None:
    """Walk the book and add the buffer of 20 %; None when the book has no mid or nothing fills."""
    mid = mid_price(book)
    walked = walk(book, side, size, limit_price)
    if mid is None or walked.vwap is None:
        return None
    slippage = slippage_of(side, walked.vwap, mid)
    buffered = slippage + abs(slippage) * rules.estimate_buffer
    return SlippageEstimate(walked, mid, slippage, buffered)


def slippage_refusal(
    estimate: SlippageEstimate, order_type: OrderType, rules: SlippageRules
) -> Refusal | None:
    """Refuse a resting limit order above 2 %, a marketable one above 5 % of estimated slippage."""
    allowed = rules.limit_max if order_type.rests else rules.marketable_max
    if estimate.buffered <= allowed:
        return None
    figures = {
        "slippage": str(estimate.slippage),
        "slippage_buffered": str(estimate.buffered),
        "slippage_max": str(allowed),
        "mid": str(estimate.mid),
        "vwap": str(estimate.walk.vwap),
    }
    return Refusal(Reason.SLIPPAGE_TOO_HIGH, figures)


def price_cap(whale_price: Price, book: OrderBook, rules: SlippageRules) -> Price:
    """Return the most an entry may pay: min(whale + 2 %, best ask + 2 ticks), down to the tick.

    Returns 0, which buys nothing, where that is below the first tick.
    """
    cap = whale_price * (ONE + rules.cap_over_whale)
    if book.asks:
        cap = min(cap, book.asks[0].price + rules.cap_ticks_over_best * book.tick_size)
    return floor_to_tick(cap, book.tick_size)
