"""How exit levels follow the market and a person's word, always on the grid and in reach."""

from dataclasses import dataclass, replace
from datetime import datetime

from trading.exits import ExitLevels, ExitRead, levels_at_entry, raise_trailing
from trading.rules import ExitRules
from trading.ticks import ceil_to_tick, floor_to_tick
from trading.types import ONE, LevelChange, Price


@dataclass(frozen=True, slots=True)
class Rise:
    """Remembers a bid above the high-water mark until it has lasted.

    A price that was there for one look only would leave a trailing stop above the market.
    """

    lowest: Price | None = None
    since: datetime | None = None

    def observe(self, high: Price, read: ExitRead, rules: ExitRules) -> tuple["Rise", Price]:
        """Take a valid read; return the new state and the highest bid that has lasted 1 s."""
        assert not read.fault, f"expected a valid read, received one with {read.fault}"
        if read.bid <= high:
            return Rise(), high
        if self.lowest is None or self.since is None:
            return Rise(read.bid, read.read_at), high
        lowest = min(self.lowest, read.bid)
        if read.read_at - self.since < rules.reads_apart:
            return Rise(lowest, self.since), high
        return Rise(read.bid, read.read_at) if read.bid > lowest else Rise(), lowest


def follow_bid(
    levels: ExitLevels, entry: Price, bid: Price, tick_size: Price, rules: ExitRules
) -> ExitLevels:
    """Return the levels after a bid that may be trusted (`read_exit` found no fault).

    Levels that were never placed are placed around the entry price; the others are brought onto
    the grid, which may have changed, before the trailing stop follows the bid.
    """
    if levels.high_water is None:
        levels = levels_at_entry(entry, tick_size, rules)
    return raise_trailing(place_on_grid(levels, entry, tick_size), entry, bid, tick_size, rules)


def place_on_grid(levels: ExitLevels, entry: Price, tick_size: Price) -> ExitLevels:
    """Bring levels onto a grid: stops down, the target up, and none beyond the last tick.

    That moves no trigger: between two ticks there is no bid. A level that can only be reached on
    the wrong side of the entry price is switched off.
    """
    first, last = tick_size, Price(ONE - tick_size)
    stop, target, trailing = levels.stop_loss, levels.take_profit, levels.trailing_stop
    if stop is not None:
        placed = min(max(floor_to_tick(stop, tick_size), first), last)
        stop = None if stop < entry <= placed else placed
    if target is not None:
        placed = min(ceil_to_tick(target, tick_size), last)
        target = None if placed <= entry < target else placed
    if trailing is not None:
        trailing = min(max(floor_to_tick(trailing, tick_size), first), last)
    return replace(levels, stop_loss=stop, take_profit=target, trailing_stop=trailing)


def change_levels(levels: ExitLevels, change: LevelChange) -> ExitLevels:
    """Return the levels after a person's word; a trailing stop that is dropped stays dropped.

    One that is set later follows the bid again.
    """
    trailing = change.trailing_stop_price
    return replace(
        levels,
        stop_loss=_changed(levels.stop_loss, change.stop_loss_price),
        take_profit=_changed(levels.take_profit, change.take_profit_price),
        trailing_stop=_changed(levels.trailing_stop, trailing),
        is_trailing_off=levels.is_trailing_off if trailing is None else trailing <= 0,
    )


def _changed(old: Price | None, new: Price | None) -> Price | None:
    if new is None:
        return old
    return new if new > 0 else None
