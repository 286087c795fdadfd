"""Keeps the venue's state in one SQLite file, so that it survives any end of the process."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from paper.late import LateOrder
from paper.model import ChainLog, Market, OrderRecord, Side, Trade
from paper.office import Transaction
from paper.playback import Play
from paper.redemption import Redemption
from paper.registry import Listing

FILE = "venue.db"
LOCK = "venue.lock"
FORMAT = 1
CHECKPOINT_PAGES = 20_000  # a backstop; `checkpoint` comes long before
BLOCKS_KEPT = 50_000  # read back at the start, with their logs: a day of blocks every two seconds

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plays (play_id TEXT PRIMARY KEY, number INTEGER, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS listings (condition_id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (order_id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS trades (trade_id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS balances (
    account TEXT, asset TEXT, micros INTEGER NOT NULL, PRIMARY KEY (account, asset)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS taken (
    condition_id TEXT, side TEXT, price INTEGER, size INTEGER NOT NULL,
    PRIMARY KEY (condition_id, side, price)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocks (number INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS logs (
    block_number INTEGER, log_index INTEGER, body TEXT NOT NULL,
    PRIMARY KEY (block_number, log_index)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS redemptions (number INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS late (order_id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS transactions (transaction_id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS api_keys (
    key TEXT PRIMARY KEY, wallet TEXT NOT NULL, secret TEXT NOT NULL, passphrase TEXT NOT NULL
);
"""

_PUT_PLAY = (
    "INSERT INTO plays VALUES (?, ?, ?) ON CONFLICT (play_id) DO UPDATE SET body = excluded.body"
)
_PUT_ORDER = (
    "INSERT INTO orders VALUES (?, ?) ON CONFLICT (order_id) DO UPDATE SET body = excluded.body"
)
_PUT_TRADE = (
    "INSERT INTO trades VALUES (?, ?) ON CONFLICT (trade_id) DO UPDATE SET body = excluded.body"
)
_PUT_TRANSACTION = (
    "INSERT INTO transactions VALUES (?, ?)"
    " ON CONFLICT (transaction_id) DO UPDATE SET body = excluded.body"
)
_PUT_LISTING = (
    "INSERT INTO listings VALUES (?, ?)"
    " ON CONFLICT (condition_id) DO UPDATE SET body = excluded.body"
)


