"""A Temporal that lost its database is told again what our workflows carry."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from embedded.ports import free_port
from embedded.processes import Supervisor, SupervisorSettings
from embedded.services import ProcessEvent
from embedded.temporal import TemporalPorts, temporal_service
from ingest.attributes import register_attributes
from ingest.owners import TemporalOwners
from ingest.reconcile import reconcile_keeper
from tests.storage.builders import WALLET
from tests.workflows.hall import open_hall, until
from trading.types import ExitReason, ExitRequest, PositionState
from workflows.position import PositionWorkflow

NAME = "temporal"
CLOSE = ExitRequest(ExitReason.OPERATOR, who="ann", why="enough")


@dataclass(slots=True)
class Frail:
    """A Temporal whose database can be lost."""

    supervisor: Supervisor
    home: Path
    ports: TemporalPorts

    async def start(self) -> None:
        await self.supervisor.start(temporal_service(self.home, self.ports, "default"))

    async def lose(self) -> None:
        """Stop it, delete all that it knew, and start it again."""
        await self.supervisor.remove(NAME)
        shutil.rmtree(self.home / NAME)
        await self.start()


@pytest.fixture
async def frail(tmp_path: Path) -> AsyncIterator[Frail]:
    """A Temporal of the test alone."""
    (tmp_path / "logs").mkdir()
    supervisor = Supervisor(SupervisorSettings(tmp_path / "logs"), _hear_nothing)
    await supervisor.open()
    frail = Frail(supervisor, tmp_path, TemporalPorts(free_port(), free_port()))
    await frail.start()
    yield frail
    await supervisor.stop()


async def test_attributes_are_registered_once(temporal_client: Client) -> None:
    assert not await register_attributes(temporal_client)


async def test_what_was_lost_with_temporal_s_database_is_owned_again(
    frail: Frail, database_url: str
) -> None:
    client = await Client.connect(frail.ports.address, data_converter=pydantic_data_converter)
    assert await register_attributes(client)
    async with open_hall(client, database_url) as hall:
        sweep = replace(hall.desk.rules.sweep, sweep_for=timedelta(seconds=20), young=timedelta(0))
        hall.desk.rules = replace(hall.desk.rules, sweep=sweep)
        position_id = (await hall.desk.opened()).position_id
        keeper = reconcile_keeper(client, WALLET, hall.queue)
        owners = TemporalOwners(client, hall.queue)

        async def is_owned() -> bool:
            return position_id in await owners.running_positions([position_id])

        async with hall.worker():
            await keeper.ensure()
            await until(is_owned)
            owner = hall.owner(position_id)
            lost = client.get_workflow_handle(owner.id, run_id=(await owner.describe()).run_id)
            await frail.lose()
            with pytest.raises(RPCError) as gone:
                await lost.describe()
            assert gone.value.status is RPCStatusCode.NOT_FOUND
            await keeper.ensure()
            await until(is_owned)
            await owner.signal(PositionWorkflow.request_exit, CLOSE)
            assert (await owner.result()).state is PositionState.CLOSED


def _hear_nothing(event: ProcessEvent) -> None:
    del event
