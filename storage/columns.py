"""How columns are declared: one metadata, the types of money, ratios and times."""

from typing import TypeVar

from sqlalchemy import Boolean, Column, DateTime, MetaData, Numeric, text
from sqlalchemy.types import TypeEngine

T = TypeVar("T")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

MONEY = Numeric(20, 6)
"""Money, sizes and prices, exact to the venue's micro-unit."""
RATIO = Numeric(20, 8)
UINT256 = Numeric(78, 0)
TIME = DateTime(timezone=True)


def need(name: str, kind: TypeEngine[T] | type[TypeEngine[T]]) -> Column[T]:
    """Declare a column that always holds something."""
    return Column(name, kind, nullable=False)


def zero(name: str, kind: TypeEngine[T] | type[TypeEngine[T]]) -> Column[T]:
    """Declare a number that starts at zero."""
    return Column(name, kind, nullable=False, server_default=text("0"))


def off(name: str) -> Column[bool]:
    """Declare a statement that starts out untrue."""
    return Column(name, Boolean, nullable=False, server_default=text("false"))
