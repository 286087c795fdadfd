from decimal import Decimal

import pytest
from sqlalchemy import text

from storage.limits import Scope, Stake, down, load_used, lock_wallet, shift_limits, take_limit, up
from storage.port import StorageError
from storage.postgres import PostgresStore
from tests.storage.builders import MARKET, WALLET, WHALE, bought, entry, reserved, usd
from trading.types import PositionId

STAKE = Stake(WALLET, WHALE, MARKET, PositionId("p1"))


def test_what_may_be_lost_is_rounded_up_and_what_may_be_used_down() -> None:
    assert up(Decimal("0.0000001")) == Decimal("0.000001")
    assert down(Decimal("0.0000019")) == Decimal("0.000001")
    assert up(Decimal("1.5")) == down(Decimal("1.5")) == Decimal("1.5")


async def test_a_limit_is_used_up_to_its_cap_and_no_further(store: PostgresStore) -> None:
    async with store.transaction() as connection:
        for more, used in (("60", 60), ("40.000001", None), ("40", 100), ("0.000001", None)):
            found = await take_limit(connection, STAKE, Scope.MARKET, usd(more), usd(100))
            assert found == used
        assert await load_used(connection, STAKE, Scope.MARKET) == 100
        assert await load_used(connection, STAKE, Scope.WHALE) == 0


async def test_a_first_use_above_the_cap_leaves_no_row(store: PostgresStore) -> None:
    async with store.transaction() as connection:
        assert await take_limit(connection, STAKE, Scope.WHALE, usd(2), usd(1)) is None
        count = await connection.execute(text("SELECT count(*) FROM limits"))
        assert count.scalar_one() == 0


async def test_locking_a_wallet_changes_nothing(store: PostgresStore) -> None:
    for _ in range(2):
        async with store.transaction() as connection:
            await lock_wallet(connection, WALLET)
            assert await load_used(connection, STAKE, Scope.WALLET) == 0


async def test_use_never_falls_below_nothing(store: PostgresStore) -> None:
    with pytest.raises(StorageError, match="ck_limits_used"):  # noqa: PT012 - one transaction
        async with store.transaction() as connection:
            for scope in Scope:
                await take_limit(connection, STAKE, scope, usd(1), usd(1))
            await shift_limits(connection, STAKE, Decimal("-1.000001"))


async def test_a_reservation_above_its_cap_cannot_be_stored(funded: PostgresStore) -> None:
    await reserved(funded, entry())
    with pytest.raises(StorageError, match="ck_reservations_market"):
        async with funded.transaction() as connection:
            await connection.execute(text("UPDATE reservations SET market_cap_then = 1"))


async def test_the_audit_finds_every_limit_that_says_otherwise(funded: PostgresStore) -> None:
    await bought(funded)
    await reserved(funded, entry("s2#1"))
    assert await funded.audit_limits() == []
    async with funded.transaction() as connection:
        await connection.execute(text("UPDATE limits SET used = 7 WHERE scope = 'WHALE'"))
        await connection.execute(text("DELETE FROM limits WHERE scope = 'MARKET'"))
    found = await funded.audit_limits()
    assert {(drift.scope, drift.used, drift.expected) for drift in found} == {
        (Scope.WHALE, usd(7), usd(100)),
        (Scope.MARKET, usd(0), usd(100)),
    }
