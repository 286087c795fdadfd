"""A desk on a database of the test alone, and wallets at a local venue that several tests share."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from exchange.polymarket.endpoints import VenueAccess
from tests.activities.desk import Desk, open_desk
from tests.activities.stands import Stands
from tests.exchange.venue_process import running_venue
from tests.servers import DatabaseServer
from tests.storage.builders import NOW


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    """Activities over real records and a fake venue."""
    async with open_desk(database_url, NOW) as desk:
        yield desk


@pytest_asyncio.fixture(scope="module")
async def venue(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VenueAccess]:
    """The local venue as a process of its own, with a market that stays open for hours."""
    home = tmp_path_factory.mktemp("venue")
    async with running_venue(home, "--speed", "0.005", "--bankroll", "1000000") as access:
        yield access


@pytest.fixture
async def stands(
    database_server: DatabaseServer, migrated_template: str, tmp_path: Path
) -> AsyncIterator[Stands]:
    """Wallets that are closed when the test ends."""
    async with AsyncExitStack() as stack:
        yield Stands(stack, database_server, migrated_template, tmp_path)
