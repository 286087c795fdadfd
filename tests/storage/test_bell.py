import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from storage import bell as bell_module
from storage.bell import PostgresBell
from storage.postgres import PostgresStore
from tests.storage.builders import NOW, bought, reserved, signal
from tests.storage.builders import entry as make_entry

LONG = timedelta(seconds=10)
SHORT = timedelta(milliseconds=50)


@pytest.fixture
async def bell(database_url: str) -> AsyncIterator[PostgresBell]:
    bell = PostgresBell(database_url)
    assert not await bell.wait("signals", "", timedelta(milliseconds=300))
    yield bell
    await bell.close()


async def ring(store: PostgresStore, channel: str, key: str) -> None:
    async with store.transaction() as connection:
        await connection.execute(
            text("SELECT pg_notify(:channel, :key)"), [{"channel": channel, "key": key}]
        )


async def test_a_signal_rings_for_its_id_and_for_any(
    store: PostgresStore, bell: PostgresBell
) -> None:
    waits = [bell.wait("signals", key, LONG) for key in ("s1", "")]
    heard, _ = await asyncio.gather(asyncio.gather(*waits), store.record_signal(signal(), NOW))
    assert heard == [True, True]


async def test_it_does_not_ring_for_others(store: PostgresStore, bell: PostgresBell) -> None:
    await store.record_signal(signal(), NOW)
    assert not await bell.wait("signals", "s2", SHORT)
    assert not await bell.wait("orders", "", SHORT)


async def test_what_rang_before_the_wait_is_heard_once(
    store: PostgresStore, bell: PostgresBell
) -> None:
    await ring(store, "orders", "0x1")
    await ring(store, "orders", "0x2")
    assert await bell.wait("orders", "0x2", LONG)
    assert await bell.wait("orders", "0x1", LONG)
    assert not await bell.wait("orders", "0x1", SHORT)


async def test_a_committed_step_rings_and_a_rolled_back_one_does_not(
    store: PostgresStore, bell: PostgresBell
) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - a transaction is one thing
        async with store.transaction() as connection:
            await connection.execute(text("SELECT pg_notify('signals', 's1')"))
            raise ZeroDivisionError
    assert not await bell.wait("signals", "s1", SHORT)


async def test_orders_and_positions_ring(funded: PostgresStore, bell: PostgresBell) -> None:
    intent = await reserved(funded, make_entry("s1#1"))
    assert await bell.wait("orders", intent.order.order_hash, LONG)
    position = await bought(funded, "s2#1")
    assert await bell.wait("positions", position.position_id, LONG)


async def hang_up(store: PostgresStore) -> None:
    """End every listening session, as a restart of the server does."""
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    async with store.transaction() as connection:
        await connection.execute(text(others))


async def test_a_lost_connection_wakes_everybody_and_is_made_again(
    store: PostgresStore, bell: PostgresBell
) -> None:
    heard, _ = await asyncio.gather(bell.wait("signals", "s1", LONG), hang_up(store))
    assert heard
    assert not await bell.wait("signals", "s1", SHORT)
    heard, _ = await asyncio.gather(
        bell.wait("signals", "s1", LONG), store.record_signal(signal(), NOW)
    )
    assert heard


async def test_without_a_database_a_wait_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell_module, "RECONNECT_AFTER_S", 0.01)
    bell = PostgresBell("postgresql+asyncpg://postgres@127.0.0.1:1/none")
    assert not await bell.wait("signals", "", SHORT)
    await bell.close()


async def test_kept_rings_are_bounded(
    store: PostgresStore, bell: PostgresBell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell_module, "KEPT_MAX", 3)
    for n in range(5):
        await ring(store, "orders", f"0x{n}")
    assert await bell.wait("orders", "0x4", LONG)
    assert not await bell.wait("orders", "0x0", SHORT)


async def test_an_unknown_channel_is_a_mistake(bell: PostgresBell) -> None:
    with pytest.raises(AssertionError, match="expected one of"):
        await bell.wait("weather", "", SHORT)
