"""Whale fills become signals: one whale order, however split and whoever reports it, is one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import sha256

from trading.crossings import Crossings
from trading.rules import AggregationRules
from trading.tallies import Tally, TallyKey, key_of
from trading.types import (
    MICRO,
    ZERO,
    Price,
    Reason,
    Shares,
    Side,
    SignalId,
    TokenId,
    Wallet,
    WhaleFill,
    WhaleSignal,
)


@dataclass(frozen=True, slots=True)
class FoundSignal:
    """A signal and the fills that made it; what other sources told of the same is not in it."""

    signal: WhaleSignal
    fills: tuple[WhaleFill, ...]


@dataclass(frozen=True, slots=True)
class DroppedFills:
    """Fills that will not be followed, and why."""

    fills: tuple[WhaleFill, ...]
    reason: Reason


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A fill taken back by the chain after it had become part of these signals."""

    fill: WhaleFill
    signal_ids: tuple[SignalId, ...]


@dataclass(frozen=True, slots=True)
class Aggregation:
    """What came of a step. `absorbed` told nothing new; it is known from other reports."""

    signals: tuple[FoundSignal, ...] = ()
    absorbed: tuple[WhaleFill, ...] = ()
    dropped: tuple[DroppedFills, ...] = ()
    taken_back: tuple[TakenBack, ...] = ()


@dataclass(frozen=True, slots=True)
class _WindowKey:
    wallet: Wallet
    token_id: TokenId
    side: Side


@dataclass(slots=True)
class _Window:
    first: WhaleFill
    opened_at: datetime
    last_at: datetime
    tallies: dict[TallyKey, Tally] = field(default_factory=dict)
    fills: list[WhaleFill] = field(default_factory=list)
    is_wash: bool = False

    def due_at(self, rules: AggregationRules) -> datetime:
        return min(self.last_at + rules.quiet, self.opened_at + rules.longest)


class Aggregator:
    """Merges the sources and waits for the rest of a whale's order. Time is always an argument.

    Fills of one wallet, token and side are one signal until 250 ms pass without a new one, at most
    1 s; a fill of a transaction that is still waited for joins it within that second, however late
    it was heard. What comes later is a new signal, of only what exceeds the shares signalled
    before. A signal's id is the hash of its first transaction (by its hash, not by arrival),
    wallet, token, side and of how many signals that transaction was part of before: whoever
    aggregates the same fills finds the same id. A wallet that buys and sells a token at the same
    time is dropped; so is what one followed wallet bought of another one in one transaction, and
    a purchase that is heard after the sale that undid it.

    Memory is bounded: the oldest windows close early, the oldest tallies are forgotten.
    """

    def __init__(self, rules: AggregationRules) -> None:
        self._rules = rules
        self._windows: dict[_WindowKey, _Window] = {}  # by opening
        self._tallies: dict[TallyKey, Tally] = {}  # by the last touch
        self._crossings = Crossings()
        self._now: datetime | None = None

    @property
    def next_due_at(self) -> datetime | None:
        """Return when `due` has something to do, or None while no window is open."""
        return min((w.due_at(self._rules) for w in self._windows.values()), default=None)

    def remember(self, fill: WhaleFill, now: datetime, signal_id: SignalId | None = None) -> None:
        """Count a stored fill as dealt with, by this signal or by a drop: after a restart."""
        tally = self._tally(fill, self._tick(now))
        tally.add(fill)
        is_known = signal_id is None or signal_id in tally.signal_ids
        tally.settle(None if is_known else signal_id)
        tally.ordinal = max(tally.ordinal, 1)

    def feed(self, fill: WhaleFill, now: datetime) -> Aggregation:
        """Take one fill as one source reports it; first closes the windows that are due."""
        closed = self.due(now, fill)
        now = self._tick(now)
        if fill.removed:
            return _joined(closed, self._take_back(fill, now))
        tally = self._tally(fill, now)
        is_more = tally.add(fill)
        self._crossings.note(fill, tally, now)
        if not is_more:
            return _joined(closed, Aggregation(absorbed=(fill,)))
        key = self._put_in_window(fill, tally, now)
        return _joined(closed, self._close(self._keys_over_limits(key)))

    def due(self, now: datetime, coming: WhaleFill | None = None) -> Aggregation:
        """Close the windows whose time has come, but for the one that a coming fill joins."""
        now = self._tick(now)
        joined = None if coming is None else self._joined_key(coming, now)
        return self._close([key for key in self._due_keys(now) if key != joined])

    def _tick(self, now: datetime) -> datetime:
        """Return the time, which never goes back, and forget what is too old."""
        self._now = now if self._now is None else max(now, self._now)
        oldest = self._now - self._rules.remembered_for
        while self._tallies:
            key, tally = next(iter(self._tallies.items()))
            if len(self._tallies) <= self._rules.tallies_max and tally.touched_at > oldest:
                break
            del self._tallies[key]
        return self._now

    def _tally(self, fill: WhaleFill, now: datetime) -> Tally:
        key = key_of(fill)
        tally = self._tallies.pop(key, None)
        if tally is None:
            tally = Tally(touched_at=now, traded_at=fill.traded_at)
        tally.touched_at = now
        self._tallies[key] = tally
        return tally

    def _put_in_window(self, fill: WhaleFill, tally: Tally, now: datetime) -> _WindowKey:
        key = _WindowKey(fill.wallet, fill.token_id, fill.side)
        window = self._windows.setdefault(key, _Window(fill, now, now))
        window.last_at = now
        window.tallies[key_of(fill)] = tally
        window.fills.append(fill)
        against = self._windows.get(_WindowKey(fill.wallet, fill.token_id, fill.side.opposite))
        if against is not None:
            window.is_wash = against.is_wash = True
        return key

    def _take_back(self, fill: WhaleFill, now: datetime) -> Aggregation:
        key = key_of(fill)
        tally = self._tally(fill, now)
        if not tally.take_back(fill):
            return Aggregation(absorbed=(fill,))
        window = self._windows.get(_WindowKey(fill.wallet, fill.token_id, fill.side))
        if window is not None:
            window.fills = [f for f in window.fills if key_of(f) != key or _stays(f, fill)]
        if tally.signalled > tally.best.size:
            return Aggregation(taken_back=(TakenBack(fill, tuple(tally.signal_ids)),))
        return Aggregation(absorbed=(fill,))

    def _joined_key(self, fill: WhaleFill, now: datetime) -> _WindowKey | None:
        """Return the window in which the fill's transaction already is, while it may stay open."""
        key = _WindowKey(fill.wallet, fill.token_id, fill.side)
        window = self._windows.get(key)
        if window is None or key_of(fill) not in window.tallies:
            return None
        return key if now < window.opened_at + self._rules.longest else None

    def _due_keys(self, now: datetime) -> list[_WindowKey]:
        return [key for key, w in self._windows.items() if w.due_at(self._rules) <= now]

    def _keys_over_limits(self, touched: _WindowKey) -> list[_WindowKey]:
        if len(self._windows[touched].fills) >= self._rules.fills_max:
            return [touched]
        if len(self._windows) > self._rules.windows_max:
            return [next(iter(self._windows))]
        return []

    def _close(self, keys: Iterable[_WindowKey]) -> Aggregation:
        closed = Aggregation()
        for key in keys:
            closed = _joined(closed, _concluded(key, self._windows.pop(key), self._crossings))
        return closed


