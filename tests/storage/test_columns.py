from sqlalchemy import Integer, Table

from storage.columns import MONEY, TIME, metadata, need, off, zero


def test_columns_hold_something_unless_they_say_otherwise() -> None:
    table = Table("scratch", metadata.__class__(), need("a", TIME), zero("b", Integer), off("c"))
    assert not any(column.nullable for column in table.columns)
    assert table.c.a.server_default is None
    assert table.c.b.server_default is not None


def test_money_is_exact_to_the_micro_unit() -> None:
    assert (MONEY.precision, MONEY.scale) == (20, 6)
    assert TIME.timezone
