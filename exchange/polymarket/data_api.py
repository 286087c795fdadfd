"""The venue's public record: leaderboard, closed positions and fills, late but complete."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.rest import Rest
from exchange.polymarket.rtds import fill_of
from exchange.polymarket.wire import parse
from exchange.polymarket.wire_data import (
    ActivityRow,
    ClosedPositionRow,
    LeaderRow,
    read_data_page,
)
from exchange.port import (
    ClosedPosition,
    LeaderboardRow,
    UnavailableError,
)
from trading.types import ConditionId, Source, Usd, Wallet, WhaleFill

PAGE_ROWS = 500
PAGES_MAX = 40

_FAR = timedelta(minutes=1)


class DataApi:
    """Implements WhaleHistory against the Data API v2."""

    def __init__(self, access: VenueAccess) -> None:
        """Use the Data API of these endpoints."""
        self._rest = Rest(access, access.endpoints.data)
        self._clock = access.clock

    async def fetch_leaderboard(self, limit: int) -> Sequence[LeaderboardRow]:
        """Return the best wallets of all time by profit, best first."""
        query = (("time_period", "all"), ("sort_by", "PNL"))
        rows = await self.fetch_rows("/v2/leaderboard", limit, *query)
        leaders = [parse(LeaderRow, row) for row in rows[:limit]]
        return tuple(
            LeaderboardRow(
                wallet=row.wallet,
                name=row.name,
                rank=row.rank,
                pnl=Usd(row.pnl),
                volume=Usd(row.volume),
                is_invented=row.invented,
            )
            for row in sorted(leaders, key=lambda row: row.rank)
        )

    async def fetch_closed_positions(self, wallet: Wallet) -> Sequence[ClosedPosition]:
        """Return a wallet's closed positions, oldest first; those without a date are left out."""
        query = (("user", wallet), ("status", "CLOSED"))
        rows = await self.fetch_rows("/v2/positions", PAGE_ROWS * PAGES_MAX, *query)
        positions = [_closed_position(parse(ClosedPositionRow, row)) for row in rows]
        dated = [position for position in positions if position is not None]
        return tuple(sorted(dated, key=lambda position: position.closed_at))

    async def fetch_fills(self, wallet: Wallet, since: datetime) -> Sequence[WhaleFill]:
        """Return a wallet's fills since a time, oldest first, as maker and as taker.

        `taker_only` is true unless switched off. `end` moves with the clock, which keeps caches
        on the way from answering with what was known minutes ago.
        """
        now = self._clock()
        query = (
            ("user", wallet),
            ("taker_only", "false"),
            ("start", str(int(since.timestamp()))),
            ("end", str(int((now + _FAR).timestamp()))),
        )
        rows = await self.fetch_rows("/v2/trades", PAGE_ROWS * PAGES_MAX, *query)
        fills = [fill_of(parse(ActivityRow, row), Source.DATA_API, now) for row in rows]
        return tuple(sorted(fills, key=lambda fill: fill.traded_at))

    async def fetch_rows(self, path: str, limit: int, *query: tuple[str, str]) -> list[object]:
        """Return the rows of as many pages as hold `limit` rows."""
        rows: list[object] = []
        cursor = ""
        for _ in range(PAGES_MAX):
            size = ("limit", str(min(limit, PAGE_ROWS)))
            page_query = (*query, size, ("cursor", cursor)) if cursor else (*query, size)
            payload = await self._rest.fetch(path, *page_query)
            if payload is None:
                raise UnavailableError(f"{path}: HTTP 404")
            page, next_cursor = read_data_page(payload)
            rows.extend(page)
            if not next_cursor or next_cursor == cursor or len(rows) >= limit:
                break
            cursor = next_cursor
        return rows


def _closed_position(row: ClosedPositionRow) -> ClosedPosition | None:
    closed_at = row.last_event_at
    if closed_at is None:
        return None
    return ClosedPosition(
        wallet=row.wallet,
        condition_id=ConditionId(row.condition_id),
        opened_at=row.first_entry_at or closed_at,
        closed_at=closed_at,
        cost=Usd(row.cost),
        pnl=Usd(row.realized_pnl),
        category=row.category,
    )
