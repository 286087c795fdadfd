"""A store on a database of the test alone, and a health."""

from collections.abc import AsyncIterator

import pytest

from storage.postgres import PostgresStore
from tests.ingest.desk import Ears
from tests.storage.builders import WALLET
from trading.rules import RiskRules


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresStore]:
    """A store without rows."""
    store = PostgresStore(database_url, RiskRules(), WALLET, pool_size=4)
    yield store
    await store.close()


@pytest.fixture
def ears() -> Ears:
    """A health of the test alone."""
    return Ears()
