"""When the next order may leave: a token bucket for each side, and the venue's modes."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from trading.rules import ThrottleRules
from trading.submits import SubmitKind, SubmitOutcome, VenueMode
from trading.types import ONE, ZERO, Side

_SECOND = timedelta(seconds=1)
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tokens left at a time; below zero they are promised to those who wait."""

    tokens: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a bucket fills, and how much it holds."""

    per_s: Decimal
    burst: int


@dataclass(frozen=True, slots=True)
class Restriction:
    """The venue works no orders until a time; `strikes` is how often in a row it said so."""

    mode: VenueMode
    until: datetime
    strikes: int


def rate_of(side: Side, rules: ThrottleRules) -> Rate:
    """Return the rate of entries (BUY) or of exits (SELL)."""
    if side is Side.BUY:
        return Rate(rules.entries_per_s, rules.entries_burst)
    return Rate(rules.exits_per_s, rules.exits_burst)


def full(rate: Rate, now: datetime) -> Bucket:
    """Return a full bucket."""
    return Bucket(Decimal(rate.burst), now)


def take(bucket: Bucket, rate: Rate, now: datetime) -> tuple[Bucket, timedelta]:
    """Take one token and return how long to wait until it is there; a clock set back fills none."""
    elapsed = max(now - bucket.at, timedelta(0))
    filled = bucket.tokens + Decimal(elapsed // timedelta(microseconds=1)) / _MICROS * rate.per_s
    tokens = min(filled, Decimal(rate.burst)) - ONE
    wait_s = max(-tokens / rate.per_s, ZERO)
    return Bucket(tokens, now), timedelta(microseconds=int(wait_s * _MICROS))


def give_back(bucket: Bucket) -> Bucket:
    """Return a token that was not used."""
    return replace(bucket, tokens=bucket.tokens + ONE)


def restrict(
    known: Restriction | None, outcome: SubmitOutcome, now: datetime, rules: ThrottleRules
) -> Restriction | None:
    """Return the restriction after an answer: a mode begins or prolongs it, work on orders ends it.

    The venue's Retry-After counts; without one the pause doubles up to `backoff_max`. Orders that
    were on their way when a pause began are turned away with it, which doubles nothing. An answer
    that proves nothing changes nothing.
    """
    if outcome.kind in (SubmitKind.ACCEPTED, SubmitKind.REJECTED, SubmitKind.KNOWN_TO_VENUE):
        return None
    if outcome.mode is None:
        return known
    is_repeated = known is not None and now < known.until
    strikes = (known.strikes if known is not None else 0) + (not is_repeated)
    pause = min(rules.backoff_first * 2 ** min(strikes - 1, 10), rules.backoff_max)
    if outcome.retry_after_s is not None:
        pause = timedelta(microseconds=int(outcome.retry_after_s * _MICROS))
    elif is_repeated:
        return known
    until = max(now + pause, known.until if known is not None else now)
    return Restriction(outcome.mode, until, strikes)
