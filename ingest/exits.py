"""Looks at each position of a token whose book has changed: trails its stop, sees it cross."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from storage.level_port import exit_levels
from storage.port import Levels, PositionRecord
from trading.exits import ExitLevels, ExitRead, ExitWatch, read_exit
from trading.levels import Rise, follow_bid
from trading.rules import ExitRules
from trading.types import ExitReason, OrderBook, PositionId, PositionState, Price, TokenId

TOLD_AGAIN_AFTER = timedelta(minutes=5)
NO_WATCH, NO_RISE = ExitWatch(), Rise()

log = structlog.get_logger()


@dataclass(slots=True)
class Seen:
    """What one book means: exits that are due, stops that moved, when to look a second time."""

    due: list[tuple[PositionRecord, ExitReason]] = field(default_factory=list)
    moved: list[PositionId] = field(default_factory=list)
    reread_at: datetime | None = None


@dataclass(slots=True)
class _Held:
    """A position with its levels as they are now, perhaps not stored yet.

    `tick_size`: the grid on which the levels were placed; None when they came from elsewhere.
    """

    position: PositionRecord
    levels: ExitLevels
    tick_size: Price | None = None
    watch: ExitWatch = NO_WATCH
    rise: Rise = NO_RISE
    told_at: datetime | None = None


class ExitDesk:
    """The open positions in memory, by token; looking at one waits for nothing."""

    def __init__(self, rules: ExitRules) -> None:
        self._rules = rules
        self._held: dict[PositionId, _Held] = {}
        self._by_token: dict[TokenId, list[_Held]] = {}
        self._doubted: set[PositionId] = set()

    def follow(self, positions: Iterable[PositionRecord]) -> Sequence[TokenId]:
        """Take the open positions as stored now; return the tokens where anything is new."""
        before, self._held = self._held, {}
        by_token: dict[TokenId, list[_Held]] = defaultdict(list)
        fresh: set[TokenId] = set()
        for position in positions:
            held = before.get(position.position_id)
            if held is None:
                held = _Held(position, exit_levels(position))
                fresh.add(position.token_id)
            elif _renew(held, position):
                fresh.add(position.token_id)
            self._held[position.position_id] = held
            by_token[position.token_id].append(held)
        self._by_token = by_token
        self._doubted &= self._held.keys()
        return sorted(fresh)

    def has(self, position_id: PositionId) -> bool:
        """Tell whether a position is open."""
        return position_id in self._held

    def look(self, book: OrderBook, now: datetime) -> Seen:
        """Hold every position of a token against its newest book."""
        seen = Seen()
        for held in self._by_token.get(book.token_id, ()):
            self._look_at(held, book, now, seen)
        return seen

    def levels_of(self, position_id: PositionId) -> tuple[PositionRecord, ExitLevels] | None:
        """Return a position as it was stored last, and its levels as they are now."""
        held = self._held.get(position_id)
        return None if held is None else (held.position, held.levels)

    def take_stored(self, position_id: PositionId, levels: Levels) -> None:
        """Note that levels are stored now."""
        held = self._held.get(position_id)
        if held is not None:
            held.position = replace(
                held.position,
                stop_loss_price=levels.stop_loss_price,
                take_profit_price=levels.take_profit_price,
                trailing_stop_price=levels.trailing_stop_price,
                high_water_price=levels.high_water_price,
                is_trailing_off=levels.is_trailing_off,
            )

    def take_newer(self, position: PositionRecord) -> None:
        """Take the levels that somebody else stored instead of ours."""
        held = self._held.get(position.position_id)
        if held is not None:
            held.position, held.levels, held.tick_size = position, exit_levels(position), None

    def doubts(self, now: datetime) -> Sequence[PositionRecord]:
        """Return positions that may be falling unseen, each at most once in five minutes."""
        found = []
        for position_id in sorted(self._doubted):
            held = self._held[position_id]
            told = held.told_at is not None and now - held.told_at < TOLD_AGAIN_AFTER
            if not told and held.watch.is_doubtful(now, self._rules):
                held.told_at = now
                found.append(held.position)
        return found

    def _look_at(self, held: _Held, book: OrderBook, now: datetime, seen: Seen) -> None:
        position, entry = held.position, held.position.avg_entry_price
        if position.state is not PositionState.OPEN or entry is None:
            return
        if position.size < book.min_size:
            return  # no order could sell it
        read = read_exit(book, position.size, now, self._rules)
        if not read.fault and self._trail(held, entry, read, book.tick_size):
            seen.moved.append(position.position_id)
        held.watch, reason = held.watch.observe(held.levels, read, self._rules)
        if reason is not None:
            seen.due.append((position, reason))
        if held.watch.seen_at is not None:
            due_at = held.watch.seen_at + self._rules.reads_apart
            seen.reread_at = min(seen.reread_at or due_at, due_at)
        self._note_doubt(held)

    def _trail(self, held: _Held, entry: Price, read: ExitRead, tick_size: Price) -> bool:
        """Follow a valid bid; tell whether a level moved."""
        high = held.levels.high_water or entry
        if held.tick_size == tick_size and read.bid <= high:
            held.rise = NO_RISE  # the quick way: nothing can have moved
            return False
        held.tick_size = tick_size
        held.rise, bid = held.rise.observe(high, read, self._rules)
        levels = follow_bid(held.levels, entry, bid, tick_size, self._rules)
        if levels.notes:
            log.info("levels_placed", position_id=held.position.position_id, notes=levels.notes)
        before, held.levels = held.levels, replace(levels, notes=())
        return held.levels != before

    def _note_doubt(self, held: _Held) -> None:
        if held.watch.doubted_at is None:
            self._doubted.discard(held.position.position_id)
        else:
            self._doubted.add(held.position.position_id)


def _renew(held: _Held, position: PositionRecord) -> bool:
    """Take a position as stored now; levels that somebody moved replace those in memory."""
    before, held.position = held.position, position
    if position.exit_epoch != before.exit_epoch or position.state is not before.state:
        held.watch = NO_WATCH
    if _has_other_levels(position, before):
        held.levels, held.tick_size = exit_levels(position), None
        return True
    return position.state is not before.state or position.size != before.size


def _has_other_levels(one: PositionRecord, other: PositionRecord) -> bool:
    return (
        one.stop_loss_price != other.stop_loss_price
        or one.take_profit_price != other.take_profit_price
        or one.trailing_stop_price != other.trailing_stop_price
        or one.high_water_price != other.high_water_price
        or one.is_trailing_off != other.is_trailing_off
    )
