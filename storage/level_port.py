"""Exit levels between the records and the rules, and how several move them at the same time."""

from typing import Protocol

from storage.port import Levels, PositionRecord, PositionStore
from trading.exits import ExitLevels
from trading.types import PositionId


class LevelStore(PositionStore, Protocol):
    """Positions whose levels a person and whoever trails them move at the same time."""

    async def swap_levels(self, position_id: PositionId, before: Levels, after: Levels) -> bool:
        """Store levels where those stored are still `before`; return False when they are not."""


def exit_levels(record: PositionRecord) -> ExitLevels:
    """Return a stored position's levels as the exit rules take them."""
    return ExitLevels(
        stop_loss=record.stop_loss_price,
        take_profit=record.take_profit_price,
        trailing_stop=record.trailing_stop_price,
        high_water=record.high_water_price,
        is_trailing_off=record.is_trailing_off,
    )


def kept_levels(levels: ExitLevels) -> Levels:
    """Return levels as the records keep them."""
    return Levels(
        stop_loss_price=levels.stop_loss,
        take_profit_price=levels.take_profit,
        trailing_stop_price=levels.trailing_stop,
        high_water_price=levels.high_water,
        is_trailing_off=levels.is_trailing_off,
    )
