"""The equity curve: one sample a minute, the last; thinned to one an hour after a week."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.accounts import Account, load_account
from storage.database import Database
from storage.port import StorageError
from storage.statements import Statement, run, run_one
from trading.types import ZERO, Usd, Wallet

SAMPLE_EVERY = timedelta(seconds=5)
EVERY_MINUTE_FOR = timedelta(days=7)
_PEAK = Statement(
    """
    SELECT coalesce(max(pnl_peak), 0) AS peak, max(timestamp) AS sampled_at
    FROM equity WHERE wallet = :wallet
    """
)
_SAMPLE = Statement(
    """
    INSERT INTO equity AS e (wallet, cash, bid_value, deposits, pnl_peak, timestamp, minute)
    VALUES (:wallet, :cash, :bid_value, :deposits, :pnl_peak, :now, :minute)
    ON CONFLICT (wallet, minute) DO UPDATE SET cash = excluded.cash,
        bid_value = excluded.bid_value, deposits = excluded.deposits,
        pnl_peak = greatest(e.pnl_peak, excluded.pnl_peak), timestamp = excluded.timestamp
    WHERE e.timestamp <= excluded.timestamp OR e.pnl_peak < excluded.pnl_peak
    """
)
_THIN = text(
    """
    DELETE FROM equity AS old USING equity AS kept
    WHERE old.wallet = :wallet AND kept.wallet = :wallet
    AND old.minute < :until AND kept.minute > old.minute AND kept.pnl_peak >= old.pnl_peak
    AND date_trunc('hour', kept.minute) = date_trunc('hour', old.minute)
    """
)


async def sample_equity(db: Database, now: datetime) -> None:
    """Store what the wallet is worth; a repeat within the minute changes that minute's sample."""
    wallet = _need_wallet(db)
    async with db.transaction() as connection:
        account = await load_account(connection, wallet)
        await follow_peak(connection, wallet, account, now)


async def thin_equity(db: Database, now: datetime) -> int:
    """Keep the last sample of each hour that is older than a week; return how many went.

    A sample that knows of a higher peak than the last of its hour is kept: drawdown needs it.
    """
    until = (now - EVERY_MINUTE_FOR).replace(minute=0, second=0, microsecond=0)
    async with db.transaction() as connection:
        gone = await connection.execute(_THIN, {"wallet": _need_wallet(db), "until": until})
        return int(gone.rowcount)


async def follow_peak(
    connection: AsyncConnection, wallet: Wallet, account: Account, now: datetime
) -> Usd:
    """Return the highest P&L so far; store a sample when it rises, or the last is old."""
    last = await run_one(connection, _PEAK, wallet=wallet)
    assert last is not None, "a maximum is always one row"
    stored: Usd = last["peak"]
    sampled_at: datetime | None = last["sampled_at"]
    peak = Usd(max(stored, account.pnl, ZERO))
    if peak > stored or _is_due(sampled_at, now):
        await run(
            connection,
            _SAMPLE,
            wallet=wallet,
            cash=account.cash,
            bid_value=account.bid_value,
            deposits=account.deposits,
            pnl_peak=peak,
            now=now,
            minute=_minute(now),
        )
    return peak


def _is_due(sampled_at: datetime | None, now: datetime) -> bool:
    if sampled_at is None:
        return True
    return now >= sampled_at + SAMPLE_EVERY or _minute(now) > _minute(sampled_at)


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _need_wallet(db: Database) -> Wallet:
    if db.wallet is None:
        raise StorageError("expected a store with a wallet, received one for all wallets")
    return db.wallet
