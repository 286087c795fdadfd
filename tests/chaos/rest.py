"""Tells how far a run has come, and whether everything has come to rest."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
from temporalio.client import Client
from temporalio.service import RPCError

from storage.database import plain_url
from tests.chaos.stage import NAMESPACE, Scene

POLL_S = 0.5
PROGRESS_S = 2.0
REST_S_MAX = 90.0
RECALL_S = 20.0  # what is not heard of by then has been missed
_RUNNING = "WorkflowType='CopyTradeWorkflow' AND ExecutionStatus='Running'"
_COUNTS = """
    SELECT (SELECT count(*) FROM signals) AS signals,
           (SELECT count(*) FROM signals WHERE state IN ('WAITING', 'RUNNING')) AS signals_open,
           (SELECT count(*) FROM orders WHERE NOT is_done OR applied_version < version)
               AS orders_open,
           (SELECT count(*) FROM reservations WHERE released_at IS NULL)
               + (SELECT count(*) FROM offers WHERE released_at IS NULL) AS reserved,
           (SELECT count(*) FROM positions WHERE status = 'EXITING') AS exiting
"""
_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is open at one moment."""

    signals: int
    signals_open: int
    orders_open: int
    reserved: int
    exiting: int
    trades_running: int

    @property
    def is_at_rest(self) -> bool:
        """Tell whether nothing is under way."""
        under_way = self.signals_open + self.orders_open + self.reserved + self.exiting
        return under_way + self.trades_running == 0

    def __str__(self) -> str:
        """Tell it in one line."""
        return (
            f"{self.signals} signals, open: {self.signals_open} signals, {self.orders_open} "
            f"orders, {self.reserved} reservations, {self.exiting} exits, "
            f"{self.trades_running} workflows"
        )


async def look(scene: Scene) -> Standing | None:
    """Return how things stand, None while the database or Temporal is away."""
    try:
        connection = await asyncpg.connect(plain_url(scene.addresses.database_url), timeout=2)
        try:
            row = await connection.fetchrow(_COUNTS, timeout=5)
        finally:
            connection.terminate()
        client = await Client.connect(scene.addresses.temporal_address, namespace=NAMESPACE)
        running = (await client.count_workflows(_RUNNING)).count
    except (*_ERRORS, RPCError):
        return None
    return Standing(**row, trades_running=running)


async def until_rest(scene: Scene, planned: int, say: Callable[[str], None]) -> float | None:
    """Wait until nothing is under way; return the seconds it took, None when it took too long."""
    loop = asyncio.get_running_loop()
    began_s = told_s = loop.time()
    while (waited_s := loop.time() - began_s) <= REST_S_MAX:
        standing = await look(scene)
        is_heard = standing is not None and standing.signals >= planned
        if standing is not None and standing.is_at_rest and (is_heard or waited_s > RECALL_S):
            return waited_s
        if loop.time() - told_s >= PROGRESS_S:
            told_s = loop.time()
            say(f"coming to rest for {waited_s:.0f} s: {standing or 'a server is away'}")
        await asyncio.sleep(POLL_S)
    return None