def _stays(fill: WhaleFill, removed: WhaleFill) -> bool:
    return fill.source is removed.source and fill.log_index != removed.log_index


def _joined(first: Aggregation, second: Aggregation) -> Aggregation:
    return Aggregation(
        first.signals + second.signals,
        first.absorbed + second.absorbed,
        first.dropped + second.dropped,
        first.taken_back + second.taken_back,
    )


def _concluded(key: _WindowKey, window: _Window, crossings: Crossings) -> Aggregation:
    """Turn a window into a signal, a drop, or nothing when all of it was taken back.

    A sale is a signal whoever bought: it may be the exit of a whale that we follow.
    """
    tallies = {k: tally for k, tally in sorted(window.tallies.items()) if tally.surplus > 0}
    if not tallies:
        return Aggregation()
    if window.is_wash:
        return _dropped(window, tallies, Reason.WASH_TRADE)
    if key.side is Side.SELL:
        return _signalled(key, window, tallies)
    among = {k: tally for k, tally in tallies.items() if crossings.is_among_whales(k)}
    dropped = _dropped(window, among, Reason.CLUSTER_TRADE)
    tallies = {k: tally for k, tally in tallies.items() if k not in among}
    if not tallies:
        return dropped
    bought = sum((tally.surplus for tally in tallies.values()), ZERO)
    if crossings.sold_since(key.wallet, key.token_id, tallies.values()) >= bought:
        return _joined(dropped, _dropped(window, tallies, Reason.SOLD_SINCE))
    return _joined(dropped, _signalled(key, window, tallies))


def _dropped(window: _Window, tallies: dict[TallyKey, Tally], reason: Reason) -> Aggregation:
    if not tallies:
        return Aggregation()
    for tally in tallies.values():
        tally.settle(None)
    fills = tuple(fill for fill in window.fills if key_of(fill) in tallies)
    return Aggregation(dropped=(DroppedFills(fills, reason),))


def _signalled(key: _WindowKey, window: _Window, tallies: dict[TallyKey, Tally]) -> Aggregation:
    fills = tuple(fill for fill in window.fills if key_of(fill) in tallies)
    signal = _signal(key, tallies, window.first)
    for tally in tallies.values():
        tally.settle(signal.signal_id)
    return Aggregation(signals=(FoundSignal(signal, fills),))


def _signal(key: _WindowKey, tallies: dict[TallyKey, Tally], first: WhaleFill) -> WhaleSignal:
    """Sum the surpluses at each transaction's average price; the price is their VWAP."""
    size = sum((tally.surplus for tally in tallies.values()), ZERO)
    notional = sum(_surplus_notionals(tallies.values()), ZERO)
    lowest, tally = next(iter(tallies.items()))
    return WhaleSignal(
        signal_id=signal_id_of(lowest, tally.ordinal),
        wallet=key.wallet,
        token_id=key.token_id,
        side=key.side,
        size=Shares(size),
        price=Price((notional / size).quantize(MICRO, ROUND_HALF_EVEN)),
        fill_count=sum(tally.best.fill_count for tally in tallies.values()),
        traded_at=max(tally.traded_at for tally in tallies.values()),
        detected_at=first.seen_at,
        source=first.source,
        transaction_hash=lowest.transaction_hash,
    )


def _surplus_notionals(tallies: Iterable[Tally]) -> Iterator[Decimal]:
    return (t.surplus * t.best.notional / t.best.size for t in tallies)


def signal_id_of(first: TallyKey, ordinal: int) -> SignalId:
    """Return a signal's id: what it is made of, so that finding it twice gives it once."""
    parts = (first.transaction_hash, first.wallet, first.token_id, first.side.value, str(ordinal))
    return SignalId(sha256("|".join(parts).encode()).hexdigest())
