import pytest
from sqlalchemy import text

from storage.pnl_tables import balances, pnl_changes
from storage.port import StorageError
from storage.postgres import PostgresStore
from tests.storage.builders import bought


def test_every_figure_of_a_change_is_kept_before_and_after() -> None:
    names = {column.name for column in pnl_changes.columns}
    before = {name.removesuffix("_before") for name in names if name.endswith("_before")}
    after = {name.removesuffix("_after") for name in names if name.endswith("_after")}
    assert before == after >= {"cash", "size", "entry_price", "realised_pnl"}
    assert {column.name for column in balances.columns} >= {"cash", "deposits"}


async def test_the_trail_can_only_be_added_to(funded: PostgresStore) -> None:
    await bought(funded)
    for statement in ("UPDATE pnl_changes SET fees_after = 0", "DELETE FROM pnl_changes"):
        with pytest.raises(StorageError, match="append-only"):
            async with funded.transaction() as connection:
                await connection.execute(text(statement))
