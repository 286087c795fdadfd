"""The portfolio by our own books: cash, bid value, drawdown from a stored peak."""

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.accounts import Account, load_account
from storage.book_tables import ledger
from storage.breakers import find_halt
from storage.database import Database
from storage.port import StorageError
from storage.statements import Statement, run_one
from storage.tables import equity
from trading.decide import Portfolio
from trading.types import ZERO, Usd, Wallet

SAMPLE_EVERY = timedelta(seconds=5)
_PEAK = Statement(
    """
    SELECT coalesce(max(pnl_peak), 0) AS peak, max(timestamp) AS sampled_at
    FROM equity WHERE wallet = :wallet
    """
)


async def load_portfolio(db: Database, now: datetime) -> Portfolio:
    """Return cash by the ledger, bid value by the marks, drawdown, and whether entries halt.

    Cash and bid value count what the chain has confirmed. The drawdown is the fall from the peak
    of cash plus bid value, as a share of that peak, where deposits move peak and present alike.
    """
    wallet = _need_wallet(db)
    async with db.transaction() as connection:
        account = await load_account(connection, wallet)
        halt = await find_halt(connection, db.rules, wallet, None, now)
        peak = await _follow_peak(connection, wallet, account, now)
    pnl = account.equity - account.deposits
    height = account.deposits + peak
    drawdown = min(max((peak - pnl) / height, ZERO), Decimal(1)) if height > 0 else ZERO
    return Portfolio(account.cash, account.bid_value, drawdown, bool(halt), halt)


async def record_deposit(db: Database, cash: Usd, ref: str, now: datetime) -> None:
    """Book cash that came in (or, negative, left), once per `ref`."""
    row = insert(ledger).values(
        wallet=_need_wallet(db), kind="DEPOSIT", ref=ref, cash=cash, timestamp=now
    )
    async with db.transaction() as connection:
        await connection.execute(row.on_conflict_do_nothing())


async def _follow_peak(
    connection: AsyncConnection, wallet: Wallet, account: Account, now: datetime
) -> Usd:
    """Return the highest P&L so far; store a sample when it rises and every few seconds."""
    pnl = account.equity - account.deposits
    last = await run_one(connection, _PEAK, wallet=wallet)
    assert last is not None, "a maximum is always one row"
    stored: Decimal = last["peak"]
    sampled_at: datetime | None = last["sampled_at"]
    peak = Usd(max(stored, pnl, ZERO))
    if sampled_at is None or peak > stored or now >= sampled_at + SAMPLE_EVERY:
        row = insert(equity).values(
            wallet=wallet,
            cash=account.cash,
            bid_value=account.bid_value,
            deposits=account.deposits,
            pnl_peak=peak,
            timestamp=now,
        )
        await connection.execute(row)
    return peak


def _need_wallet(db: Database) -> Wallet:
    if db.wallet is None:
        raise StorageError("expected a store with a wallet, received one for all wallets")
    return db.wallet
