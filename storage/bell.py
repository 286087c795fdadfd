"""Hears what other processes committed: PostgreSQL's NOTIFY, with everybody's poll as backstop."""

import asyncio
from collections import OrderedDict
from datetime import timedelta

import asyncpg
import structlog

from storage.database import CONNECT_TIMEOUT_S, connect_database
from storage.port import StorageError

CHANNELS = ("signals", "orders", "positions", "halts", "whales")
KEPT_MAX = 10_000
RECONNECT_AFTER_S = 1.0
_NOT_CONNECTED = (
    OSError,
    TimeoutError,
    StorageError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)

log = structlog.get_logger()


class PostgresBell:
    """One listening connection shared by all who wait.

    A ring that nobody waited for is kept (the newest 10,000) and answers the next wait for that
    key at once, so that news between a look and the wait is not missed. When the connection is
    lost, everybody is woken, since news may have been missed, and the next wait makes it again;
    until that works a wait takes a second at most and hears nothing.
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: asyncpg.Connection | None = None
        self._connecting = asyncio.Lock()
        self._waiting: dict[tuple[str, str], set[asyncio.Future[None]]] = {}
        self._kept: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def wait(self, channel: str, key: str, timeout: timedelta) -> bool:
        """Return True when `channel` rang for `key` ("" for any), False after the timeout."""
        assert channel in CHANNELS, f"expected one of {CHANNELS}, received {channel}"
        if not await self._connect():
            await asyncio.sleep(min(timeout.total_seconds(), RECONNECT_AFTER_S))
            return False
        place = (channel, key)
        if place in self._kept:
            del self._kept[place]
            return True
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(place, set()).add(woken)
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                await woken
        except TimeoutError:
            return False
        finally:
            self._leave(place, woken)
        return True

    async def close(self) -> None:
        """Stop listening."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            await connection.close(timeout=CONNECT_TIMEOUT_S)

    async def _connect(self) -> bool:
        """Listen unless we do; tell whether it worked."""
        async with self._connecting:
            if self._connection is not None:
                return True
            try:
                self._connection = await self._listen()
            except _NOT_CONNECTED as error:
                log.warning("bell_not_connected", error=str(error))
                return False
            return True

    async def _listen(self) -> asyncpg.Connection:
        connection = await connect_database(self._url)
        try:
            for channel in CHANNELS:
                await connection.add_listener(channel, self._ring)
        except BaseException:
            connection.terminate()
            raise
        connection.add_termination_listener(self._lose)
        return connection

    def _ring(self, connection: object, pid: int, channel: str, key: str) -> None:
        del connection, pid
        for place in {(channel, key), (channel, "")}:
            if not self._wake(place):
                self._kept[place] = None
                self._kept.move_to_end(place)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)

    def _lose(self, connection: object) -> None:
        if connection is self._connection:
            self._connection = None
        for place in list(self._waiting):
            self._wake(place)

    def _wake(self, place: tuple[str, str]) -> bool:
        waiting = [woken for woken in self._waiting.get(place, ()) if not woken.done()]
        for woken in waiting:
            woken.set_result(None)
        return bool(waiting)

    def _leave(self, place: tuple[str, str], woken: asyncio.Future[None]) -> None:
        others = self._waiting[place]
        others.discard(woken)
        if not others:
            del self._waiting[place]
