"""The decision on one whale signal: quality, three stages, size; every no with its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal

from trading.amounts import SIZE_STEP
from trading.book import best_ask, best_bid, price_cap
from trading.filters import (
    check_book,
    check_category,
    check_depth,
    check_liquidity,
    check_market,
    check_signal,
    check_timing,
)
from trading.holdings import Mirror
from trading.overrides import NO_OVERRIDES, Overrides, rules_for
from trading.rules import FilterRules, Rules
from trading.sizing import SizingInputs, size_copy
from trading.types import (
    ONE,
    Market,
    OrderBook,
    Price,
    Reason,
    Refusal,
    Shares,
    Side,
    Significance,
    Usd,
    Wallet,
    WhaleSignal,
)
from trading.whales import significance


@dataclass(frozen=True, slots=True)
class WhaleStanding:
    """What we know of a whale, and what a person set for it alone.

    `quality_score` and `win_rate` (shrunk) lie in [0, 1].
    """

    wallet: Wallet
    is_followed: bool
    is_paused: bool
    quality_score: Decimal
    win_rate: Decimal
    closed_trades: int
    overrides: Overrides = NO_OVERRIDES


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Our money. `drawdown` is the fall from the peak of cash plus bid value, in [0, 1]."""

    cash: Usd
    bid_value: Usd
    drawdown: Decimal
    entries_halted: bool
    halt_reason: str = ""
    is_drawdown_lifted: bool = False  # a person wants full sizes


