"""What the guard asks of the records: breakers, people's words about them, the kill switch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from storage.port import Event
from trading.breakers import Losses, Override, Standing
from trading.types import OrderHash, Usd


class KillSource(StrEnum):
    """Where the kill switch was pulled; each must let go before entries leave again."""

    COMMAND = "COMMAND"
    DASHBOARD = "DASHBOARD"
    TEMPORAL = "TEMPORAL"
    FILE = "FILE"


@dataclass(frozen=True, slots=True)
class Kill:
    """One hand on the kill switch. `place` tells files apart, and is empty for the others."""

    source: KillSource
    who: str
    why: str
    pulled_at: datetime
    closes_all: bool = False
    place: str = ""

    def describe(self) -> str:
        """Say who holds it, and why."""
        where = f" {self.place}" if self.place else ""
        return f"kill switch held by {self.source}{where} ({self.who}): {self.why}"


@dataclass(frozen=True, slots=True)
class HaltNote:
    """What the file HALT says."""

    why: str
    closes_all: bool = False


class HaltSign(Protocol):
    """A sign outside the records that entries must stop."""

    @property
    def place(self) -> str:
        """Return where it would be found."""

    def read(self) -> HaltNote | None:
        """Return what it says, None without one."""


@dataclass(frozen=True, slots=True)
class BreakerFigures:
    """Everything that stops or halves the entries of a wallet, and how near the rest is.

    `standing` has all trips of all markets and whales that have not ended, and all overrides.
    """

    standing: Standing
    losses: Losses
    drawdown: Decimal
    ended: int
    failed: int
    pnl_today: Usd
    kills: Sequence[Kill] = ()


class KillStore(Protocol):
    """The kill switch in the records, and what it must take off the book."""

    async def pull_switch(self, kill: Kill) -> bool:
        """Stop all entries, and page; False when this source holds already (it may close all)."""

    async def release_switch(self, kill: Kill) -> bool:
        """Let go for one source and place, by whom and why; False when it did not hold."""

    async def list_kills(self) -> Sequence[Kill]:
        """Return who holds the switch, the first first."""

    async def list_open_entries(self) -> Sequence[OrderHash]:
        """Return entries that may rest at the venue."""


class GuardStore(KillStore, Protocol):
    """The breakers of one wallet."""

    async def load_breakers(self, now: datetime) -> BreakerFigures:
        """Return what every breaker says."""

    async def override_breaker(self, override: Override) -> Override | None:
        """Keep a person's word; return it as it counts, None when there is nothing to lift."""

    async def record_event_once(self, key: str, event: Event) -> bool:
        """Store an event under a key; return False when that key was there before."""
