"""Offers the lanes of the crash runs, one stack for all tests of a session that ask for them."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from temporalio.client import Client

from embedded.processes import Supervisor
from tests.servers import DatabaseServer

if TYPE_CHECKING:  # everything of ours is imported only where lanes are asked for
    from tests.chaos.crash_stage import Lane

LANES = 4


@pytest.fixture(scope="session")
async def lanes(
    servers: Supervisor,
    servers_home: Path,
    database_server: DatabaseServer,
    migrated_template: str,
    valkey_server: str,
    temporal_client: Client,
) -> "AsyncIterator[Sequence[Lane]]":
    """Some wallets on one stack, each with its records, its namespace and its listener."""
    from tests.chaos.crash_matrix import Servers, open_stage

    parts = Servers(servers, database_server, migrated_template, valkey_server, temporal_client)
    async with open_stage(parts, servers_home / "crash", LANES) as opened:
        yield opened
