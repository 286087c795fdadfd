"""Asks the public record for what whales do: late, but it misses nothing, nor what is no trade."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random

import structlog

from exchange.activity import Activity, WalletRecord
from exchange.port import (
    FillEvent,
    Quarantined,
    StreamReset,
    UnavailableError,
    WalletSet,
    WireError,
)
from ingest.health import FeedHealth
from ingest.missed import MissedFills
from ingest.stored import until_stored
from storage.holding_port import HoldingStore
from storage.port import FactStore
from trading.holdings import MoveKind
from trading.types import Wallet

FEED = "data_api"
CURSOR = "activity/"
REFUSED_MAX = 1_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PollRules:
    """How often each wallet is asked for, and how far back.

    All wallets share one pace: the venue allows 1,000 requests in ten seconds, this is a tenth.
    The overlap is longer than caches on the way keep an answer (five minutes).
    """

    busy_every: timedelta = timedelta(seconds=5)  # lately active, or a fast feed is silent
    idle_every: timedelta = timedelta(seconds=15)
    busy_for: timedelta = timedelta(minutes=2)
    between: timedelta = timedelta(milliseconds=100)  # two requests
    overlap: timedelta = timedelta(minutes=6)
    snapshot_after: timedelta = timedelta(hours=1)  # without a word of the wallet
    backoff_first: timedelta = timedelta(seconds=1)
    backoff_max: timedelta = timedelta(minutes=1)
    jitter_percent: int = 20


@dataclass(slots=True)
class _Watched:
    """One wallet: when it is asked for next, and how far it is known."""

    due_at: datetime
    known_until: datetime | None = None
    active_at: datetime | None = None
    needs_snapshot: bool = False
    was_read: bool = False


class ActivityFeed:
    """A whale feed of the trades in the record; what is no trade goes into the records itself.

    The listener that takes the fills sets the pace: nothing is asked for before it has taken
    what came last. What was known is kept per wallet, so that a restart goes on from there, and
    a wallet followed anew begins with what it holds.
    """

    name = FEED

    def __init__(
        self,
        record: WalletRecord,
        stores: tuple[HoldingStore, FactStore],
        health: FeedHealth,
        clock: Callable[[], datetime],
        rules: PollRules | None = None,
    ) -> None:
        self._record = record
        self._holdings, self._facts = stores
        self._health = health
        self._clock = clock
        self._rules = rules or PollRules()
        self._rng = Random()  # noqa: S311 - spreads requests, guards nothing
        self._watched: dict[Wallet, _Watched] = {}
        self._refused: OrderedDict[str, None] = OrderedDict()
        self._missed = MissedFills(self._holdings, self._facts, health, clock)
        self._backoff: timedelta | None = None

    async def stream_fills(self, wallets: WalletSet) -> AsyncIterator[FillEvent]:
        """Yield fills for ever; a StreamReset follows every interruption."""
        was_lost = True
        while True:
            for wallet in self._due(wallets.current()):
                try:
                    events = await self._poll(wallet)
                except UnavailableError as error:
                    was_lost = True
                    await self._back_off(error)
                    break
                self._backoff = None
                for event in events:
                    yield event
                await self._advance(wallet)
                if was_lost:
                    was_lost = False
                    yield StreamReset(self._clock())
                await asyncio.sleep(self._rules.between.total_seconds())
            await self._missed.look()
            await self._wait(wallets)

    def _due(self, followed: frozenset[Wallet]) -> list[Wallet]:
        """Return whom to ask for now, the longest overdue first; new wallets at once."""
        now = self._clock()
        self._watched = {w: kept for w, kept in self._watched.items() if w in followed}
        for wallet in sorted(followed - self._watched.keys()):
            self._watched[wallet] = _Watched(due_at=now)
        due = [wallet for wallet, kept in self._watched.items() if kept.due_at <= now]
        return sorted(due, key=lambda wallet: self._watched[wallet].due_at)

    async def _poll(self, wallet: Wallet) -> list[FillEvent]:
        """Ask for one wallet, keep its moves, and return its trades that were not told yet."""
        watched, now = self._watched[wallet], self._clock()
        try:
            since = await self._begin(wallet, watched, now)
            activity = await self._record.fetch_activity(wallet, since)
        except WireError as error:
            watched.was_read = False
            watched.due_at = now + self._spread(self._rules.idle_every)
            return [Quarantined(FEED, str(error), "")]
        watched.was_read = True
        self._health.heard(FEED)
        await self._keep_moves(watched, activity)
        self._missed.expect(activity.fills)
        if activity.fills:
            watched.active_at = now
        self._plan(watched, now)
        return [*self._newly_refused(activity), *activity.fills]

    async def _begin(self, wallet: Wallet, watched: _Watched, now: datetime) -> datetime:
        """Return since when to ask; a wallet that was not known lately is looked at as a whole."""
        if watched.known_until is None:
            position = await self._last_known(wallet)
            watched.needs_snapshot = position is None or now - position > self._rules.snapshot_after
            watched.known_until = position or now
        if watched.needs_snapshot:
            held = await self._record.fetch_held(wallet)
            await until_stored(lambda: self._holdings.record_held(held, now), self._health, "held")
            watched.needs_snapshot = False
        return watched.known_until - self._rules.overlap

    async def _last_known(self, wallet: Wallet) -> datetime | None:
        position = await until_stored(
            partial(self._facts.load_cursor, CURSOR + wallet), self._health, "cursor"
        )
        return None if position is None else datetime.fromisoformat(position)

    async def _keep_moves(self, watched: _Watched, activity: Activity) -> None:
        for move in activity.moves:
            write = partial(self._holdings.record_move, move, self._clock())
            is_new = await until_stored(write, self._health, "move")
            if is_new:
                log.info("whale_moved", wallet=move.wallet, kind=move.kind, size=str(move.size))
                watched.active_at = self._clock()
                # What a conversion gave in other markets is in none of its rows.
                watched.needs_snapshot |= move.kind is MoveKind.CONVERSION

    def _newly_refused(self, activity: Activity) -> list[Quarantined]:
        """Return rows that were refused for the first time; each answer brings them again."""
        new = [row for row in activity.refused if row.payload not in self._refused]
        for row in new:
            self._refused[row.payload] = None
        while len(self._refused) > REFUSED_MAX:
            self._refused.popitem(last=False)
        return new

    def _plan(self, watched: _Watched, now: datetime) -> None:
        rules = self._rules
        was_active = watched.active_at is not None and now - watched.active_at < rules.busy_for
        is_busy = was_active or bool(self._health.silent().keys() - {FEED})
        watched.due_at = now + self._spread(rules.busy_every if is_busy else rules.idle_every)

    async def _advance(self, wallet: Wallet) -> None:
        """Keep how far a wallet is known, once its fills were taken."""
        watched, now = self._watched[wallet], self._clock()
        if not watched.was_read:
            return
        watched.known_until = now
        write = partial(self._facts.save_cursor, CURSOR + wallet, now.isoformat(), now)
        await until_stored(write, self._health, "cursor")

    async def _back_off(self, error: UnavailableError) -> None:
        """Wait ever longer while the record does not answer; all wallets wait together."""
        rules = self._rules
        doubled = rules.backoff_first if self._backoff is None else self._backoff * 2
        self._backoff = min(doubled, rules.backoff_max)
        self._health.failed(FEED)
        log.info("poll_failed", feed=FEED, why=str(error)[:300])
        await asyncio.sleep(self._spread(self._backoff).total_seconds())

    async def _wait(self, wallets: WalletSet) -> None:
        """Return when somebody is due, at once when other wallets are followed."""
        if wallets.current() != self._watched.keys():
            return
        now, idle = self._clock(), self._rules.idle_every
        due_at = min((w.due_at for w in self._watched.values()), default=now + idle)
        pause = max(due_at - now, self._rules.between)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause.total_seconds()):
                await wallets.changed()

    def _spread(self, time: timedelta) -> timedelta:
        percent = self._rules.jitter_percent
        return time * self._rng.randint(100 - percent, 100 + percent) // 100
