"""Reads both sides' books from outside: the venue's audit, our tables by plain SQL, Temporal."""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import aiohttp
import asyncpg
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowExecutionStatus

from storage.database import plain_url
from tests.chaos.books import (
    Books,
    Evidence,
    Fill,
    Halt,
    Order,
    Position,
    Signal,
    TaskFailure,
    VenueOrder,
    Workflow,
)

TIMEOUT = aiohttp.ClientTimeout(total=60)
HISTORIES_MAX = 40
OUR_WORKFLOWS = "WorkflowType='CopyTradeWorkflow' OR WorkflowType='PositionWorkflow'"
_ORDERS = """
    SELECT o.*, i.signal_id, i.exit_epoch, i.expires_at, i.retry_until,
           o.applied_version >= o.version AS is_applied,
           EXISTS (SELECT FROM reservations r
                   WHERE r.intent_id = i.intent_id AND r.released_at IS NULL)
           OR EXISTS (SELECT FROM offers f
                      WHERE f.intent_id = i.intent_id AND f.released_at IS NULL) AS reserved_open
    FROM orders o JOIN intents i ON i.intent_id = o.intent_id ORDER BY o.created_at
"""
_POSITIONS = """
    SELECT p.*, (SELECT coalesce(sum(r.size), 0) FROM redemptions r
                 WHERE r.position_id = p.position_id) AS redeemed
    FROM positions p
"""

Row = Mapping[str, object]


async def collect_records(database_url: str, books: Books) -> dict[str, object]:
    """Read our tables; return the fields of `Books` that they fill."""
    connection = await asyncpg.connect(plain_url(database_url))
    try:
        cash = "SELECT coalesce(sum(cash), 0) FROM ledger WHERE wallet = $1"
        return {
            "signals": tuple(_signal(r) for r in await connection.fetch("SELECT * FROM signals")),
            "orders": tuple(_order(r) for r in await connection.fetch(_ORDERS)),
            "fills": tuple(_fill(r) for r in await connection.fetch("SELECT * FROM fills")),
            "evidence": tuple(
                Evidence(r["order_id"], r["kind"], r["text"], r["timestamp"])
                for r in await connection.fetch("SELECT * FROM order_evidence ORDER BY evidence_id")
            ),
            "positions": tuple(_position(r) for r in await connection.fetch(_POSITIONS)),
            "halts": tuple(
                Halt(r["scope"], r["key"], r["reason"], r["halted_at"])
                for r in await connection.fetch("SELECT * FROM halts")
            ),
            "ledger_cash": await connection.fetchval(cash, books.wallet),
        }
    finally:
        await connection.close()


async def collect_venue(venue_url: str, wallet: str) -> dict[str, object]:
    """Read the venue's own books of one wallet; return the fields of `Books` that they fill."""
    orders = [row for row in await fetch_rows(venue_url, "/_paper/orders") if _is_of(row, wallet)]
    ids = {str(row["order_id"]) for row in orders}
    fills = await fetch_rows(venue_url, "/_paper/fills")
    wallets = await fetch_rows(venue_url, "/_paper/wallets")
    mine = next(row for row in wallets if str(row["address"]).lower() == wallet)
    tokens = mine["tokens"]
    assert isinstance(tokens, dict), f"expected tokens as an object, received {tokens!r}"
    return {
        "venue_orders": tuple(_venue_order(row) for row in orders),
        "venue_fills": tuple(_venue_fill(row) for row in fills if str(row["order_id"]) in ids),
        "venue_cash": Decimal(str(mine["cash"])),
        "venue_tokens": {str(k): Decimal(str(v)) for k, v in tokens.items() if Decimal(str(v))},
    }


async def collect_workflows(address: str, namespace: str, seed: int) -> dict[str, object]:
    """List our workflows, and look for failed tasks in some histories, the longest among them."""
    client = await Client.connect(address, namespace=namespace)
    runs = [
        Workflow(
            workflow_id=run.id,
            run_id=run.run_id,
            kind=run.workflow_type,
            status=_status(run.status),
            history_length=run.history_length,
        )
        async for run in client.list_workflows(OUR_WORKFLOWS)
    ]
    failures = [f for run in sample(runs, seed) for f in await _task_failures(client, run)]
    return {"workflows": tuple(runs), "task_failures": tuple(failures)}