@dataclass(frozen=True, slots=True)
class Facts:
    """All inputs of a decision; stored with it, so that it can be explained and made again.

    `held` is our own position from this whale in this token, `whale_held` what the whale held
    before the signal as far as we saw; `mirror` is what a SELL takes of our lots, by all that the
    whale ever gave up. `volatility` is the EWMA of the mid-price's returns,
    `correlation` that with the positions held, in [-1, 1].
    """

    signal: WhaleSignal
    whale: WhaleStanding
    market: Market
    book: OrderBook
    portfolio: Portfolio
    held: Shares
    whale_held: Shares
    volatility: Decimal
    correlation: Decimal
    now: datetime
    mirror: Mirror | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A yes with its size and price cap (BUY) or exit share (SELL), or a no with its reason.

    `numbers` holds every intermediate figure by name, as text, in the order it was computed.
    """

    side: Side
    significance: Significance
    refusal: Refusal | None = None
    size: Shares | None = None
    notional: Usd | None = None
    limit_price: Price | None = None
    exit_share: Decimal | None = None
    numbers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_copied(self) -> bool:
        """Tell whether the signal is to be traded."""
        return self.refusal is None


def decide(facts: Facts, rules: Rules) -> Decision:
    """Decide on one signal. A SELL reduces what we hold from that whale, in proportion.

    Entries obey the rules as they are for the whale; its overrides stand among the numbers.
    """
    numbers = _facts_in_numbers(facts)
    if facts.signal.side is Side.SELL:
        verdict = _reduce(facts, numbers)
    else:
        own = facts.whale.overrides
        numbers |= {f"override_{name}": text for name, text in own.as_numbers().items()}
        verdict = _enter(facts, rules_for(rules, own), numbers)
    weight = significance(facts.whale.quality_score, facts.signal.notional)
    if isinstance(verdict, Refusal):
        told = Refusal(verdict.reason, {**numbers, **verdict.numbers})
        return Decision(facts.signal.side, weight, refusal=told, numbers=told.numbers)
    return replace(verdict, significance=weight)


def _facts_in_numbers(facts: Facts) -> dict[str, str]:
    signal, book = facts.signal, facts.book
    return {
        "whale_price": _text(signal.price),
        "whale_size": _text(signal.size),
        "whale_notional": _text(signal.notional),
        "quality_score": _text(facts.whale.quality_score),
        "win_rate": _text(facts.whale.win_rate),
        "signal_age": str(facts.now - signal.traded_at),
        "book_age": str(facts.now - book.received_at),
        "best_bid": _text(best_bid(book)),
        "best_ask": _text(best_ask(book)),
        "cash": _text(facts.portfolio.cash),
        "bid_value": _text(facts.portfolio.bid_value),
        "drawdown": _text(facts.portfolio.drawdown),
        "held": _text(facts.held),
        "whale_held": _text(facts.whale_held),
    }


def _reduce(facts: Facts, numbers: dict[str, str]) -> Decision | Refusal:
    """Mirror the whale's exit in proportion; nothing that filters entries may block it.

    A part below the market's smallest order waits until more is owed.
    """
    if facts.held < SIZE_STEP:
        return Refusal(Reason.NO_POSITION_TO_REDUCE)
    share = _share_of_exit(facts)
    size = Shares((facts.held * share).quantize(SIZE_STEP, ROUND_FLOOR))
    numbers |= {"exit_share": _text(share), "size": _text(size)}
    if facts.mirror is not None:
        numbers["target"] = _text(facts.mirror.target)
    is_too_small = facts.mirror is not None and share < ONE and size < facts.market.min_size
    if size <= 0 or is_too_small:
        return Refusal(Reason.SIZE_TOO_SMALL)
    return Decision(Side.SELL, Significance.LOW, size=size, exit_share=share, numbers=numbers)


def _share_of_exit(facts: Facts) -> Decimal:
    """Return what the lots owe; without them, all if the whale sold more than we saw it buy."""
    if facts.mirror is not None:
        return facts.mirror.share
    if facts.whale_held > 0:
        return min(ONE, facts.signal.size / facts.whale_held)
    return ONE


def _enter(facts: Facts, rules: Rules, numbers: dict[str, str]) -> Decision | Refusal:
    refusal = _check_whale(facts, rules.filters) or _check_stages(facts, rules.filters)
    if refusal is not None:
        return refusal
    cap = price_cap(facts.signal.price, facts.book, rules.slippage)
    numbers["price_cap"] = _text(cap)
    if cap <= 0:
        return Refusal(Reason.PRICE_OUT_OF_BAND)
    sizing = size_copy(_sizing_inputs(facts, cap), facts.market, rules)
    if isinstance(sizing, Refusal):
        return sizing
    numbers |= sizing.numbers
    numbers |= {"size": _text(sizing.size), "limit_price": _text(sizing.price)}
    too_deep = check_depth(facts.book, Side.BUY, sizing.size, rules.filters)
    if too_deep is not None:
        return too_deep
    return Decision(
        Side.BUY,
        Significance.LOW,
        size=sizing.size,
        notional=sizing.notional,
        limit_price=sizing.price,
        numbers=numbers,
    )


def _check_whale(facts: Facts, rules: FilterRules) -> Refusal | None:
    whale = facts.whale
    if not whale.is_followed:
        return Refusal(Reason.WHALE_UNKNOWN, {"wallet": whale.wallet})
    if whale.is_paused:
        return Refusal(Reason.WHALE_PAUSED, {"wallet": whale.wallet})
    if facts.portfolio.entries_halted:
        return Refusal(Reason.ENTRIES_HALTED, {"halt_reason": facts.portfolio.halt_reason})
    if not whale.quality_score > rules.quality_min:
        return Refusal(Reason.QUALITY_TOO_LOW, {"quality_min": _text(rules.quality_min)})
    return check_signal(facts.signal, rules)


def _check_stages(facts: Facts, rules: FilterRules) -> Refusal | None:
    signal, market, book, now = facts.signal, facts.market, facts.book, facts.now
    if book.token_id != signal.token_id:
        return Refusal(Reason.BOOK_INVALID, {"fault": f"book of another token {book.token_id}"})
    return (
        check_market(signal, market, now, rules)
        or check_category(market, facts.whale.overrides.categories)
        or check_book(book, now, rules)
        or check_liquidity(market, book, rules)
        or check_timing(signal, book, now, rules)
    )


def _sizing_inputs(facts: Facts, cap: Price) -> SizingInputs:
    return SizingInputs(
        limit_price=cap,
        whale_notional=facts.signal.notional,
        quality_score=facts.whale.quality_score,
        win_rate=facts.whale.win_rate,
        volatility=facts.volatility,
        correlation=facts.correlation,
        drawdown=facts.portfolio.drawdown,
        cash=facts.portfolio.cash,
        bid_value=facts.portfolio.bid_value,
        is_drawdown_lifted=facts.portfolio.is_drawdown_lifted,
    )


def _text(number: Decimal | None) -> str:
    return "none" if number is None else format(number, "f")
