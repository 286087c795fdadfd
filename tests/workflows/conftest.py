"""Halls on the one Temporal of the run, and on one whose clock jumps."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from tests.workflows.hall import Hall, open_hall


@pytest.fixture
async def hall(temporal_client: Client, database_url: str) -> AsyncIterator[Hall]:
    """A hall on the one Temporal of the run."""
    async with open_hall(temporal_client, database_url) as hall:
        yield hall


@pytest.fixture
async def jumping_hall(
    time_skipping_env: WorkflowEnvironment, database_url: str
) -> AsyncIterator[Hall]:
    """A hall on a Temporal that skips the time nobody needs."""
    async with open_hall(time_skipping_env.client, database_url) as hall:
        yield hall
