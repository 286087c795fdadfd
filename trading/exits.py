"""When a position is left, and at which price: levels, trailing stop, two reads, the ladder."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from trading.rules import ExitRules
from trading.ticks import ceil_to_tick, floor_to_tick
from trading.types import ONE, ZERO, ExitReason, OrderBook, Price, Shares


@dataclass(frozen=True, slots=True)
class ExitLevels:
    """Prices at which a position is left; None is off. All are compared with the best bid.

    `high_water` is the highest bid since entry, at least the entry price. `notes` say what had to
    be placed elsewhere than asked. `is_trailing_off`: a person wants no trailing stop.
    """

    stop_loss: Price | None
    take_profit: Price | None
    trailing_stop: Price | None = None  # once armed
    high_water: Price | None = None
    notes: tuple[str, ...] = ()
    is_trailing_off: bool = False


def levels_at_entry(entry: Price, tick_size: Price, rules: ExitRules) -> ExitLevels:
    """Place stop and target around the average entry price, on the tick grid.

    The stop is rounded down, the target up. A level beyond the grid goes to its last tick, one
    that cannot be told from the entry price is left off, and either is said in `notes`.
    """
    stop = floor_to_tick(entry * (ONE - rules.stop_loss), tick_size)
    target = ceil_to_tick(entry * (ONE + rules.take_profit), tick_size)
    first, last = tick_size, Price(ONE - tick_size)
    notes = []
    if stop < first:
        notes.append(_note("stop-loss", entry * (ONE - rules.stop_loss), first))
    if target > last:
        notes.append(_note("take-profit", entry * (ONE + rules.take_profit), last))
    stop, target = max(stop, first), min(target, last)
    if stop >= entry:
        notes.append(f"stop-loss is off: no tick below the entry at {entry}")
    if target <= entry:
        notes.append(f"take-profit is off: no tick above the entry at {entry}")
    return ExitLevels(
        stop_loss=stop if stop < entry else None,
        take_profit=target if target > entry else None,
        high_water=entry,
        notes=tuple(notes),
    )


def _note(name: str, wanted: Decimal, placed: Price) -> str:
    return f"{name} at {wanted} is beyond the price grid, placed at {placed}"


def raise_trailing(
    levels: ExitLevels, entry: Price, bid: Price, tick_size: Price, rules: ExitRules
) -> ExitLevels:
    """Follow the best bid: the high-water mark and the armed trailing stop only ever rise.

    Because they never fall again, `bid` must be that of a read without fault (`read_exit`): one
    phantom bid would leave a stop above the market, and the next true bid would trigger it.
    The stop arms at entry + 10 %, or at the last tick where that is beyond the grid, and keeps a
    distance of 5 % below the high-water mark, rounded down to the tick. One that a person switched
    off is not armed again, and one that a person then set stays where it is.
    """
    high = max(bid, entry if levels.high_water is None else levels.high_water)
    levels = replace(levels, high_water=high)
    last = Price(ONE - tick_size)
    if levels.is_trailing_off or high < min(Price(entry * (ONE + rules.trailing_arms_at)), last):
        return levels
    stop = floor_to_tick(high * (ONE - rules.trailing_distance), tick_size)
    before = tick_size if levels.trailing_stop is None else levels.trailing_stop
    return replace(levels, trailing_stop=max(stop, before))


def exit_condition(levels: ExitLevels, bid: Price) -> ExitReason | None:
    """Return why a position should be left at this bid, or None. Losses are named first."""
    if levels.stop_loss is not None and bid <= levels.stop_loss:
        return ExitReason.STOP_LOSS
    if levels.trailing_stop is not None and bid <= levels.trailing_stop:
        return ExitReason.TRAILING_STOP
    if levels.take_profit is not None and bid >= levels.take_profit:
        return ExitReason.TAKE_PROFIT
    return None


@dataclass(frozen=True, slots=True)
class ExitRead:
    """One look at the book: a bid that may be trusted, or why it may not (`fault`)."""

    bid: Price
    read_at: datetime
    fault: str = ""
    is_streamed: bool = False


def read_exit(book: OrderBook, held: Shares, now: datetime, rules: ExitRules) -> ExitRead:
    """Judge whether a book may trigger an exit: fresh, uncrossed, with enough behind the bid.

    At least half of what is held must be bid for within 5 ticks of the best bid, so that one
    stray order or an emptied book moves nothing; and the asks must not be so far away that only
    leftovers stand on either side. `read_at` is when the book was received, so that a frozen book
    is one read however often it is looked at.
    """
    if not book.bids:
        return ExitRead(Price(ZERO), book.received_at, "no bids", book.is_streamed)
    bid = book.bids[0].price
    ask = book.asks[0].price if book.asks else ONE
    fault = ""
    if now - book.received_at > rules.book_age_max:
        fault = f"book is {now - book.received_at} old"
    elif not ZERO < bid < ONE:
        fault = f"bid {bid} is not within (0, 1)"
    elif ask <= bid:
        fault = f"book is crossed: bid {bid}, ask {ask}"
    elif ask - bid > rules.spread_max:
        fault = f"spread is {ask - bid}"
    elif _depth(book, rules) < held * rules.depth_share:
        fault = f"only {_depth(book, rules)} bid for within {rules.depth_ticks} ticks"
    return ExitRead(bid, book.received_at, fault, book.is_streamed)


def _depth(book: OrderBook, rules: ExitRules) -> Decimal:
    lowest = book.bids[0].price - rules.depth_ticks * book.tick_size
    return sum((level.size for level in book.bids if level.price >= lowest), ZERO)


@dataclass(frozen=True, slots=True)
class ExitWatch:
    """Remembers a condition seen once; it must hold on a second valid read to count.

    `doubted_at`: since then every book that came may hide a fall, and none could be trusted.
    """

    pending: ExitReason | None = None
    seen_at: datetime | None = None
    doubted_at: datetime | None = None

    def observe(
        self, levels: ExitLevels, read: ExitRead, rules: ExitRules
    ) -> tuple["ExitWatch", ExitReason | None]:
        """Take one read; return the new watch, and the reason once two reads agree.

        The second valid read must be at least 1 s younger than the first. It should be one that
        was asked for: what a stream tells confirms only when no answer came for another second,
        since a stream that lost a frame repeats itself. An invalid read triggers nothing; a valid
        one without the condition forgets the first.
        """
        if read.fault:
            return self._doubt(levels, read), None
        reason = exit_condition(levels, read.bid)
        if reason is None:
            return ExitWatch(), None
        if self.pending is None or self.seen_at is None or not _agree(self.pending, reason):
            return ExitWatch(reason, read.read_at), None
        apart = rules.reads_apart + (rules.asked_within if read.is_streamed else timedelta(0))
        if read.read_at - self.seen_at < apart:
            return replace(self, doubted_at=None), None
        return ExitWatch(), reason

    def is_doubtful(self, now: datetime, rules: ExitRules) -> bool:
        """Tell whether a person must look: for 3 s a fall was shown by books of no worth."""
        return self.doubted_at is not None and now - self.doubted_at >= rules.doubt_max

    def _doubt(self, levels: ExitLevels, read: ExitRead) -> "ExitWatch":
        reason = exit_condition(levels, read.bid)
        is_fall = not read.bid or reason not in (None, ExitReason.TAKE_PROFIT)
        if not is_fall or self.doubted_at is not None:
            return self
        return replace(self, doubted_at=read.read_at)


def _agree(first: ExitReason, second: ExitReason) -> bool:
    """Tell whether both fall through a stop, or both reach the target."""
    return (first is ExitReason.TAKE_PROFIT) == (second is ExitReason.TAKE_PROFIT)


def exit_price(
    trigger: Price, step: int, tick_size: Price, rules: ExitRules, lowest: Price | None = None
) -> Price | None:
    """Return the lowest price of an exit's n-th try (0 first), or None: hold and call a person.

    2 ticks below the trigger, then 5 % and 15 % below it, then the configured floor; never below
    the floor, never rising from try to try; rounded up to the tick. A person may put the floor
    lower (`lowest`), never higher.
    """
    floor = ceil_to_tick(exit_floor(rules, lowest), tick_size)
    if step > len(rules.ladder):
        return None
    if step == len(rules.ladder):
        return floor
    near = trigger - rules.ladder_ticks * tick_size
    price = min(near, trigger * (ONE - rules.ladder[step]))
    return min(max(ceil_to_tick(price, tick_size), floor), Price(ONE - tick_size))


def exit_floor(rules: ExitRules, lowest: Price | None) -> Price:
    """Return how low an exit may go: to the floor, or lower where a person says so (`lowest`)."""
    return rules.floor if lowest is None else min(rules.floor, lowest)
