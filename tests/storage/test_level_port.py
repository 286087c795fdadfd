from dataclasses import replace

from storage.level_port import exit_levels, kept_levels
from storage.port import Levels
from storage.postgres import PostgresStore
from tests.storage.builders import bought, price
from trading.exits import ExitLevels

RULED = ExitLevels(price("0.42"), price("0.65"), price("0.55"), price("0.58"), is_trailing_off=True)
KEPT = Levels(price("0.42"), price("0.65"), price("0.55"), price("0.58"), is_trailing_off=True)


def test_notes_of_where_levels_are_placed_are_not_kept() -> None:
    assert kept_levels(replace(RULED, notes=("placed at 0.99",))) == KEPT


async def test_levels_come_back_as_they_were_kept(funded: PostgresStore) -> None:
    position = await bought(funded)
    assert await funded.swap_levels(position.position_id, kept_levels(exit_levels(position)), KEPT)
    stored = await funded.load_position(position.position_id)
    assert stored is not None
    assert exit_levels(stored) == RULED
