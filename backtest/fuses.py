"""The circuit breakers of a look back, tripped by the same rules as the real ones."""

from datetime import UTC, date, datetime

from trading.breakers import (
    Losses,
    Result,
    Standing,
    Trip,
    cooldowns,
    count_result,
    entries_halt,
    pause_of,
)
from trading.rules import RiskRules
from trading.types import ZERO, ConditionId, Usd, Wallet


class Fuses:
    """Remembers what was lost, and says when entries stop for it. Nobody lifts a breaker here."""

    def __init__(self, rules: RiskRules) -> None:
        self._rules = rules
        self._losses = Losses()
        self._pnl: dict[date, Usd] = {}
        self._cooling: dict[tuple[str, str], Trip] = {}

    def realise(self, pnl: Usd, now: datetime) -> None:
        """Count what was realised on the UTC day."""
        day = now.astimezone(UTC).date()
        self._pnl[day] = Usd(self._pnl.get(day, ZERO) + pnl)

    def close(self, result: Result) -> None:
        """Count the end of a position."""
        self._losses = count_result(self._losses, result, self._rules)
        for trip in cooldowns(result, self._rules):
            self._cooling[trip.breaker.value, trip.key] = trip

    def halt(self, whale: Wallet, condition_id: ConditionId, now: datetime) -> str:
        """Return why no entry after a whale in a market may leave now, or nothing."""
        keys = (whale, condition_id)
        trips = [trip for trip in self._cooling.values() if trip.key in keys]
        return self._halt(trips, now)

    def halt_of_all(self, now: datetime) -> str:
        """Return why no entry at all may leave now, or nothing."""
        return self._halt([], now)

    def _halt(self, trips: list[Trip], now: datetime) -> str:
        pause = pause_of(self._losses)
        day = now.astimezone(UTC).date()
        standing = Standing(
            pnl_by_day={day: self._pnl.get(day, Usd(ZERO))},
            trips=trips if pause is None else [*trips, pause],
        )
        return entries_halt(standing, now, self._rules)