def sample(runs: Sequence[Workflow], seed: int) -> Sequence[Workflow]:
    """Return the longest histories and as many others by the seed."""
    by_length = sorted(runs, key=lambda run: -run.history_length)
    longest, others = by_length[: HISTORIES_MAX // 2], by_length[HISTORIES_MAX // 2 :]
    rng = random.Random(f"histories/{seed}")
    return [*longest, *rng.sample(others, min(len(others), HISTORIES_MAX // 2))]


async def fetch_rows(venue_url: str, path: str) -> list[Row]:
    """GET a list of objects from the venue."""
    async with (
        aiohttp.ClientSession(timeout=TIMEOUT) as session,
        session.get(f"{venue_url}{path}") as answer,
    ):
        answer.raise_for_status()
        rows = await answer.json()
    assert isinstance(rows, list), f"expected {path} to be a list, received {rows!r}"
    return rows


async def _task_failures(client: Client, run: Workflow) -> list[TaskFailure]:
    handle = client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
    history = await handle.fetch_history()
    failed = [
        event.workflow_task_failed_event_attributes
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]
    return [
        TaskFailure(run.workflow_id, WorkflowTaskFailedCause.Name(f.cause), f.failure.message)
        for f in failed
    ]


def _status(status: WorkflowExecutionStatus | None) -> str:
    return "?" if status is None else status.name


def _is_of(row: Row, wallet: str) -> bool:
    return str(row["maker"]).lower() == wallet


def _moment(ms: object) -> datetime:
    return datetime.fromtimestamp(int(str(ms)) / 1000, UTC)


def _decimals(row: Row, *names: str) -> Iterable[Decimal]:
    return (Decimal(str(row[name])) for name in names)


def _venue_order(row: Row) -> VenueOrder:
    size, matched = _decimals(row, "size", "matched")
    return VenueOrder(
        order_id=str(row["order_id"]),
        token_id=str(row["token_id"]),
        side=str(row["side"]),
        size=size,
        matched=matched,
        status=str(row["status"]),
        posts=int(str(row["posts"])),
        received_at=_moment(row["received_at"]),
    )


def _venue_fill(row: Row) -> Fill:
    size, cost, fee = _decimals(row, "size", "cost", "fee")
    return Fill(
        trade_id=str(row["trade_id"]),
        order_id=str(row["order_id"]),
        token_id=str(row["token_id"]),
        side=str(row["side"]),
        size=size,
        cost=cost,
        fee=fee,
        status=str(row["status"]),
        at=_moment(row["at"]),
        taker=str(row.get("taker", "")),
        trade_size=Decimal(str(row.get("trade_size", "0"))),
    )


def _signal(row: asyncpg.Record) -> Signal:
    return Signal(
        signal_id=row["signal_id"],
        wallet=row["wallet"],
        side=row["side"],
        size=row["size"],
        state=row["state"],
        committed_at=row["committed_at"],
        reason=row["refusal_reason"],
        finished_at=row["finished_at"],
        token_id=row["token_id"],
    )


def _order(row: asyncpg.Record) -> Order:
    return Order(
        order_id=row["order_id"],
        intent_id=row["intent_id"],
        signal_id=row["signal_id"],
        position_id=row["position_id"],
        token_id=row["token_id"],
        is_entry=row["side"] == "BUY",
        attempt=row["attempt"],
        exit_epoch=row["exit_epoch"],
        expires_at=row["expires_at"],
        retry_until=row["retry_until"],
        status=row["status"],
        size_matched=row["size_matched"],
        posts=row["posts"],
        error=row["error"],
        is_done=row["is_done"],
        is_applied=row["is_applied"],
        adopted=row["adopted"],
        faults=tuple(row["faults"]),
        first_sent_at=row["first_sent_at"],
        released_at=row["released_at"],
        reserved_open=row["reserved_open"],
    )


def _fill(row: asyncpg.Record) -> Fill:
    return Fill(
        trade_id=row["trade_id"],
        order_id=row["order_id"],
        token_id=row["token_id"],
        side=row["side"],
        size=row["size"],
        cost=row["cost"],
        fee=row["fee"],
        status=row["settlement"],
        at=row["matched_at"],
        settled_at=row["settled_at"],
        position_id=row["position_id"] or "",
    )


def _position(row: asyncpg.Record) -> Position:
    return Position(
        position_id=row["position_id"],
        whale=row["source_whale"],
        condition_id=row["condition_id"],
        token_id=row["token_id"],
        status=row["status"],
        size=row["size"],
        settled_size=row["settled_size"],
        redeemed=row["redeemed"],
    )
