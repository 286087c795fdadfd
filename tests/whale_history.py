"""A venue's public record of wallets, made up."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from exchange.port import ClosedPosition, ExchangeError, LeaderboardRow
from tests.storage.builders import NOW
from trading.types import ConditionId, Usd, Wallet, WhaleFill


def closed(wallet: Wallet, edge: float, count: int, seed: int, day: int) -> list[ClosedPosition]:
    """Results of `edge` deviations of 30 % on average, one a day from a day on."""
    chance = random.Random(seed)
    found = []
    for n in range(count):
        at = NOW + timedelta(days=day + n)
        pnl = Usd(Decimal(str(round(100 * chance.gauss(edge * 0.3, 0.3), 2))))
        found.append(
            ClosedPosition(wallet, ConditionId("0xc"), at, at, Usd(Decimal(100)), pnl, "a")
        )
    return found


@dataclass
class History:
    """Answers what it was given, and fails as it is told to."""

    leaders: Sequence[LeaderboardRow] = ()
    positions: dict[Wallet, list[ClosedPosition]] = field(default_factory=dict)
    failing: dict[Wallet, ExchangeError] = field(default_factory=dict)
    asked: list[Wallet] = field(default_factory=list)

    async def fetch_closed_positions(self, wallet: Wallet) -> list[ClosedPosition]:
        self.asked.append(wallet)
        if wallet in self.failing:
            raise self.failing[wallet]
        return self.positions.get(wallet, [])

    async def fetch_leaderboard(self, limit: int) -> Sequence[LeaderboardRow]:
        return self.leaders[:limit]

    async def fetch_fills(self, wallet: Wallet, since: datetime) -> Sequence[WhaleFill]:
        del wallet, since
        return ()