class StoreError(Exception):
    """The venue's file cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class SavedListing:
    """What of a listing is kept; its recorded book comes from the tape again."""

    market: Market
    play_id: str
    resolves_at: int | None
    result: tuple[int, int] | None
    redeems_at: int | None
    is_redeemed: bool
    last_price: int | None


@dataclass(slots=True)
class Changes:
    """Everything that has to be saved together."""

    play: Play | None = None
    balances: list[tuple[str, str, int]] = field(default_factory=list)
    orders: list[OrderRecord] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    listings: list[Listing] = field(default_factory=list)
    blocks: list[tuple[int, int]] = field(default_factory=list)
    logs: list[ChainLog] = field(default_factory=list)
    redemptions: list[Redemption] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    late: list[LateOrder] | None = None  # all of them, where one has changed


_PLAY = TypeAdapter(Play)
_ORDER = TypeAdapter(OrderRecord)
_TRADE = TypeAdapter(Trade)
_LISTING = TypeAdapter(SavedListing)
_LOG = TypeAdapter(ChainLog)
_REDEMPTION = TypeAdapter(Redemption)
_LATE = TypeAdapter(LateOrder)
_TRANSACTION = TypeAdapter(Transaction)
_T = TypeVar("_T")


class Store:
    """One file, one writer. Every save is one transaction: all of it is kept or none."""

    def __init__(self, home: Path) -> None:
        """Open or create the venue's file.

        Raises:
            StoreError: The directory cannot be written, another venue uses it, the disk is full,
                or the file is not one of this version.
        """
        self._path = home / FILE
        self._lock = _lock(home)
        try:
            with self._guarded():
                self._file = sqlite3.connect(self._path, isolation_level=None)
                # WAL without a flush per commit: what is committed outlives the process.
                self._file.execute("PRAGMA journal_mode=WAL")
                self._file.execute("PRAGMA synchronous=NORMAL")
                self._file.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
                self._file.executescript(_TABLES)
            self._check_format()
        except StoreError:
            os.close(self._lock)
            raise

    def close(self) -> None:
        """Close the file and let others have it."""
        self._file.close()
        os.close(self._lock)

    def save(self, changes: Changes) -> None:
        """Save in one transaction; raise StoreError, with nothing saved, where that fails."""
        with self._guarded(), self._transaction():
            self._save_state(changes)
            self._save_chain(changes)
            self._save_late(changes.late)
            for listing in changes.listings:
                self._save_listing(listing)

    def checkpoint(self) -> None:
        """Bring the write-ahead log home; may run in another thread while `save` goes on."""
        with self._guarded(), closing(sqlite3.connect(self._path)) as other:
            other.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def save_api_key(self, wallet: str, key: str, secret: str, passphrase: str) -> None:
        """Keep an API key; one saved again is replaced."""
        with self._guarded():
            self._file.execute(
                "INSERT OR REPLACE INTO api_keys (key, wallet, secret, passphrase)"
                " VALUES (?, ?, ?, ?)",
                (key, wallet, secret, passphrase),
            )

    def delete_api_key(self, key: str) -> None:
        """Forget an API key."""
        with self._guarded():
            self._file.execute("DELETE FROM api_keys WHERE key = ?", (key,))

    def load_api_keys(self) -> list[tuple[str, str, str, str]]:
        """Return (wallet, key, secret, passphrase) of every API key kept, oldest first."""
        rows = self._rows("SELECT wallet, key, secret, passphrase FROM api_keys ORDER BY rowid")
        return [(str(a), str(b), str(c), str(d)) for a, b, c, d in rows]

    def save_setting(self, key: str, body: str) -> None:
        """Keep a text under a name, such as a secret made once."""
        with self._guarded():
            self._file.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, body))

    def load_setting(self, key: str) -> str | None:
        """Return a text kept under a name."""
        rows = self._rows("SELECT body FROM meta WHERE key = ?", key)
        return str(rows[0][0]) if rows else None

    def load_plays(self) -> list[Play]:
        """Return every play, oldest first."""
        return self._load("SELECT body FROM plays ORDER BY number", _PLAY)

    def load_listings(self) -> list[SavedListing]:
        """Return every market, oldest first."""
        return self._load("SELECT body FROM listings ORDER BY rowid", _LISTING)

    def load_orders(self) -> list[OrderRecord]:
        """Return every order, oldest first."""
        return self._load("SELECT body FROM orders ORDER BY rowid", _ORDER)

    def load_trades(self) -> list[Trade]:
        """Return every trade, oldest first."""
        return self._load("SELECT body FROM trades ORDER BY rowid", _TRADE)

    def load_redemptions(self) -> list[Redemption]:
        """Return every redemption, oldest first."""
        return self._load("SELECT body FROM redemptions ORDER BY number", _REDEMPTION)

    def load_transactions(self) -> list[Transaction]:
        """Return every transaction that a client's wallet sent, oldest first."""
        return self._load("SELECT body FROM transactions ORDER BY rowid", _TRANSACTION)

    def load_late(self) -> list[LateOrder]:
        """Return the orders that wait to be worked, oldest first."""
        return self._load("SELECT body FROM late ORDER BY rowid", _LATE)

    def load_balances(self) -> list[tuple[str, str, int]]:
        """Return (account, asset, micros) of every balance."""
        rows = self._rows("SELECT account, asset, micros FROM balances")
        return [(str(account), str(asset), int(str(micros))) for account, asset, micros in rows]

    def load_taken(self) -> list[tuple[str, Side, int, int]]:
        """Return (condition id, side, price, size) of what is subtracted from recorded books."""
        rows = self._rows("SELECT condition_id, side, price, size FROM taken")
        return [(str(a), Side(str(b)), int(str(c)), int(str(d))) for a, b, c, d in rows]

    def load_blocks(self) -> list[tuple[int, int]]:
        """Return (number, timestamp) of the newest blocks, oldest first."""
        rows = self._rows(
            "SELECT number, timestamp FROM blocks ORDER BY number DESC LIMIT ?", BLOCKS_KEPT
        )
        return [(int(str(number)), int(str(timestamp))) for number, timestamp in reversed(rows)]

    def load_logs(self, from_block: int) -> list[ChainLog]:
        """Return the logs from a block on, in chain order."""
        query = "SELECT body FROM logs WHERE block_number >= ? ORDER BY block_number, log_index"
        return self._load(query, _LOG, from_block)

    def _save_state(self, changes: Changes) -> None:
        run = self._file.executemany
        if changes.play is not None:
            body = _json(_PLAY, changes.play)
            row = (changes.play.play_id, changes.play.started_at, body)
            run(_PUT_PLAY, [row])
        run("INSERT OR REPLACE INTO balances VALUES (?, ?, ?)", changes.balances)
        orders = [(record.order.order_id, _json(_ORDER, record)) for record in changes.orders]
        run(_PUT_ORDER, orders)
        trades = [(trade.trade_id, _json(_TRADE, trade)) for trade in changes.trades]
        run(_PUT_TRADE, trades)
        redeemed = [(None, _json(_REDEMPTION, one)) for one in changes.redemptions]
        run("INSERT INTO redemptions VALUES (?, ?)", redeemed)
        sent = [(one.transaction_id, _json(_TRANSACTION, one)) for one in changes.transactions]
        run(_PUT_TRANSACTION, sent)

    def _save_late(self, late: list[LateOrder] | None) -> None:
        if late is not None:
            self._file.execute("DELETE FROM late")
            rows = [(one.post.order.order_id, _json(_LATE, one)) for one in late]
            self._file.executemany("INSERT INTO late VALUES (?, ?)", rows)

    def _save_chain(self, changes: Changes) -> None:
        self._file.executemany("INSERT OR REPLACE INTO blocks VALUES (?, ?)", changes.blocks)
        logs = [(log.block_number, log.log_index, _json(_LOG, log)) for log in changes.logs]
        self._file.executemany("INSERT OR REPLACE INTO logs VALUES (?, ?, ?)", logs)

    def _save_listing(self, listing: Listing) -> None:
        condition_id = listing.market.condition_id
        saved = SavedListing(
            listing.market,
            listing.play_id,
            listing.resolves_at,
            listing.result,
            listing.redeems_at,
            listing.is_redeemed,
            listing.last_price,
        )
        self._file.execute(_PUT_LISTING, (condition_id, _json(_LISTING, saved)))
        self._file.execute("DELETE FROM taken WHERE condition_id = ?", (condition_id,))
        taken = [
            (condition_id, str(side), price, size) for side, price, size in listing.book.taken()
        ]
        self._file.executemany("INSERT INTO taken VALUES (?, ?, ?, ?)", taken)

    def _check_format(self) -> None:
        found = self.load_setting("format")
        if found is None:
            self.save_setting("format", str(FORMAT))
        elif found != str(FORMAT):
            raise StoreError(f"{self._path}: expected format {FORMAT}, found {found}")

    def _rows(self, query: str, *values: object) -> Sequence[tuple[object, ...]]:
        with self._guarded():
            rows: list[tuple[object, ...]] = self._file.execute(query, values).fetchall()
        return rows

    def _load(self, query: str, adapter: TypeAdapter[_T], *values: object) -> list[_T]:
        try:
            return [adapter.validate_json(str(body)) for (body,) in self._rows(query, *values)]
        except ValidationError as error:
            raise StoreError(f"{self._path}: a row cannot be read: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._file.execute("COMMIT")
        finally:
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from error


def _json(adapter: TypeAdapter[_T], value: _T) -> str:
    return adapter.dump_json(value).decode()


def _lock(home: Path) -> int:
    path = home / LOCK
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{home} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StoreError(f"{home} is in use by another local venue") from error
    return lock
