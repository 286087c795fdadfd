"""Tests that the servers every room's tests rely on work and are kept apart."""

from datetime import timedelta

import asyncpg
from redis.asyncio import Redis
from temporalio import workflow
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from embedded.addresses import driver_dsn


@workflow.defn
class Sleeper:
    @workflow.run
    async def run(self, seconds: int) -> str:
        await workflow.sleep(seconds)
        return "rested"


async def test_each_test_has_a_database_of_its_own(
    database_url: str, empty_database_url: str
) -> None:
    for url in (database_url, empty_database_url):
        connection = await asyncpg.connect(driver_dsn(url))
        await connection.execute("CREATE TABLE mine (id int)")
        await connection.close()
    assert database_url != empty_database_url


async def test_valkey_has_no_keys_and_can_take_some(valkey_url: str) -> None:
    client = Redis.from_url(valkey_url)
    assert await client.dbsize() == 0
    await client.set("key", "value", px=60_000)
    await client.aclose()


async def test_temporal_runs_workflows_with_our_search_attributes(temporal_client: Client) -> None:
    async with _worker(temporal_client):
        answer = await temporal_client.execute_workflow(
            Sleeper.run, 0, id="servers/sleeper", task_queue="servers"
        )
    assert answer == "rested"


async def test_time_can_be_skipped(time_skipping_env: WorkflowEnvironment) -> None:
    day_s = int(timedelta(days=1).total_seconds())
    client = time_skipping_env.client
    async with _worker(client):
        answer = await client.execute_workflow(
            Sleeper.run, day_s, id="servers/long", task_queue="servers"
        )
    assert answer == "rested"


def _worker(client: Client) -> Worker:
    return Worker(
        client,
        task_queue="servers",
        workflows=[Sleeper],
        workflow_runner=UnsandboxedWorkflowRunner(),
        build_id="test",  # saves hashing every loaded module
    )
