"""Follow whales: the configured ones, or the leaderboard's best, scored by their own history."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from exchange.port import (
    LeaderboardRow,
    UnavailableError,
    WhaleHistory,
    WireError,
)
from ingest.wanted import Wanted
from storage.port import Bell, StorageError, StorageUnavailableError, WhaleRecord
from storage.whale_port import CHANNEL, WhaleFacts
from trading.decide import WhaleStanding
from trading.track_record import TrackRecord, study
from trading.types import Wallet
from trading.whales import ClosedTrade

LEADERS = 10
IMPORTED = "whales_imported"
REAL_LEADERS = "whales_imported/real"
REFRESH = timedelta(seconds=2)
"""How late a change is heard of that did not ring."""
RETRY_S = 1.0

log = structlog.get_logger()


class WhaleBook:
    """Keeps the followed wallets and their scores in the records and in `followed`."""

    def __init__(
        self,
        history: WhaleHistory,
        facts: WhaleFacts,
        configured: Sequence[Wallet],
        clock: Callable[[], datetime],
        mark: str = IMPORTED,
    ) -> None:
        """Follow what is recorded and configured; `mark` remembers that leaders were imported.

        A tape's leaders are others than the real venue's: each have a mark of their own.
        """
        self._mark = mark
        self._history = history
        self._facts = facts
        self._configured = configured
        self._clock = clock
        self.followed: Wanted[Wallet] = Wanted()

    async def load(self) -> None:
        """Fill the records the first time, then read whom to follow; retried until it works."""
        while True:
            try:
                await self._import_missing()
                self.followed.replace(await self._facts.list_followed())
            except (UnavailableError, StorageUnavailableError) as error:
                log.warning("whales_not_loaded", error=str(error))
                await asyncio.sleep(RETRY_S)
            else:
                log.info("whales_followed", count=len(self.followed.current()))
                return

    async def run(self, bell: Bell) -> None:
        """Keep `followed` in step with the records until cancelled: what a person changes rings."""
        while True:
            await bell.wait(CHANNEL, "", REFRESH)
            try:
                self.followed.replace(await self._facts.list_followed())
            except StorageError as error:
                log.warning("whales_not_read", error=str(error))

    async def _import_missing(self) -> None:
        """Score and follow the configured wallets that are new; without any, the leaders, once.

        What a person changed in the records since stays as it is.
        """
        known = [w for w in self._configured if await self._facts.load_whale(w) is not None]
        wanted = [wallet for wallet in self._configured if wallet not in known]
        is_first = await self._facts.load_cursor(self._mark) is None
        if not wanted and (self._configured or not is_first):
            return
        leaders = {row.wallet: row for row in await self._leaders()}
        for wallet in wanted or leaders:
            if await self._facts.load_whale(wallet) is None:
                await self._import_whale(wallet, leaders.get(wallet))
        if leaders:
            await self._facts.save_cursor(self._mark, str(len(leaders)), self._clock())

    async def _leaders(self) -> Sequence[LeaderboardRow]:
        try:
            return await self._history.fetch_leaderboard(LEADERS)
        except WireError as error:
            log.warning("leaderboard_not_read", error=str(error))
            return ()

    async def _import_whale(self, wallet: Wallet, leader: LeaderboardRow | None) -> None:
        """Score one whale; one whose history cannot be read is left out, and the others follow."""
        try:
            closed = await self._history.fetch_closed_positions(wallet)
        except WireError as error:
            log.warning("whale_not_scored", wallet=wallet, error=str(error))
            return
        now = self._clock()
        trades = [ClosedTrade(c.closed_at, c.cost, c.pnl, c.category) for c in closed]
        record = await asyncio.to_thread(study, trades, now)
        await self._facts.save_whale(record_of(wallet, record, leader), now)
        await self._facts.save_score(wallet, record, now)
        if record.baseline is not None:
            await self._facts.begin_edge(wallet, record.baseline, now)
        log.info(
            "whale_scored",
            wallet=wallet,
            quality_score=str(record.score.quality_score.quantize(Decimal("0.001"))),
            closed_trades=record.score.closed_trades,
        )


def record_of(wallet: Wallet, record: TrackRecord, leader: LeaderboardRow | None) -> WhaleRecord:
    """Return a wallet that is to be followed; the plain figures come with its score."""
    score = record.score
    return WhaleRecord(
        standing=WhaleStanding(
            wallet=wallet,
            is_followed=True,
            is_paused=False,
            quality_score=score.quality_score,
            win_rate=score.win_rate,
            closed_trades=score.closed_trades,
        ),
        pseudonym=leader.name if leader is not None else wallet,
        total_volume=leader.volume if leader is not None else score.volume,
        total_trades=record.total_trades,
        roi=None,
        sharpe_ratio=None,
        max_drawdown=None,
        profit_factor=None,
        rank=leader.rank if leader is not None else None,
        is_invented=leader.is_invented if leader is not None else False,
    )
