"""A keeper outlives Temporal's absence; what it keeps is tested with each schedule."""

import asyncio
from typing import cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from ingest import schedules
from ingest.reconcile import reconcile_keeper
from tests.ingest.desk import until
from trading.types import Wallet


class AwayClient:
    """A Temporal that is away."""

    def __init__(self) -> None:
        self.asked = 0
        self.operator_service = self
        self.namespace = "default"

    async def list_search_attributes(self, *_: object, **__: object) -> None:
        self.asked += 1
        raise RPCError("no connection", RPCStatusCode.UNAVAILABLE, b"")


async def test_a_keeper_tries_again_while_temporal_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schedules, "LOOK_EVERY_S", 0.01)
    client = AwayClient()
    keeper = reconcile_keeper(cast("Client", client), Wallet("0xa"), "nobody")
    keeping = asyncio.create_task(keeper.run())

    async def asked_thrice() -> bool:
        return client.asked >= 3

    await until(asked_thrice)
    assert not keeping.done()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
