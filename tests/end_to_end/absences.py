"""A whole stack on books that fall at known times, parts of which are killed, and what it sells."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from sqlalchemy import text
from temporalio.client import Client

from bench._stand import Stand, StandOptions, fetch, list_tokens, open_stand, post
from bench.stops import buy_all, exits_at_venue, write_falling_tape
from embedded.ports import free_port
from embedded.services import Service
from reconcile_report import reconcile
from telling import connect
from tests.chaos.crash_nursery import ROOT
from tests.chaos.crash_stage import Rows, answers
from trading.types import TokenId
from workflows import names

POLL_S = 0.2
READY_S = 180.0
AT_ONCE = 5  # entries: a busy machine must send each before it is too old
LISTENER, WORKER, TEMPORAL = "ingest", "worker-1", "temporal"
POSITIONS = """
    SELECT position_id, token_id, status, size, exit_epoch, exit_reason FROM positions
"""
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Falls:
    """The books of some of our positions fall, one after the other, from second `ready_s` on."""

    positions: int
    falls: int
    ready_s: int
    every_s: int

    def at_s(self, number: int) -> int:
        """Return when a book falls, in seconds of the play."""
        return self.ready_s + number * self.every_s


@dataclass(frozen=True, slots=True)
class Scene:
    """A stack that holds a position of every token."""

    stand: Stand
    falls: Falls
    started_ms: float

    def pid(self, name: str) -> int:
        """Return the process id of a part of the stack."""
        return self.stand.running.stack.pids[name]

    def kill(self, name: str) -> None:
        """Kill a part as a power cut does; its supervisor starts it again."""
        os.kill(self.pid(name), signal.SIGKILL)

    async def kill_for_good(self, name: str) -> None:
        """Kill a part that nobody is to start again."""
        self.kill(name)
        await self.stand.running.stack.remove(name)

    async def listen_again(self) -> None:
        """Start another listener and wait until it is ready."""
        port = free_port()
        env = {**self.stand.running.env, "WHALECOPY_METRICS_PORT": str(port)}
        await self.stand.running.stack.add(
            Service(
                name=LISTENER,
                command=(sys.executable, "-m", "ingest"),
                env=env,
                ready=lambda: answers(f"http://127.0.0.1:{port}/readyz"),
                ready_timeout_s=READY_S,
                cwd=ROOT,
            )
        )

    def now_s(self) -> float:
        """Return the second of the play."""
        return time.time() - self.started_ms / 1000

    async def until_s(self, second: float) -> None:
        """Wait for a second of the play, which must not be over yet."""
        left_s = second - self.now_s()
        assert left_s > 0, f"expected to be ready by second {second}, this machine was too slow"
        await asyncio.sleep(left_s)

    async def tokens(self) -> Sequence[TokenId]:
        """Return the tokens that are held; the first ones fall."""
        return await list_tokens(self.stand.venue_url)

    async def fallen(self) -> Mapping[TokenId, float]:
        """Return the tokens whose books fall, and in which second of the play."""
        tokens = await self.tokens()
        return {tokens[n]: self.falls.at_s(n) for n in range(self.falls.falls)}

    async def sold(self) -> Mapping[TokenId, float]:
        """Return in which second of the play the venue got the first order to sell a token."""
        found = await exits_at_venue(self.stand)
        return {token: (at - self.started_ms) / 1000 for token, at in found.items()}

    async def until_sold(self, wanted: Collection[TokenId], by_s: float) -> Mapping[TokenId, float]:
        """Wait until these tokens were sold, or that second of the play has come."""
        sold = await self.sold()
        while not sold.keys() >= set(wanted) and self.now_s() < by_s:
            await asyncio.sleep(1)
            sold = await self.sold()
        return sold

    async def sales(self) -> Rows:
        """Return the orders to sell that the venue knows."""
        orders = await fetch(f"{self.stand.venue_url}/_paper/orders")
        assert isinstance(orders, list), "orders are told as a list"
        return [order for order in orders if order["side"] == "SELL"]

    async def positions(self) -> Rows:
        """Return the positions on record."""
        return await self.rows(POSITIONS)

    async def rows(self, query: str) -> Rows:
        """Return what a query finds in the records."""
        async with self.stand.store.transaction() as connection:
            return [dict(row) for row in (await connection.execute(text(query))).mappings()]

    async def until(
        self, look: Callable[[], Awaitable[_Found]], what: str, within_s: float
    ) -> None:
        """Wait until something is so."""
        give_up_at = time.monotonic() + within_s
        while not await look():
            assert time.monotonic() < give_up_at, f"expected {what} within {within_s} s"
            await asyncio.sleep(POLL_S)

    async def plan_faults(self, *rules: Mapping[str, object]) -> None:
        """Replace the venue's plan of faults."""
        await post(f"{self.stand.venue_url}/_paper/faults", {"seed": 1, "rules": list(rules)})

    async def temporal(self) -> Client:
        """Return a client of the stack's Temporal."""
        return await connect(self.stand.settings)

    async def stop_reconciling(self) -> None:
        """Pause the schedule and terminate its run, as a person may: nothing sweeps any more."""
        client, wallet = await self.temporal(), self.stand.store.wallet
        assert wallet is not None, "the stand's store is of one wallet"
        await client.get_schedule_handle(names.reconcile_id(wallet)).pause(note="a test")
        query = "WorkflowType='ReconcileWorkflow' AND ExecutionStatus='Running'"
        async for run in client.list_workflows(query):
            await client.get_workflow_handle(run.id).terminate("a test")

    async def assert_left_once(
        self, within_s: float, closed: Mapping[TokenId, str] = MappingProxyType({})
    ) -> None:
        """Assert that what fell or a person `closed` was sold once and wholly, and nothing else.

        All books agree in the end.
        """
        reasons = {**dict.fromkeys(await self.fallen(), "STOP_LOSS"), **closed}

        async def is_over() -> bool:
            found = await self.positions()
            return {row["token_id"] for row in found if row["status"] == "CLOSED"} == set(reasons)

        await self.until(is_over, "closed positions", within_s)
        for row in await self.positions():
            is_left = row["token_id"] in reasons
            assert row["exit_epoch"] == int(is_left), row
            assert not is_left or row["exit_reason"] == reasons[row["token_id"]], row
            assert (row["size"] > 0) is not is_left, row
        assert set(await self.sold()) == set(reasons)
        reckoning = await reconcile(self.stand.settings)
        assert reckoning.is_equal, reckoning


@asynccontextmanager
async def open_scene(falls: Falls) -> AsyncIterator[Scene]:
    """Bring a stack up and have a position of every token bought before the first book falls."""
    tape = write_falling_tape(falls.falls, falls.ready_s, falls.every_s * 1000)
    async with open_stand(StandOptions(markets=falls.positions, write_tape=tape)) as stand:
        play = await fetch(f"{stand.venue_url}/_paper/play")
        assert isinstance(play, dict), "a play is told as an object"
        scene = Scene(stand, falls, float(play["started_at"]))
        ready_at_ms = scene.started_ms + falls.ready_s * 1000
        bought = await buy_all(stand, ready_at_ms, AT_ONCE)
        assert bought == falls.positions, f"expected {falls.positions} positions, {bought} are held"
        yield scene
