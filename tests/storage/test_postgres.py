from storage.bell import PostgresBell
from storage.cache import RedisCache
from storage.port import Bell, FactStore, OrderStore, PositionStore, PriceCache, SignalStore
from storage.postgres import PostgresStore
from tests.storage.builders import NOW


async def test_one_store_serves_every_port(
    store: PostgresStore, database_url: str, valkey_url: str
) -> None:
    ports: tuple[SignalStore, OrderStore, PositionStore, FactStore] = (store,) * 4
    bell: Bell = PostgresBell(database_url)
    cache: PriceCache = RedisCache(valkey_url, lambda: NOW)
    assert len(ports) == 4
    assert bell is not None
    assert cache is not None


async def test_a_closed_store_opens_again_when_it_is_asked(store: PostgresStore) -> None:
    await store.close()
    assert await store.list_followed() == frozenset()
