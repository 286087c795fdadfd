"""Answers the dashboard's questions from PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import reviews, view_feeds, view_money, view_pnl, view_trades
from storage.database import Database
from trading.rules import RiskRules
from trading.types import Wallet


class PostgresRecords:
    """The questions of `dashboard.queries`, each one short transaction on a store's pool.

    Each method is the function of that name in the topic's module, where it is described.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    @property
    def rules(self) -> RiskRules:
        """Return the rules that the breakers obey."""
        return self._db.rules

    @property
    def wallet(self) -> Wallet | None:
        """Return the wallet whose books are shown; None is that of the newest lease."""
        return self._db.wallet

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that can only read."""
        async with self._db.transaction() as connection:
            await connection.execute(text("SET TRANSACTION READ ONLY"))
            yield connection

    async def ping(self) -> None:
        """Return when the database answers."""
        async with self.transaction() as connection:
            await connection.execute(text("SELECT 1"))

    load_overview = view_money.load_overview
    load_risk = view_money.load_risk_figures
    list_equity = view_money.list_equity
    load_pnl_total = view_pnl.load_total
    list_pnl = view_pnl.list_pnl
    list_days = view_pnl.list_days
    list_positions = view_trades.list_position_rows
    list_trades = view_trades.list_trade_rows
    load_trade = view_trades.load_trade_detail
    list_orders_in_flight = view_trades.list_open_orders
    list_feeds = view_feeds.list_feeds
    list_reviews = reviews.list_reviews
    list_events = view_feeds.list_event_rows
