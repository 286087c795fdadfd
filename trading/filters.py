"""The stages an entry passes before it is sized; each returns None or a no with its numbers."""

from datetime import datetime
from decimal import Decimal

from trading.book import best_ask, book_fault, depth, spread, visible_notional
from trading.rules import FilterRules
from trading.types import (
    Market,
    OrderBook,
    Reason,
    Refusal,
    Shares,
    Side,
    WhaleSignal,
)


def check_signal(signal: WhaleSignal, rules: FilterRules) -> Refusal | None:
    """Refuse whale orders below the minimum notional."""
    if signal.notional >= rules.whale_notional_min:
        return None
    return _no(
        Reason.NOTIONAL_TOO_SMALL,
        whale_notional=signal.notional,
        whale_notional_min=rules.whale_notional_min,
    )


def check_market(
    signal: WhaleSignal, market: Market, now: datetime, rules: FilterRules
) -> Refusal | None:
    """Market quality: open, the whale's price within the band, ending neither too soon nor late.

    A market without an end date is one that ends too late.
    """
    if signal.token_id not in market.token_ids:
        return _no(Reason.MARKET_UNKNOWN, token_id=signal.token_id, market=market.condition_id)
    is_over = market.is_closed or market.payouts is not None
    if is_over or not market.is_active or not market.accepts_orders:
        return _no(
            Reason.MARKET_CLOSED,
            is_active=market.is_active,
            is_closed=market.is_closed,
            accepts_orders=market.accepts_orders,
            is_resolved=market.payouts is not None,
        )
    if not rules.price_min <= signal.price <= rules.price_max:
        return _no(
            Reason.PRICE_OUT_OF_BAND,
            whale_price=signal.price,
            price_min=rules.price_min,
            price_max=rules.price_max,
        )
    return _check_end(market, now, rules)


def _check_end(market: Market, now: datetime, rules: FilterRules) -> Refusal | None:
    if market.ends_at is None:
        return _no(Reason.END_TOO_FAR, ends_at="unknown", ends_in_max=rules.ends_in_max)
    ends_in = market.ends_at - now
    if ends_in < rules.ends_in_min:
        return _no(Reason.END_TOO_NEAR, ends_in=ends_in, ends_in_min=rules.ends_in_min)
    if ends_in > rules.ends_in_max:
        return _no(Reason.END_TOO_FAR, ends_in=ends_in, ends_in_max=rules.ends_in_max)
    return None


def check_category(market: Market, wanted: tuple[str, ...]) -> Refusal | None:
    """Refuse markets of none of the wanted categories; without any wanted, all are."""
    if not wanted or not set(wanted).isdisjoint(market.categories):
        return None
    found = ", ".join(market.categories) or "unknown"
    return _no(Reason.CATEGORY_EXCLUDED, categories=found, categories_wanted=", ".join(wanted))


def check_book(book: OrderBook, now: datetime, rules: FilterRules) -> Refusal | None:
    """Refuse a book that is stale or cannot be true. Its age counts from when we received it."""
    age = now - book.received_at
    if age > rules.book_age_max:
        return _no(Reason.BOOK_STALE, book_age=age, book_age_max=rules.book_age_max)
    fault = book_fault(book)
    return _no(Reason.BOOK_INVALID, fault=fault) if fault else None


def check_liquidity(market: Market, book: OrderBook, rules: FilterRules) -> Refusal | None:
    """Liquidity: enough of it in the market (else in sight), and a tight spread."""
    liquidity = visible_notional(book) if market.liquidity is None else market.liquidity
    if liquidity < rules.liquidity_min:
        return _no(Reason.LIQUIDITY_TOO_LOW, liquidity=liquidity, liquidity_min=rules.liquidity_min)
    width = spread(book)
    assert width is not None, f"expected both sides of a checked book, received {book}"
    if width > rules.spread_max:
        return _no(Reason.SPREAD_TOO_WIDE, spread=width, spread_max=rules.spread_max)
    return None


def check_depth(book: OrderBook, side: Side, size: Shares, rules: FilterRules) -> Refusal | None:
    """Refuse an order larger than what stands within 2 % of the best price."""
    found = depth(book, side, rules.depth_band)
    if found >= size:
        return None
    return _no(Reason.DEPTH_TOO_LOW, depth=found, size=size, depth_band=rules.depth_band)


def check_timing(
    signal: WhaleSignal, book: OrderBook, now: datetime, rules: FilterRules
) -> Refusal | None:
    """Timing: the whale's fill is fresh and what we would pay has not run away since.

    The age counts from the last fill; the move is that of the best ask over the whale's price.
    The last minutes before the end are excluded by `ends_in_min`.
    """
    age = now - signal.traded_at
    if age > rules.signal_age_max:
        return _no(Reason.SIGNAL_TOO_OLD, signal_age=age, signal_age_max=rules.signal_age_max)
    ask = best_ask(book)
    assert ask is not None, f"expected both sides of a checked book, received {book}"
    move = (ask - signal.price) / signal.price
    if move > rules.price_move_max:
        return _no(
            Reason.PRICE_MOVED,
            best_ask=ask,
            whale_price=signal.price,
            price_move=move,
            price_move_max=rules.price_move_max,
        )
    return None


def _no(reason: Reason, **numbers: object) -> Refusal:
    return Refusal(reason, {name: _text(number) for name, number in numbers.items()})


def _text(number: object) -> str:
    return format(number, "f") if isinstance(number, Decimal) else str(number)
