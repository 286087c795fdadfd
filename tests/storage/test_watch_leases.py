import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

import storage.watch_leases
from storage.exit_port import Hold
from storage.port import StorageError
from storage.postgres import PostgresStore
from storage.watch_port import SHARDS, WATCH_LEASE
from tests.storage.builders import NOW, bought, later, market, sold
from trading.rules import RiskRules
from trading.types import ExitReason, PositionId, Wallet

ALL = dict.fromkeys(range(SHARDS), 1)


async def test_the_first_watcher_has_every_shard_and_keeps_them(store: PostgresStore) -> None:
    assert await store.last_watched() is None
    assert await store.renew_watch("a", NOW) == ALL
    assert await store.renew_watch("b", later(5)) == {}
    assert await store.renew_watch("a", later(5)) == ALL
    assert await store.last_watched() == later(5)


async def test_what_is_not_renewed_is_taken_over_with_another_epoch(store: PostgresStore) -> None:
    await store.renew_watch("a", NOW)
    taken = await store.renew_watch("b", NOW + WATCH_LEASE)
    assert taken == dict.fromkeys(range(SHARDS), 2)
    assert await store.renew_watch("a", NOW + WATCH_LEASE) == {}
    assert timedelta(seconds=10) > WATCH_LEASE + timedelta(seconds=2)


async def test_what_is_given_back_is_taken_over_at_once(store: PostgresStore) -> None:
    await store.renew_watch("a", NOW)
    await store.release_watch("nobody")
    assert await store.renew_watch("b", later(1)) == {}
    await store.release_watch("a")
    assert await store.last_watched() == NOW
    assert await store.renew_watch("b", later(1)) == dict.fromkeys(range(SHARDS), 2)


async def test_of_many_watchers_at_once_each_shard_has_one(store: PostgresStore) -> None:
    names = [f"watch {number}" for number in range(5)]
    held = await asyncio.gather(*(store.renew_watch(name, NOW) for name in names))
    assert sorted(shard for shards in held for shard in shards) == list(range(SHARDS))


async def test_a_clock_that_is_behind_takes_nothing_back(store: PostgresStore) -> None:
    await store.renew_watch("a", later(5))
    await store.renew_watch("a", NOW)
    assert await store.last_watched() == later(5)


async def test_wallets_are_watched_apart(store: PostgresStore, database_url: str) -> None:
    other = PostgresStore(database_url, RiskRules(), Wallet("0x" + "77" * 20))
    anybody = PostgresStore(database_url, RiskRules())
    await store.renew_watch("a", NOW)
    assert await other.last_watched() is None
    assert await other.renew_watch("b", later(1)) == ALL
    assert await other.last_watched() == later(1)
    assert await anybody.last_watched() == NOW
    with pytest.raises(StorageError, match="none"):
        await anybody.renew_watch("c", NOW)
    await other.close()
    await anybody.close()


async def test_open_positions_whose_market_has_ended_are_found(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.save_market(replace(market(), ends_at=later(10)), NOW)
    assert await funded.list_ended(later(9)) == frozenset()
    assert await funded.list_ended(later(10)) == {position.position_id}
    await funded.begin_exit(position.position_id, ExitReason.OPERATOR, NOW)
    assert await funded.list_ended(later(10)) == frozenset()


async def test_open_positions_are_read_by_the_page_and_with_who_holds_them(
    funded: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.watch_leases, "POSITIONS_PAGE", 1)
    position = await bought(funded)
    found = await funded.list_open_after(PositionId(""))
    assert found == [position]
    assert await funded.list_open_after(position.position_id) == []
    assert await funded.list_held() == {}
    await funded.hold_position(Hold(position.position_id, "ann", "news", later(1)))
    assert await funded.list_held() == {position.position_id: later(1)}
    await sold(funded, position)
    assert await funded.list_held() == {}
    assert await funded.list_open_after(PositionId("")) == []
