"""The books at length: what an entry's look at the money costs, and what a whole export costs.

    python bench/books.py [--rows 100000] [--export 1000000] [--json]

A PostgreSQL of its own is filled with ledger entries. Then the money that every entry asks for is
read as it is kept, and as it was before balances were: by adding the whole ledger up. At last the
ledger is exported as CSV.
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sqlalchemy import text

from embedded.postgres import PostgresSettings, prepare_postgres
from embedded.processes import Supervisor, SupervisorSettings
from export import export
from portfolio_command import BEGINNING, END, ExportAsk
from storage.accounts import load_account
from storage.migrate import migrate
from storage.postgres import PostgresStore
from storage.statements import Statement, run_one
from trading.profiles import DEFAULT
from trading.rules import Rules
from trading.types import Usd, Wallet

WALLET = Wallet("0x" + "a1" * 20)
READS = 300
CHUNK = 50_000
_ADDED_UP = Statement(
    """
    SELECT (SELECT coalesce(sum(cash), 0) FROM ledger WHERE wallet = :wallet) AS cash,
        (SELECT coalesce(sum(cash), 0) FROM ledger
         WHERE wallet = :wallet AND kind = 'DEPOSIT') AS deposits
    """
)
_FILL = (
    "ALTER TABLE ledger DISABLE TRIGGER ledger_is_added_up",
    """
    INSERT INTO ledger (wallet, kind, ref, cash, timestamp)
    SELECT '{wallet}', 'FILL', 'trade ' || n, -0.000001 * (n % 1000), now()
    FROM generate_series({first}, {last}) AS n
    """,
    "UPDATE balances SET (cash, entries) = (SELECT sum(cash), count(*) FROM ledger)",
    "ALTER TABLE ledger ENABLE TRIGGER ledger_is_added_up",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an export looks."""

    home: Path
    database_url: str
    rules: Rules = DEFAULT


@dataclass(frozen=True, slots=True)
class Marks:
    """What one question cost, in ms."""

    p50_ms: Decimal
    p90_ms: Decimal
    p99_ms: Decimal


@asynccontextmanager
async def a_store(home: Path) -> AsyncIterator[tuple[PostgresStore, Place]]:
    """Start a PostgreSQL that lives as long as the measurement."""
    (home / "logs").mkdir()
    supervisor = Supervisor(SupervisorSettings(home / "logs"), lambda *_: None)
    await supervisor.open()
    try:
        server = await prepare_postgres(PostgresSettings(home))
        await supervisor.start(server.service)
        await server.create_database("books")
        url = server.url("books")
        await migrate(url)
        store = PostgresStore(url, DEFAULT.risk, WALLET)
        await store.record_deposit(Usd(Decimal(10_000)), "bankroll", datetime.now(UTC))
        yield store, Place(home, url)
        await store.close()
    finally:
        await supervisor.stop()


async def fill(store: PostgresStore, first: int, last: int) -> None:
    """Add entries to the ledger, and what they come to to the balance."""
    for start in range(first, last + 1, CHUNK):
        end = min(start + CHUNK - 1, last)
        async with store.transaction() as connection:
            await connection.execute(text("SET LOCAL statement_timeout = 0"))
            for statement in _FILL:
                words = statement.format(wallet=WALLET, first=start, last=end)
                await connection.exec_driver_sql(words)
    async with store.transaction() as connection:
        await connection.exec_driver_sql("ANALYZE ledger")


async def measure(question: Callable[[], Awaitable[object]]) -> Marks:
    """Ask a question many times, the first tenth to warm up."""
    taken = []
    for n in range(READS + READS // 10):
        began = time.perf_counter()
        await question()
        if n >= READS // 10:
            taken.append(Decimal(str(time.perf_counter() - began)) * 1000)
    taken.sort()
    ranks = [taken[len(taken) * p // 100].quantize(Decimal("0.01")) for p in (50, 90, 99)]
    return Marks(*ranks)


async def run(options: argparse.Namespace, home: Path) -> dict[str, object]:
    """Measure all of it."""
    async with a_store(home) as (store, place):
        await fill(store, 1, options.rows)

        async def kept() -> object:
            async with store.transaction() as connection:
                return await load_account(connection, WALLET)

        async def added_up() -> object:
            async with store.transaction() as connection:
                return await run_one(connection, _ADDED_UP, wallet=WALLET)

        found: dict[str, object] = {
            "rows": options.rows,
            "account_kept": _marks(await measure(kept)),
            "cash_added_up": _marks(await measure(added_up)),
        }
        await fill(store, options.rows + 1, options.export)
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        rows = await export(place, ExportAsk("ledger", BEGINNING, END, home / "ledger.csv"))
        taken_s = time.perf_counter() - began
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
        size = (home / "ledger.csv").stat().st_size
        return found | {
            "export_rows": rows,
            "export_s": f"{taken_s:.1f}",
            "export_mb": size // 1_000_000,
            "export_memory_grown_mb": grown_kb // 1000,
            "cores": os.cpu_count(),
            "load_1min": f"{os.getloadavg()[0]:.1f}",
        }


def _marks(marks: Marks) -> dict[str, str]:
    return {"p50": str(marks.p50_ms), "p90": str(marks.p90_ms), "p99": str(marks.p99_ms)}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--export", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="wc-books-"))
    try:
        found = asyncio.run(run(options, home))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    lines = [f"{name:24}{told}" for name, told in found.items()]
    print(json.dumps(found) if options.json else "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
