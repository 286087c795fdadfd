"""What the listener's tests share: clock, health, a shaky store and feeds that tell on demand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry
from sqlalchemy import func, select

from exchange.port import FillEvent, WalletSet
from ingest.health import FeedHealth
from storage.port import StorageError, StorageUnavailableError
from storage.postgres import PostgresStore
from storage.tables import quarantine, signals
from tests.storage.builders import YES, whale_fill
from trading.types import Level, OrderBook, Price, Shares, Side, Source, TokenId, WhaleFill

WITHIN_S = 20.0

Event = TypeVar("Event")


def utc_now() -> datetime:
    return datetime.now(UTC)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return once something holds; it must within 20 seconds."""
    async with asyncio.timeout(WITHIN_S):
        while not await holds():  # noqa: ASYNC110 - rows set no event
            await asyncio.sleep(0.01)


class Ears:
    """A health and what its metrics say."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.health = FeedHealth(self.registry, utc_now)

    def failures(self, what: str) -> float:
        found = self.registry.get_sample_value("whalecopy_ingest_failures_total", {"what": what})
        return found or 0.0


@dataclass
class Script(Generic[Event]):
    """Streams to be opened one after another: each tells events, then fails or stays silent."""

    parts: list[Sequence[Event | Exception]]
    opened: int = 0

    async def stream(self) -> AsyncIterator[Event]:
        part: Sequence[Event | Exception] = self.parts.pop(0) if self.parts else []
        self.opened += 1
        for item in part:
            if isinstance(item, Exception):
                raise item
            yield item
        if not self.parts:
            await asyncio.Event().wait()


@dataclass
class ScriptedFeed:
    """A whale feed that tells what it is given, as long as it runs."""

    name: str
    told: asyncio.Queue[FillEvent] = field(default_factory=asyncio.Queue)

    def tell(self, *events: FillEvent) -> None:
        for event in events:
            self.told.put_nowait(event)

    async def stream_fills(self, wallets: WalletSet) -> AsyncIterator[FillEvent]:
        while True:
            yield await self.told.get()


class ShakyStore:
    """A store whose database goes away, or refuses, for the next calls of some methods."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self.away: dict[str, int] = {}
        self.lost_answers: dict[str, int] = {}
        self.refused: set[str] = set()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        real = getattr(self._store, name)

        async def call(*args: object, **words: object) -> object:
            if name in self.refused:
                raise StorageError(f"{name} was refused")
            if self.away.get(name, 0) > 0:
                self.away[name] -= 1
                raise StorageUnavailableError(f"{name} found no database")
            answer: object = await real(*args, **words)
            if self.lost_answers.get(name, 0) > 0:
                self.lost_answers[name] -= 1
                raise StorageUnavailableError(f"the answer of {name} was lost")
            return answer

        return call


class SlowStore:
    """A store whose every answer takes a while."""

    def __init__(self, store: PostgresStore, lag: timedelta) -> None:
        self._store = store
        self._lag = lag

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        real = getattr(self._store, name)

        async def call(*args: object, **words: object) -> object:
            await asyncio.sleep(self._lag.total_seconds())
            answer: object = await real(*args, **words)
            return answer

        return call


def chain_log(
    index: int, size: str = "100", *, tx: str = "0x01", side: Side = Side.BUY, block: int = 70
) -> WhaleFill:
    """Return a fill of now as the chain tells it."""
    fill = whale_fill(size, tx=tx, log_index=index, side=side, block_number=block)
    return replace(fill, traded_at=utc_now(), seen_at=utc_now())


def rtds_row(size: str = "100", *, tx: str = "0x01") -> WhaleFill:
    """Return a fill of now as the venue's socket tells it."""
    fill = whale_fill(size, tx=tx, source=Source.RTDS, log_index=None, block_number=None)
    return replace(fill, traded_at=utc_now(), seen_at=utc_now())


def record_row(size: str = "100", *, tx: str = "0x01") -> WhaleFill:
    """Return a fill of now as the public record tells it."""
    return replace(rtds_row(size, tx=tx), source=Source.DATA_API)


async def signal_sizes(store: PostgresStore) -> list[int]:
    """Return the sizes of all committed signals, in whole shares, in order."""
    async with store.transaction() as connection:
        rows = await connection.execute(select(signals.c.size).order_by(signals.c.committed_at))
        return [int(size) for size in rows.scalars()]


async def count_quarantined(store: PostgresStore) -> int:
    async with store.transaction() as connection:
        return int(await connection.scalar(select(func.count()).select_from(quarantine)) or 0)


def book_of(
    bid: str,
    *,
    token_id: TokenId = YES,
    size: str = "1000",
    received_at: datetime | None = None,
) -> OrderBook:
    """Return a book with one bid and an ask two cents above it, received now."""
    at = received_at or utc_now()
    ask = Price(Decimal(bid) + Decimal("0.02"))
    return OrderBook(
        token_id=token_id,
        bids=(Level(Price(Decimal(bid)), Shares(Decimal(size))),),
        asks=(Level(ask, Shares(Decimal(size))),),
        at=at,
        received_at=at,
        tick_size=Price(Decimal("0.01")),
        min_size=Shares(Decimal(5)),
    )
