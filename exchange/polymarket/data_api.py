"""The venue's public record: leaderboard, closed positions and fills, late but complete."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.merging import SurplusMerger
from exchange.polymarket.pump import Emit, pump
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
    FillEvent,
    LeaderboardRow,
    Quarantined,
    StreamReset,
    UnavailableError,
    WalletSet,
    WireError,
)
from trading.types import ConditionId, Source, Usd, Wallet, WhaleFill

PAGE_ROWS = 500
PAGES_MAX = 40

_FAR = timedelta(minutes=1)
_log = structlog.get_logger()


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


@dataclass(frozen=True, slots=True)
class PollRules:
    """How often each wallet is asked for, how far back, and the pause between two wallets.

    The venue allows 200 requests for trades in ten seconds; this stays at half of that.
    """

    every: timedelta = timedelta(seconds=5)
    between: timedelta = timedelta(milliseconds=100)
    look_back: timedelta = timedelta(minutes=2)


class DataApiFeed:
    """Fills of followed wallets by asking for them: late, but it misses nothing."""

    name = "data_api"

    def __init__(self, access: VenueAccess, rules: PollRules | None = None) -> None:
        """Use the Data API of these endpoints."""
        self._api = DataApi(access)
        self._clock = access.clock
        self._rules = rules or PollRules()

    def stream_fills(self, wallets: WalletSet) -> AsyncIterator[FillEvent]:
        """Yield fills for ever; a StreamReset follows every interruption."""

        async def produce(emit: Emit[FillEvent]) -> None:
            merger = SurplusMerger()
            round_number = 0
            was_lost = True
            since = self._clock() - self._rules.look_back
            while True:
                started_at = self._clock()
                try:
                    for wallet in sorted(wallets.current()):
                        await self._poll(wallet, since, (merger, round_number), emit)
                        await asyncio.sleep(self._rules.between.total_seconds())
                    if was_lost:
                        await emit(StreamReset(self._clock()))
                    was_lost = False
                    since = started_at - self._rules.look_back
                except UnavailableError as error:
                    was_lost = True
                    _log.info("poll_failed", feed=self.name, why=str(error)[:300])
                round_number += 1
                await asyncio.sleep(self._rules.every.total_seconds())

        return pump(produce)

    async def _poll(
        self,
        wallet: Wallet,
        since: datetime,
        merging: tuple[SurplusMerger, int],
        emit: Emit[FillEvent],
    ) -> None:
        merger, round_number = merging
        try:
            fills = await self._api.fetch_fills(wallet, since)
        except WireError as error:
            await emit(Quarantined(self.name, str(error), ""))
            return
        for fill in fills:
            part = merger.new_part(fill, round_number)
            if part is not None:
                await emit(part)
