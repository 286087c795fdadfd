"""A desk on a database of the test alone, at a fixed time."""

from collections.abc import AsyncIterator

import pytest

from tests.activities.desk import Desk, open_desk
from tests.storage.builders import NOW


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    """Activities over real records and a fake venue."""
    async with open_desk(database_url, NOW) as desk:
        yield desk
