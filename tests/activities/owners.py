"""A list of who works, in place of Temporal."""

from collections.abc import Collection
from dataclasses import dataclass, field

from trading.types import ExitRequest, PositionId, SignalId


@dataclass(slots=True)
class Register:
    """Knows the trades and positions that are looked after; a position is owned when asked for."""

    trades: set[SignalId] = field(default_factory=set)
    positions: set[PositionId] = field(default_factory=set)
    is_away: bool = False
    asked: list[tuple[PositionId, ExitRequest]] = field(default_factory=list)

    async def running_trades(self, signal_ids: Collection[SignalId]) -> frozenset[SignalId]:
        self._answer()
        return frozenset(self.trades & set(signal_ids))

    async def running_positions(
        self, position_ids: Collection[PositionId]
    ) -> frozenset[PositionId]:
        self._answer()
        return frozenset(self.positions & set(position_ids))

    async def own_position(self, position_id: PositionId) -> None:
        self._answer()
        self.positions.add(position_id)

    async def ask_exit(self, position_id: PositionId, request: ExitRequest) -> bool:
        self._answer()
        self.asked.append((position_id, request))
        return position_id in self.positions

    def _answer(self) -> None:
        if self.is_away:
            raise ConnectionError("expected an answer, received none")
