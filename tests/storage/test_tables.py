from sqlalchemy import DateTime, Float, Numeric

from storage import book_tables, tables
from storage.columns import metadata

SEED_TABLES = {"whales", "trades", "positions", "orders", "markets", "events"}


def test_the_first_designs_tables_keep_their_names() -> None:
    assert set(metadata.tables) >= SEED_TABLES
    assert tables.trades.name == "trades"
    assert book_tables.orders.name == "orders"


def test_no_column_is_a_float_and_every_time_is_aware() -> None:
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, DateTime):
                assert column.type.timezone, f"{table.name}.{column.name}"
            inexact = isinstance(column.type, Float) and not isinstance(column.type, Numeric)
            assert not inexact, f"{table.name}.{column.name}"
