"""Hold our books against the venue's again and again, each part at its own pace."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from exchange.account import VenueAccount
from storage.port import FactStore, OrderStore
from storage.reconcile_port import ACCOUNT_STREAM, BookKeeping, Judged
from trading.reconcile import BookKind, Reading, Subject, Suspicion, observe
from trading.rules import ReconcileRules
from trading.types import ZERO

Suspicions = Mapping[Subject, Suspicion]


class Part(Protocol):
    """One thing that is looked at for as long as a sweep lasts."""

    @property
    def name(self) -> str:
        """Return its name, for what goes wrong with it."""

    @property
    def every(self) -> timedelta:
        """Return the pause until its next turn."""

    async def turn(self) -> None:
        """Look once. What is raised is told of, and the next turn comes all the same."""


@dataclass(frozen=True, slots=True)
class ReconcilePorts:
    """What reconciling reads on both sides, and where it keeps what it found."""

    account: VenueAccount
    books: BookKeeping
    orders: OrderStore
    facts: FactStore


class Judge:
    """Decides which differences are real, by the readings before."""

    def __init__(
        self, books: BookKeeping, rules: ReconcileRules, clock: Callable[[], datetime]
    ) -> None:
        self._books = books
        self._rules = rules
        self._clock = clock

    async def judge(self, readings: Sequence[Reading], known: Suspicions) -> Sequence[Judged]:
        """Judge readings of one instant by what is suspected, and keep what was found."""
        now = self._clock()
        judged = [
            Judged(reading, observe(known.get(reading.subject), reading, now, self._rules))
            for reading in readings
        ]
        await self._books.record_findings(judged, self._rules, now)
        return judged

    async def judge_all(self, kind: BookKind, readings: Sequence[Reading]) -> Sequence[Judged]:
        """Judge all that there is of a kind: what was suspected and is not there is equal."""
        known = await self._books.load_suspicions()
        here = {reading.subject for reading in readings}
        gone = [subject for subject in sorted(known.keys() - here) if subject.kind is kind]
        equal = [Reading(subject, ZERO, ZERO) for subject in gone]
        return await self.judge([*readings, *equal], known)


class Whole(Part, Protocol):
    """A part that can also look at everything at once."""

    async def full_turn(self) -> None:
        """Look at everything."""


class FullPass:
    """Everything at once: at the start, every five minutes, and after every reconnect."""

    name = "full pass"

    def __init__(
        self,
        parts: Sequence[Whole],
        facts: FactStore,
        rules: ReconcileRules,
        clock: Callable[[], datetime],
    ) -> None:
        self._parts = parts
        self._facts = facts
        self._rules = rules
        self._clock = clock
        self._last_at: datetime | None = None
        self._connected_at: str | None = None

    @property
    def every(self) -> timedelta:
        """Return the pause until it is asked again whether a pass is due."""
        return self._rules.look_every

    async def turn(self) -> None:
        """Make a pass when one is due."""
        connected_at = await self._facts.load_cursor(ACCOUNT_STREAM)
        now = self._clock()
        is_late = self._last_at is None or now >= self._last_at + self._rules.full_every
        if not is_late and connected_at == self._connected_at:
            return
        for part in self._parts:
            await part.full_turn()
        self._last_at, self._connected_at = now, connected_at
