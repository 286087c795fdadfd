"""What the guard of a wallet does: looks at every breaker, keeps words, tells of changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from storage.guard_port import BreakerFigures, GuardStore, Kill, KillSource
from storage.port import Event
from trading.breakers import (
    Breaker,
    Override,
    Trip,
    day_loss,
    entries_halt,
    for_all,
    holds,
    size_factor,
)
from trading.rules import RiskRules
from trading.types import ONE


@dataclass(frozen=True, slots=True)
class KillOrder:
    """A person pulls the kill switch, or lets go of it, through the guard."""

    who: str
    why: str
    closes_all: bool = False


@dataclass(frozen=True, slots=True)
class OverrideOrder:
    """A person says that a breaker does not hold; without `until`, while what stands would."""

    breaker: Breaker
    who: str
    why: str
    until: datetime | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class GuardReview:
    """What stands now, and when the first of it ends by itself."""

    summary: str
    next_at: datetime | None = None
    holders: tuple[str, ...] = ()


class GuardActivities:
    """Steps of the guard. What they decide is enforced where entries are reserved and sent."""

    def __init__(self, store: GuardStore, rules: RiskRules, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock

    @activity.defn
    async def review_breakers(self) -> GuardReview:
        """Tell of every trip once, and say what stands."""
        now = self._clock()
        figures = await self._store.load_breakers(now)
        for trip in figures.standing.trips:
            await self._tell(trip, now)
        await self._tell_levels(figures, now)
        return self._review(figures, now)

    @activity.defn
    async def override_breaker(self, order: OverrideOrder) -> str:
        """Keep a person's word about a breaker; return what has come of it."""
        now = self._clock()
        wish = Override(order.breaker, order.key, now, order.until or now, order.who, order.why)
        counts = await self._store.override_breaker(wish)
        if counts is None:
            return f"{order.breaker} does not stand: nothing to lift"
        return f"{order.breaker} is lifted until {counts.until.isoformat()}"

    @activity.defn
    async def pull_switch(self, order: KillOrder) -> GuardReview:
        """Stop all entries."""
        await self._store.pull_switch(self._kill(order))
        return await self.review_breakers()

    @activity.defn
    async def release_switch(self, order: KillOrder) -> GuardReview:
        """Let go here; the review says who holds it still."""
        await self._store.release_switch(self._kill(order))
        return await self.review_breakers()

    def _kill(self, order: KillOrder) -> Kill:
        return Kill(KillSource.TEMPORAL, order.who, order.why, self._clock(), order.closes_all)

    def _review(self, figures: BreakerFigures, now: datetime) -> GuardReview:
        standing, rules = figures.standing, self._rules
        halt = entries_halt(for_all(standing), now, rules)
        lines = [f"entries halted: {halt}" if halt else "entries may leave"]
        if size_factor(figures.drawdown, rules) < ONE:
            lines.append(f"drawdown {figures.drawdown:.4f} above {rules.drawdown_halve}: halved")
        lines += [t.reason for t in _holding(figures, now) if t.reason != halt]
        ends = [*(t.until for t in standing.trips), *(o.until for o in standing.overrides)]
        holders = tuple(kill.describe() for kill in figures.kills)
        return GuardReview("; ".join(lines), min(ends, default=None), holders)

    async def _tell(self, trip: Trip, now: datetime) -> None:
        key = f"{trip.breaker}/{trip.key}/{trip.tripped_at.isoformat()}"
        await self._tell_once(key, trip.breaker, trip.reason, now)

    async def _tell_levels(self, figures: BreakerFigures, now: datetime) -> None:
        """Tell once a day of what has no time of its own."""
        loss, rules = day_loss(figures.standing, now), self._rules
        if loss > rules.daily_loss_max:
            words = f"daily loss {loss} above {rules.daily_loss_max}"
            await self._tell_once(f"DAILY_LOSS/{now.date()}", Breaker.DAILY_LOSS, words, now)
        if size_factor(figures.drawdown, rules) < ONE:
            words = f"drawdown {figures.drawdown:.4f} above {rules.drawdown_halve}"
            await self._tell_once(f"DRAWDOWN/{now.date()}", Breaker.DRAWDOWN, words, now)

    async def _tell_once(self, key: str, breaker: Breaker, words: str, now: datetime) -> None:
        event = Event("breaker_tripped", "WARNING", words, now, {"breaker": breaker.value})
        await self._store.record_event_once(f"breaker/{key}", event)


def _holding(figures: BreakerFigures, now: datetime) -> Sequence[Trip]:
    standing = figures.standing
    return [trip for trip in standing.trips if holds(trip, standing.overrides, now)]
