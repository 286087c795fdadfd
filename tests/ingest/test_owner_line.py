import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

import ingest.owner_line
from ingest.owner_line import OwnerLine
from tests.ingest.desk import Ears, until
from tests.ingest.test_exits import position
from tests.storage.builders import NOW
from trading.types import ExitReason, ExitRequest, PositionId
from workflows import names


@dataclass
class Temporal:
    """A client that notes the signals it delivers; it is away for the first few."""

    away: list[Exception] = field(default_factory=list)
    delivered: list[tuple[str, tuple[ExitRequest, ...]]] = field(default_factory=list)

    def get_workflow_handle(self, workflow_id: str) -> "Temporal":
        assert workflow_id == names.position_workflow_id(PositionId("p1"))
        return self

    async def signal(
        self, signal: str, *, args: tuple[ExitRequest, ...], rpc_timeout: timedelta
    ) -> None:
        assert rpc_timeout > timedelta(0)
        if self.away:
            raise self.away.pop()
        self.delivered.append((signal, args))


@dataclass
class Desk:
    """A line with everything around it."""

    ears: Ears
    temporal: Temporal = field(default_factory=Temporal)
    now: datetime = NOW
    may_tell: bool = True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[OwnerLine]:
        client = cast("Client", self.temporal)
        line = OwnerLine(client, lambda _: self.may_tell, lambda: self.now, self.ears.health)
        task = asyncio.create_task(line.run())
        try:
            yield line
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until_delivered(self, count: int) -> None:
        async def delivered() -> bool:
            return len(self.temporal.delivered) == count

        await until(delivered)


@pytest.fixture
def desk(ears: Ears, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A line that tries again at once."""
    monkeypatch.setattr(ingest.owner_line, "RETRY_S", 0)
    return Desk(ears)


async def test_an_owner_is_told_until_it_is_reached(desk: Desk) -> None:
    away = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
    desk.temporal.away = [away, RuntimeError("Failed client connect"), away]
    async with desk.running() as line:
        line.request_exit(position(), ExitReason.STOP_LOSS)
        await desk.until_delivered(1)
    [(signal, [request])] = desk.temporal.delivered
    assert signal == names.REQUEST_EXIT
    assert request.reason is ExitReason.STOP_LOSS
    assert request.why == "two valid reads of the bid crossed the stop loss"
    assert desk.ears.failures("owner") == 3


async def test_the_same_is_told_again_after_two_seconds(desk: Desk) -> None:
    async with desk.running() as line:
        for now_s in (0, 1, 1.9, 2):
            desk.now = NOW + timedelta(seconds=now_s)
            line.request_exit(position(), ExitReason.STOP_LOSS)
        line.tell_resolved(position())
        await desk.until_delivered(3)
        line.keep_only(frozenset())
        line.tell_resolved(position())
        await desk.until_delivered(4)


async def test_that_a_market_has_ended_is_told_ever_more_rarely(desk: Desk) -> None:
    async with desk.running() as line:
        for now_s in range(3600):
            desk.now = NOW + timedelta(seconds=now_s)
            line.tell_ended(position())
        await desk.until_delivered(15)


async def test_nobody_is_told_of_what_is_over_or_watched_by_another(desk: Desk) -> None:
    desk.may_tell = False
    async with desk.running() as line:
        line.request_exit(position(), ExitReason.STOP_LOSS)
        for _ in range(5):
            await asyncio.sleep(0)
        desk.may_tell = True
        line.tell_resolved(position())
        await desk.until_delivered(1)
    assert desk.temporal.delivered[0][0] == names.FILLS_CHANGED


async def test_what_cannot_be_told_for_long_or_is_too_much_is_dropped_and_counted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.owner_line, "TRIES_MAX", 1)
    monkeypatch.setattr(ingest.owner_line, "WAITING_MAX", 1)
    desk.temporal.away = [RuntimeError("gone"), RuntimeError("gone")]
    async with desk.running() as line:
        line.request_exit(position(), ExitReason.STOP_LOSS)
        line.tell_resolved(position())  # one place is all there is

        async def dropped() -> bool:
            return desk.ears.failures("owner") == 3

        await until(dropped)
    assert desk.temporal.delivered == []


async def test_an_owner_whose_position_a_person_holds_is_told_once_in_each_hold(desk: Desk) -> None:
    later = NOW + timedelta(hours=1)
    async with desk.running() as line:
        for held_at in (NOW, NOW, later, later, None, None):
            desk.now += timedelta(seconds=5)
            line.request_exit(position(), ExitReason.STOP_LOSS, held_at)
        await desk.until_delivered(4)
        line.keep_only(frozenset())
        line.request_exit(position(), ExitReason.STOP_LOSS, later)
        await desk.until_delivered(5)
