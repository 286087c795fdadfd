"""What the dashboard asks of the records; it never writes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from storage.reviews import StoredReview
from storage.view_pnl import DayLine, PnlBy, PnlLine, PnlTotal
from storage.views import (
    EventRow,
    FeedRow,
    OrderRow,
    Overview,
    PositionRow,
    RiskFigures,
    TradeDetail,
    TradeFilter,
    TradeRow,
)
from trading.portfolio import EquityPoint
from trading.types import SignalId


class Records(Protocol):
    """The questions. Each raises StorageUnavailableError when the database does not answer."""

    async def ping(self) -> None:
        """Return when the database answers."""

    async def load_overview(self, now: datetime) -> Overview:
        """Return money, counts of the last day and who is followed."""

    async def list_positions(self, limit: int) -> Sequence[PositionRow]:
        """Return the positions that are not over, newest first."""

    async def list_trades(self, wanted: TradeFilter) -> Sequence[TradeRow]:
        """Return signals and what became of them, newest first."""

    async def load_trade(self, signal_id: SignalId) -> TradeDetail | None:
        """Return everything recorded about a signal."""

    async def load_risk(self, now: datetime) -> RiskFigures:
        """Return what counts against each limit and each breaker now."""

    async def list_orders_in_flight(self, limit: int) -> Sequence[OrderRow]:
        """Return orders that are not done, oldest first."""

    async def list_feeds(self, now: datetime) -> Sequence[FeedRow]:
        """Return what is known of the feeds, by name."""

    async def list_equity(self, limit: int) -> Sequence[EquityPoint]:
        """Return at most `limit` points over the whole history, oldest first."""

    async def load_pnl_total(self) -> PnlTotal:
        """Return the whole P&L and the money that it must equal."""

    async def list_pnl(self, by: PnlBy, limit: int) -> Sequence[PnlLine]:
        """Return P&L by whale or market, the best first."""

    async def list_days(self, limit: int) -> Sequence[DayLine]:
        """Return what each UTC day realised, newest first."""

    async def list_reviews(self, *, open_only: bool, limit: int) -> Sequence[StoredReview]:
        """Return what a person must look at, newest first."""

    async def list_events(self, limit: int) -> Sequence[EventRow]:
        """Return events, newest first."""
