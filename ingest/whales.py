"""Follow whales: the configured ones, or the leaderboard's best, scored by their own history."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

import structlog

from exchange.port import ClosedPosition, LeaderboardRow, UnavailableError, WhaleHistory
from ingest.wanted import Wanted
from storage.port import FactStore, StorageUnavailableError, WhaleRecord
from trading.decide import WhaleStanding
from trading.types import ZERO, Usd, Wallet
from trading.whales import ClosedTrade, WhaleScore, score_whale

LEADERS = 10
REFRESH_S = 2.0
RETRY_S = 1.0

log = structlog.get_logger()


class WhaleBook:
    """Keeps the followed wallets and their scores in the records and in `followed`."""

    def __init__(
        self,
        history: WhaleHistory,
        facts: FactStore,
        configured: Sequence[Wallet],
        clock: Callable[[], datetime],
    ) -> None:
        self._history = history
        self._facts = facts
        self._configured = configured
        self._clock = clock
        self.followed: Wanted[Wallet] = Wanted()

    async def load(self) -> None:
        """Fill the records the first time, then read whom to follow; retried until it works."""
        while True:
            try:
                if not await self._facts.list_followed():
                    await self._import_whales()
                self.followed.replace(await self._facts.list_followed())
            except (UnavailableError, StorageUnavailableError) as error:
                log.warning("whales_not_loaded", error=str(error))
                await asyncio.sleep(RETRY_S)
            else:
                log.info("whales_followed", count=len(self.followed.current()))
                return

    async def run(self) -> None:
        """Keep `followed` in step with the records until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                self.followed.replace(await self._facts.list_followed())
            except StorageUnavailableError as error:
                log.warning("whales_not_read", error=str(error))

    async def _import_whales(self) -> None:
        leaders = {row.wallet: row for row in await self._history.fetch_leaderboard(LEADERS)}
        for wallet in self._configured or tuple(leaders):
            closed = await self._history.fetch_closed_positions(wallet)
            record = _record(wallet, closed, leaders.get(wallet), self._clock())
            await self._facts.save_whale(record, self._clock())
            log.info(
                "whale_scored",
                wallet=wallet,
                quality_score=str(record.standing.quality_score.quantize(Decimal("0.001"))),
                closed_trades=record.standing.closed_trades,
            )


def _record(
    wallet: Wallet,
    closed: Sequence[ClosedPosition],
    leader: LeaderboardRow | None,
    now: datetime,
) -> WhaleRecord:
    trades = [ClosedTrade(c.closed_at, c.cost, c.pnl, c.category) for c in closed]
    score = score_whale(trades, now)
    gains = sum((t.pnl for t in trades if t.pnl > 0), ZERO)
    losses = -sum((t.pnl for t in trades if t.pnl < 0), ZERO)
    return WhaleRecord(
        standing=_standing(wallet, score),
        pseudonym=leader.name if leader is not None else wallet,
        total_volume=leader.volume if leader is not None else score.volume,
        total_trades=len(trades),
        roi=(gains - losses) / score.volume if score.volume > 0 else None,
        sharpe_ratio=None,
        max_drawdown=_max_drawdown([t.pnl for t in trades], score.volume),
        profit_factor=gains / losses if losses > 0 else None,
        rank=leader.rank if leader is not None else None,
        is_invented=leader.is_invented if leader is not None else False,
    )


def _standing(wallet: Wallet, score: WhaleScore) -> WhaleStanding:
    return WhaleStanding(
        wallet=wallet,
        is_followed=True,
        is_paused=False,
        quality_score=score.quality_score,
        win_rate=score.win_rate,
        closed_trades=score.closed_trades,
    )


def _max_drawdown(pnls: Sequence[Usd], volume: Usd) -> Decimal | None:
    """Return the deepest fall of the summed P&L from its peak, as a share of all put in."""
    if volume <= 0:
        return None
    total = peak = deepest = ZERO
    for pnl in pnls:
        total += pnl
        peak = max(peak, total)
        deepest = max(deepest, peak - total)
    return deepest / volume
