"""The portfolio by our own books: cash, bid value, drawdown from a stored peak."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert

from storage.accounts import load_account
from storage.book_tables import ledger
from storage.breakers import load_standing
from storage.database import Database
from storage.equity import follow_peak
from storage.port import StorageError
from storage.trail import tell_deposit
from trading.breakers import Subject, entries_halt, is_drawdown_lifted
from trading.decide import Portfolio
from trading.portfolio import drawdown_of
from trading.types import Usd, Wallet


async def load_portfolio(db: Database, now: datetime) -> Portfolio:
    """Return cash by the ledger, bid value by the marks, drawdown, and whether entries halt.

    Cash and bid value count what the chain has confirmed. The drawdown is the fall from the peak
    of cash plus bid value, as a share of that peak, where deposits move peak and present alike.
    """
    wallet = _need_wallet(db)
    async with db.transaction() as connection:
        account = await load_account(connection, wallet)
        standing = await load_standing(connection, Subject(wallet), now)
        peak = await follow_peak(connection, wallet, account, now)
    drawdown = drawdown_of(account.pnl, peak, account.deposits)
    halt, is_lifted = entries_halt(standing, now, db.rules), is_drawdown_lifted(standing, now)
    return Portfolio(account.cash, account.bid_value, drawdown, bool(halt), halt, is_lifted)


async def record_deposit(db: Database, cash: Usd, ref: str, now: datetime) -> None:
    """Book cash that came in (or, negative, left), once per `ref`."""
    wallet = _need_wallet(db)
    row = insert(ledger).values(wallet=wallet, kind="DEPOSIT", ref=ref, cash=cash, timestamp=now)
    async with db.transaction() as connection:
        if (await connection.execute(row.on_conflict_do_nothing())).rowcount:
            await tell_deposit(connection, wallet, cash, ref, now)


def _need_wallet(db: Database) -> Wallet:
    if db.wallet is None:
        raise StorageError("expected a store with a wallet, received one for all wallets")
    return db.wallet
