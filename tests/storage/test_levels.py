from storage.port import Levels
from storage.postgres import PostgresStore
from tests.storage.builders import bought, price
from trading.types import PositionId

NONE = Levels(None, None, None, None)
PLACED = Levels(price("0.42"), price("0.65"), None, price("0.51"))
DROPPED = Levels(price("0.42"), None, None, price("0.51"), is_trailing_off=True)


async def test_levels_are_moved_by_who_has_seen_the_newest(funded: PostgresStore) -> None:
    position = await bought(funded)
    assert await funded.swap_levels(position.position_id, NONE, PLACED)
    assert not await funded.swap_levels(position.position_id, NONE, DROPPED)
    stored = await funded.load_position(position.position_id)
    assert stored is not None
    assert (stored.stop_loss_price, stored.take_profit_price) == (price("0.42"), price("0.65"))
    assert (stored.trailing_stop_price, stored.high_water_price) == (None, price("0.51"))
    assert not stored.is_trailing_off


async def test_what_a_person_dropped_stays_dropped(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.swap_levels(position.position_id, NONE, PLACED)
    assert await funded.swap_levels(position.position_id, PLACED, DROPPED)
    assert not await funded.swap_levels(position.position_id, PLACED, PLACED)
    stored = await funded.load_position(position.position_id)
    assert stored is not None
    assert stored.is_trailing_off
    assert stored.take_profit_price is None


async def test_nobodys_levels_are_not_moved(funded: PostgresStore) -> None:
    assert not await funded.swap_levels(PositionId("nobody's"), NONE, PLACED)
