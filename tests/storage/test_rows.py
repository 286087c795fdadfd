from dataclasses import replace
from decimal import Decimal

import pytest

from storage.postgres import PostgresStore
from tests.storage.builders import NOW, YES, market, price, shares, usd
from trading.types import FeeSchedule


@pytest.mark.parametrize(
    ("tick", "min_size"), [("0.1", "5"), ("0.01", "10"), ("0.0025", "0.5"), ("0.0001", "100")]
)
async def test_steps_come_back_without_trailing_zeros(
    store: PostgresStore, tick: str, min_size: str
) -> None:
    saved = replace(
        market(),
        tick_size=price(tick),
        min_size=shares(min_size),
        fees=FeeSchedule(Decimal("0.02"), 2),
        ends_at=None,
        liquidity=None,
        volume=usd("12.5"),
    )
    await store.save_market(saved, NOW)
    found = await store.load_market(YES)
    assert found == saved
    assert (str(found.tick_size), str(found.min_size)) == (tick, min_size)
    assert str(found.fees.rate) == "0.02"
