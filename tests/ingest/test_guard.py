"""A wallet's guard runs, once, whatever became of it before, and hears of changes."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from ingest import guard as guard_module
from ingest.guard import GuardKeeper
from tests.ingest.desk import until
from trading.types import Wallet
from workflows import names


@dataclass
class Bell:
    """Rings when it is told to."""

    rung: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self, channel: str, key: str, timeout: timedelta) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await self.rung.wait()
        heard = self.rung.is_set()
        self.rung.clear()
        return heard


@pytest.fixture
async def wallet(temporal_client: Client) -> AsyncIterator[Wallet]:
    """A wallet of the test alone, whose guard is ended after it."""
    wallet = Wallet(f"0x{uuid.uuid4().hex}")
    yield wallet
    with contextlib.suppress(RPCError):
        await temporal_client.get_workflow_handle(names.risk_guard_id(wallet)).terminate()


async def test_a_guard_is_started_once_and_again_after_it_was_ended(
    temporal_client: Client, wallet: Wallet
) -> None:
    keeper = GuardKeeper(temporal_client, wallet, Bell(), "nobody")
    handle = temporal_client.get_workflow_handle(names.risk_guard_id(wallet))
    for _ in range(2):
        await keeper.ensure()
    first = await handle.describe()
    await handle.terminate()
    await keeper.ensure()
    second = await handle.describe()
    assert second.status is WorkflowExecutionStatus.RUNNING
    assert second.run_id != first.run_id


async def test_what_is_heard_is_told_to_the_guard(temporal_client: Client, wallet: Wallet) -> None:
    bell = Bell()
    keeping = asyncio.create_task(GuardKeeper(temporal_client, wallet, bell, "nobody").run())
    handle = temporal_client.get_workflow_handle(names.risk_guard_id(wallet))

    async def was_told() -> bool:
        bell.rung.set()
        with contextlib.suppress(RPCError):
            return "breakers_changed" in (await handle.fetch_history()).to_json()
        return False

    await until(was_told)
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping


async def test_a_server_that_is_away_is_tried_again(
    wallet: Wallet, temporal_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_module, "RETRY_S", 0.01)
    keeper, tries = GuardKeeper(temporal_client, wallet, Bell(), "nobody"), 0
    await keeper.tell()  # nobody runs: it is only noted

    async def ensure() -> None:
        nonlocal tries
        tries += 1
        raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")

    monkeypatch.setattr(keeper, "ensure", ensure)
    keeping = asyncio.create_task(keeper.run())

    async def was_tried() -> bool:
        return tries > 1

    await until(was_tried)
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping
