"""Exit levels that several move at once: each change builds on what its maker has seen."""

from storage.database import ring
from storage.lane import QuickDatabase
from storage.port import Levels
from storage.positions import CHANNEL
from storage.statements import Statement, run_one
from trading.types import PositionId

_SWAP = Statement(
    """
    UPDATE positions SET
        stop_loss_price = :stop_loss,
        take_profit_price = :take_profit,
        trailing_stop_price = :trailing_stop,
        high_water_price = :high_water,
        is_trailing_off = :is_trailing_off
    WHERE position_id = :position_id
    AND stop_loss_price IS NOT DISTINCT FROM :old_stop_loss
    AND take_profit_price IS NOT DISTINCT FROM :old_take_profit
    AND trailing_stop_price IS NOT DISTINCT FROM :old_trailing_stop
    AND high_water_price IS NOT DISTINCT FROM :old_high_water
    AND is_trailing_off = :old_is_trailing_off
    RETURNING position_id
    """
)


async def swap_levels(
    db: QuickDatabase, position_id: PositionId, before: Levels, after: Levels
) -> bool:
    """Store levels where those stored are still `before`; return False when they are not."""
    async with db.transaction() as connection:
        row = await run_one(
            connection,
            _SWAP,
            position_id=position_id,
            stop_loss=after.stop_loss_price,
            take_profit=after.take_profit_price,
            trailing_stop=after.trailing_stop_price,
            high_water=after.high_water_price,
            is_trailing_off=after.is_trailing_off,
            old_stop_loss=before.stop_loss_price,
            old_take_profit=before.take_profit_price,
            old_trailing_stop=before.trailing_stop_price,
            old_high_water=before.high_water_price,
            old_is_trailing_off=before.is_trailing_off,
        )
        if row is not None:
            await ring(connection, CHANNEL, position_id)
    return row is not None
