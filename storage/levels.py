"""Exit levels that several move at once: each change builds on what its maker has seen."""

from storage.lane import QuickDatabase
from storage.port import Levels
from storage.positions import CHANNEL
from storage.statements import Statement
from trading.types import PositionId

_SWAP = Statement(
    """
    WITH moved AS (
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
    )
    SELECT CASE WHEN :is_news THEN CAST(pg_notify(:channel, position_id) AS text) END FROM moved
    """
)


async def swap_levels(
    db: QuickDatabase, position_id: PositionId, before: Levels, after: Levels
) -> bool:
    """Store levels where those stored are still `before`; return False when they are not.

    A stop that only trails is no news: it does so with every new height of the bid.
    """
    row = await db.lane.row(
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
        is_news=_is_news(before, after),
        channel=CHANNEL,
    )
    return row is not None


def _is_news(before: Levels, after: Levels) -> bool:
    old = (before.stop_loss_price, before.take_profit_price, before.is_trailing_off)
    return old != (after.stop_loss_price, after.take_profit_price, after.is_trailing_off)
