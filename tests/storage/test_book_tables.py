import pytest

from storage.book_tables import orders, positions
from storage.columns import metadata
from storage.tables import trades


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("positions", ["user_address", "status"]),
        ("positions", ["condition_id", "status"]),
        ("orders", ["status", "created_at DESC"]),
        ("orders", ["source_whale", "created_at DESC"]),
        ("trades", ["trader_address", "timestamp DESC"]),
    ],
)
def test_required_indexes_are_there(table: str, columns: list[str]) -> None:
    indexes = [
        [str(column).replace(f"{table}.", "") for column in index.expressions]
        for index in metadata.tables[table].indexes
    ]
    assert columns in indexes


def test_an_orders_id_is_its_hash_and_intents_have_one_order() -> None:
    assert [column.name for column in orders.primary_key] == ["order_id"]
    assert orders.c.intent_id.unique
    assert positions.c.position_id.primary_key
    assert trades.c.trade_id.primary_key
