"""Asks again and again whether the venue lets us trade, and stops entries while it does not."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from exchange.admission_port import Admission
from exchange.port import ExchangeError
from storage.admission_port import AdmissionStore
from storage.port import Event
from trading.admission import (
    AdmissionRules,
    admission_trip,
    clock_offset,
    clock_reason,
    closed_only_reason,
    describe_offset,
    geoblock_reason,
)
from trading.breakers import Breaker

log = structlog.get_logger()

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and which breaker holds while the answer is a reason against entries."""

    breaker: Breaker
    ask: Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a good answer is good for, and how soon is asked again otherwise."""

    every: timedelta
    again: timedelta


class AdmissionCheck:
    """Asks a few questions at a pace; a reason stops entries, and its absence lets them go on.

    While nobody answers, what was said last stands: a reason goes on holding, its absence too.
    Exits are never stopped.
    """

    def __init__(
        self, name: str, questions: Sequence[Question], store: AdmissionStore, clock: Clock
    ) -> None:
        self.name = name
        self._questions = questions
        self._store = store
        self._clock = clock
        self._rules = AdmissionRules()
        self._pace = Pace(self._rules.every, self._rules.again)
        self._due_at: datetime | None = None
        self._reasons: dict[Breaker, str] = {}

    def at(self, pace: Pace) -> "AdmissionCheck":
        """Take another pace than once an hour."""
        self._pace = pace
        return self

    @property
    def every(self) -> timedelta:
        """Return the pause until it is asked again whether an answer is due."""
        return self._pace.again

    async def turn(self) -> None:
        """Ask when it is time.

        Raises:
            ExchangeError: somebody did not answer; the others were asked all the same.
        """
        now = self._clock()
        if self._due_at is not None and now < self._due_at:
            return
        silent = [error for each in self._questions if (error := await self._settle(each))]
        is_good = not silent and not any(self._reasons.values())
        self._due_at = now + self._pace.every if is_good else None
        if silent:
            raise silent[0]

    async def _settle(self, question: Question) -> ExchangeError | None:
        breaker, silence = question.breaker, None
        try:
            self._reasons[breaker] = await question.ask()
        except ExchangeError as error:
            log.warning("admission_unknown", breaker=breaker.value, error=str(error))
            silence = error
        reason, now = self._reasons.get(breaker), self._clock()
        if reason:
            await self._store.hold_trip(admission_trip(breaker, reason, now, self._rules))
        elif reason is not None and silence is None:
            await self._store.end_trip(breaker, "the venue says otherwise now", now)
        return silence


def access_check(admission: Admission, store: AdmissionStore, clock: Clock) -> AdmissionCheck:
    """Return what asks every hour where we are and what the account may do."""

    async def geoblock() -> str:
        return geoblock_reason(await admission.fetch_geoblock())

    async def closed_only() -> str:
        return closed_only_reason(is_closed_only=await admission.fetch_closed_only())

    questions = [Question(Breaker.GEOBLOCK, geoblock), Question(Breaker.CLOSED_ONLY, closed_only)]
    return AdmissionCheck("geoblock and closed-only", questions, store, clock)


def clock_check(admission: Admission, store: AdmissionStore, clock: Clock) -> AdmissionCheck:
    """Return what compares our clock with the venue's every minute."""
    rules = AdmissionRules()

    async def offset() -> str:
        sent_at = clock()
        told = await admission.fetch_clock()
        found = clock_offset(sent_at, clock(), told)
        reason = clock_reason(found, rules)
        if not reason and abs(found) > rules.clock_warn:
            title = f"the venue's clock is {describe_offset(found)}"
            await store.record_event_once(
                f"clock/{sent_at:%Y-%m-%dT%H}", Event("clock_differs", "WARNING", title, sent_at)
            )
        return reason

    check = AdmissionCheck("clock", [Question(Breaker.CLOCK, offset)], store, clock)
    return check.at(Pace(rules.clock_every, rules.clock_every))
