"""Samples what is used of the limits, a hundred times a second, over a connection of its own."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import asyncpg

from storage.database import plain_url
from tests.chaos.books import ZERO, LimitBreach, Samples

EVERY_S = 0.01
SUMS_EVERY = 10  # samples; adding everything up costs more than reading what is kept
AGAIN_S = 0.1
BREACHES_MAX = 100
_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
_USED = "SELECT DISTINCT ON (scope) scope, key, used FROM limits ORDER BY scope, used DESC"
_SUMS = """
    SELECT 'WALLET' AS scope, wallet AS key, sum(money) AS used FROM (
        SELECT wallet, reserved AS money FROM reservations WHERE released_at IS NULL
        UNION ALL SELECT user_address, exposure FROM positions WHERE exposure > 0
    ) AS stakes GROUP BY wallet
"""
_EARLY = """
    SELECT order_id FROM orders
    WHERE (NOT is_done OR applied_version < version)
    AND NOT is_done AND NOT adopted AND released_at IS NOT NULL
"""


class Sampler:
    """Remembers the highest use by scope, every sample above a cap, and what was let go early."""

    def __init__(self, database_url: str, caps: Mapping[str, Decimal]) -> None:
        self._url = plain_url(database_url)
        self._caps = caps
        self._count = 0
        self._peak: dict[str, Decimal] = {}
        self._breaches: list[LimitBreach] = []
        self._early: dict[str, None] = {}

    @property
    def samples(self) -> Samples:
        """Return what was seen so far."""
        return Samples(self._count, dict(self._peak), tuple(self._breaches), tuple(self._early))

    async def run(self) -> None:
        """Sample until cancelled; while the database is away, try again."""
        while True:
            try:
                connection = await asyncpg.connect(self._url, timeout=2)
            except _ERRORS:
                await asyncio.sleep(AGAIN_S)
                continue
            try:
                await self._sample(connection)
            except _ERRORS:
                await asyncio.sleep(AGAIN_S)
            finally:
                connection.terminate()

    async def _sample(self, connection: asyncpg.Connection) -> None:
        used = await connection.prepare(_USED)
        sums = await connection.prepare(_SUMS)
        early = await connection.prepare(_EARLY)
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            for row in await used.fetch(timeout=2):
                self._note(row)
            if self._count % SUMS_EVERY == 0:
                for row in await sums.fetch(timeout=2):
                    self._note(row)
                self._early |= {row["order_id"]: None for row in await early.fetch(timeout=2)}
            self._count += 1
            due_s = max(due_s + EVERY_S, loop.time())
            await asyncio.sleep(due_s - loop.time())

    def _note(self, row: asyncpg.Record) -> None:
        scope, used = row["scope"], row["used"]
        self._peak[scope] = max(self._peak.get(scope, ZERO), used)
        cap = self._caps.get(scope)
        if cap is not None and used > cap and len(self._breaches) < BREACHES_MAX:
            self._breaches.append(LimitBreach(scope, row["key"], used, cap, datetime.now(UTC)))
