"""Whether the venue lets us trade from where we are, and whether our clock is the venue's."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from trading.breakers import Breaker, Trip

VENUE_STEP = timedelta(seconds=1)
"""The venue tells its time in whole seconds, rounded down."""
_NONE = timedelta()


@dataclass(frozen=True, slots=True)
class Geoblock:
    """What the venue says of the place that our requests come from."""

    is_blocked: bool
    country: str
    region: str

    @property
    def place(self) -> str:
        """Return the country, and the region where one is told."""
        return "/".join(part for part in (self.country, self.region) if part) or "an unknown place"


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    """How often is asked, and what a difference between clocks is worth."""

    every: timedelta = timedelta(hours=1)
    again: timedelta = timedelta(minutes=5)  # while entries are stopped, or nobody answered
    clock_every: timedelta = timedelta(minutes=1)
    clock_warn: timedelta = timedelta(seconds=1)
    clock_max: timedelta = timedelta(seconds=3)
    holds_for: timedelta = timedelta(hours=3)  # what nobody confirms any more ends then


ADMISSION = AdmissionRules()


def clock_offset(
    sent_at: datetime, received_at: datetime, told: datetime, step: timedelta = VENUE_STEP
) -> timedelta:
    """Return the least offset of another clock from ours that explains its answer.

    Positive when it is ahead. The answer was read between the two moments, and is `told` or up to
    a `step` more; what these leave open is no offset.
    """
    least, most = told - received_at, told + step - sent_at
    if least > _NONE:
        return least
    return min(_NONE, most)


def geoblock_reason(found: Geoblock) -> str:
    """Return why entries must stop, or nothing."""
    return f"the venue takes no orders from {found.place}" if found.is_blocked else ""


def closed_only_reason(*, is_closed_only: bool) -> str:
    """Return why entries must stop, or nothing."""
    return "the account is in closed-only mode: it may sell, not buy" if is_closed_only else ""


def clock_reason(offset: timedelta, rules: AdmissionRules) -> str:
    """Return why entries must stop, or nothing."""
    if abs(offset) <= rules.clock_max:
        return ""
    return f"the venue's clock is {describe_offset(offset)}"


def describe_offset(offset: timedelta) -> str:
    """Say how far another clock is from ours, and which way."""
    tenths = abs(offset) // timedelta(milliseconds=100)
    way = "behind ours" if offset < _NONE else "ahead of ours"
    return f"{tenths // 10}.{tenths % 10} s {way}"


def admission_trip(breaker: Breaker, reason: str, now: datetime, rules: AdmissionRules) -> Trip:
    """Return the trip that stops entries until somebody finds that they may leave again."""
    return Trip(breaker, "", now, now + rules.holds_for, reason)
