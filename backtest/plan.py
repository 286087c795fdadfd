"""How the past is replayed: rules, money, delays, and which part of it is judged."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from trading.profiles import DEFAULT
from trading.rules import Rules
from trading.types import Usd, Wallet


@dataclass(frozen=True, slots=True)
class Latency:
    """From the signal to the order at the venue: a lognormal with this median and 90 %."""

    p50_ms: int = 150
    p90_ms: int = 250


@dataclass(frozen=True, slots=True)
class Plan:
    """What to replay and how.

    A whale is scored when a window begins, by what it had closed within `train` before (None: all
    that is known), and keeps that score to the window's end. Before `since` nothing is copied: it
    is for scores only; after `until` nothing is looked at. No `whales` means every one.
    `looked_at` is among how many wallets those tested were chosen (None: all in the history).
    """

    rules: Rules = DEFAULT
    bankroll: Usd = Usd(Decimal(10_000))
    seed: int = 1
    latency: Latency = Latency()
    heard_after: timedelta = timedelta(seconds=1.9)  # the median of the faster public feed
    train: timedelta | None = None
    window: timedelta = timedelta(days=1)
    since: datetime | None = None
    until: datetime | None = None
    whales: frozenset[Wallet] = frozenset()
    looked_at: int | None = None
    resamples: int = 2000
