"""Stores on a database of the test alone."""

from collections.abc import AsyncIterator

import pytest

from storage.postgres import PostgresStore
from tests.storage.builders import NOW, WALLET, usd
from trading.rules import RiskRules


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresStore]:
    """A store without money."""
    store = PostgresStore(database_url, RiskRules(), WALLET)
    yield store
    await store.close()


@pytest.fixture
async def funded(store: PostgresStore) -> PostgresStore:
    """A store with $10,000 and a lease of epoch 1."""
    await store.record_deposit(usd(10_000), "bankroll", NOW)
    assert await store.acquire_lease(WALLET, "us", NOW) == 1
    return store
