"""The price watch over the local venue's own sockets: lies move nothing, a fall moves all."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import insert
from temporalio.client import Client

import ingest.unseen
from bench._stand import HOUR_MS, START_MS, list_tokens, still_market
from exchange.polymarket.account import PolymarketBooks
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import PolymarketMarketData
from ingest.watch import PriceWatch, WatchPorts
from paper.model import MICROS, Level
from paper.tape import Snapshot, TapeHeader
from paper.tape_format import VERSION
from paper.tape_writer import write_tape
from storage.bell import PostgresBell
from storage.book_tables import positions
from storage.cache import RedisCache
from storage.postgres import PostgresStore
from storage.reviews import ReviewKind
from tests.exchange.venue_process import running_venue
from tests.ingest.desk import Ears, utc_now
from tests.storage.builders import NOW, WALLET
from trading.rules import ExitRules
from trading.types import ExitReason, ExitRequest, PositionId, TokenId
from workflows import names

MARKETS, WHALES = 20, 50
CENT, DEPTH = 10_000, 20_000 * MICROS
FALL_S = 4
LIMIT_S = 90
EVERY_MS = 100
PLAN = {
    "seed": 7,
    "rules": [
        {"at": "market_stream", "fault": "crossed", "share": 0.15, "delay_s": 0.4},
        {"at": "market_stream", "fault": "empty", "share": 0.15, "delay_s": 0.4},
        {"at": "market_stream", "fault": "drop", "share": 0.05},
        {"at": "market_stream", "fault": "duplicate", "share": 0.05},
        {"at": "market_stream", "fault": "shuffle", "share": 0.01, "delay_s": 0.1},
        {"at": "market_stream", "fault": "freeze", "share": 0.0005, "delay_s": 2},
        {"at": "market_stream", "fault": "cut", "share": 0.0005},
    ],
}

FROZEN: dict[str, object] = {"at": "market_stream", "fault": "freeze", "delay_s": 600}
NO_BOOKS: tuple[dict[str, object], ...] = ({"at": "read_book", "fault": "error"},)


def write_falling_tape(path: Path) -> Path:
    """Write books that tremble around 0.50 for seconds and then stand at 0.30 for good."""
    listed = [still_market(number) for number in range(MARKETS)]
    header = TapeHeader(
        name="trembling synthetic books",
        format_version=VERSION,
        attribution="synthetic",
        licence="none",
        invented=("everything",),
        starts_at=START_MS,
        ends_at=START_MS + HOUR_MS,
    )
    write_tape(path, header, [replace(m, ends_at=START_MS + HOUR_MS) for m in listed], [], events())
    return path


def events() -> Iterator[Snapshot]:
    ids = [still_market(number).condition_id for number in range(MARKETS)]
    for turn in range(FALL_S * 1000 // EVERY_MS):
        for number, condition_id in enumerate(ids):
            yield book(START_MS + turn * EVERY_MS, condition_id, 49 + (turn + number) % 3)
    for turn in range(600):
        for number, condition_id in enumerate(ids):
            at = START_MS + FALL_S * 1000 + turn * EVERY_MS
            yield book(at, condition_id, 29 + (turn + number) % 3)


def book(at: int, condition_id: str, bid: int) -> Snapshot:
    bids = tuple(Level((bid - place) * CENT, DEPTH) for place in range(3))
    asks = tuple(Level((bid + place + 1) * CENT, DEPTH) for place in range(3))
    return Snapshot(at, condition_id, bids, asks)


@dataclass
class Temporal:
    """A client that notes who is asked to leave, and when."""

    asked: dict[str, tuple[float, ExitReason]] = field(default_factory=dict)

    def get_workflow_handle(self, workflow_id: str) -> "Handle":
        return Handle(self, workflow_id)


@dataclass
class Handle:
    """A handle of one workflow."""

    temporal: Temporal
    workflow_id: str

    async def signal(
        self, signal: str, *, args: Sequence[ExitRequest], rpc_timeout: timedelta
    ) -> None:
        assert (signal, rpc_timeout > timedelta(0)) == (names.REQUEST_EXIT, True)
        self.temporal.asked.setdefault(self.workflow_id, (utc_now().timestamp(), args[0].reason))


async def hold(store: PostgresStore, tokens: Sequence[TokenId]) -> set[str]:
    """Hold 100 shares of each token from each whale; return the ids of the owners."""
    rows = [
        {
            "position_id": f"{token_id}/{whale}",
            "user_address": WALLET,
            "source_whale": f"0xwhale{whale}",
            "condition_id": f"0x{token_id}",
            "token_id": token_id,
            "n": 1,
            "status": "OPEN",
            "size": 100,
            "settled_size": 100,
            "avg_entry_price": "0.50",
            "exposure": 50,
            "opened_at": NOW,
        }
        for token_id in tokens
        for whale in range(WHALES)
    ]
    async with store.transaction() as connection:
        await connection.execute(insert(positions), rows)
    return {names.position_workflow_id(PositionId(str(row["position_id"]))) for row in rows}


@asynccontextmanager
async def watching(
    access: VenueAccess, store: PostgresStore, urls: tuple[str, str], temporal: Temporal
) -> AsyncIterator[Ears]:
    ears, bell, cache = Ears(), PostgresBell(urls[0]), RedisCache(urls[1], utc_now)
    books = PolymarketBooks(access)
    ports = WatchPorts(
        market_data=PolymarketMarketData(access, fetch_books=books.fetch_books),
        books=books,
        positions=store,
        facts=store,
        cache=cache,
        bell=bell,
        temporal=cast("Client", temporal),
        health=ears.health,
    )
    task = asyncio.create_task(PriceWatch(ports, ExitRules(), utc_now, "a").run())
    try:
        yield ears
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bell.close()
        await cache.close()


async def play(access: VenueAccess) -> float:
    """Let the tape run; return when its books fall."""
    url = access.endpoints.clob
    async with access.session.post(f"{url}/_paper/start") as answer:
        answer.raise_for_status()
    async with access.session.get(f"{url}/_paper/play") as answer:
        started_ms = (await answer.json())["started_at"]
    return float(started_ms) / 1000 + FALL_S


async def test_lies_of_the_stream_move_nothing_and_a_fall_moves_a_thousand_positions(
    store: PostgresStore, database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    tape, plan = write_falling_tape(tmp_path / "falling.tape"), tmp_path / "plan.json"
    plan.write_text(json.dumps(PLAN))
    temporal = Temporal()
    async with running_venue(tmp_path, "--hold", "--faults", str(plan), tape=tape) as access:
        falls_at = await play(access)
        tokens = await list_tokens(access.endpoints.clob)
        owners = await hold(store, tokens)
        async with watching(access, store, (database_url, valkey_url), temporal) as ears:
            async with asyncio.timeout(LIMIT_S):
                while temporal.asked.keys() != owners:  # noqa: ASYNC110 - a dict sets no event
                    await asyncio.sleep(0.1)
    assert len(owners) == MARKETS * WHALES
    assert min(at for at, _ in temporal.asked.values()) >= falls_at
    assert {reason for _, reason in temporal.asked.values()} == {ExitReason.STOP_LOSS}
    heard = ears.registry.get_sample_value("whalecopy_feed_messages_total", {"feed": "prices"})
    assert heard is not None
    assert heard > 200


async def strike(access: VenueAccess, *rules: dict[str, object]) -> None:
    """Put these faults into force, instead of all others."""
    url = f"{access.endpoints.clob}/_paper/faults"
    async with access.session.post(url, json={"seed": 7, "rules": rules}) as answer:
        answer.raise_for_status()


async def open_reviews(store: PostgresStore) -> list[ReviewKind]:
    return [found.review.kind for found in await store.list_reviews(open_only=True, limit=9)]


async def test_when_stream_and_books_are_both_dead_a_person_is_called_until_they_are_back(
    store: PostgresStore,
    database_url: str,
    valkey_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ingest.unseen, "UNSEEN_MAX", timedelta(seconds=6))  # of 60
    monkeypatch.setattr(ingest.unseen, "LOOK_EVERY_S", 0.1)
    tape = write_falling_tape(tmp_path / "falling.tape")
    async with running_venue(tmp_path, "--hold", tape=tape) as access:
        await play(access)
        tokens = await list_tokens(access.endpoints.clob)
        await hold(store, tokens[:1])
        async with watching(access, store, (database_url, valkey_url), Temporal()):
            async with asyncio.timeout(LIMIT_S):
                while (await store.list_open())[0].marked_at is None:  # noqa: ASYNC110 - a row
                    await asyncio.sleep(0.1)
                assert await open_reviews(store) == []
                await strike(access, FROZEN, *NO_BOOKS)
                while not await open_reviews(store):  # noqa: ASYNC110 - a row
                    await asyncio.sleep(0.1)
                assert await open_reviews(store) == [ReviewKind.PRICES_UNSEEN]
                [position, *_] = await store.list_open()
                assert position.marked_at is not None
                assert utc_now() - position.marked_at > timedelta(seconds=5)
                await strike(access)
                while await open_reviews(store):  # noqa: ASYNC110 - a row
                    await asyncio.sleep(0.1)
