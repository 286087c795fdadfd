"""Walk-forward: what was known of a whale when a window began, and nothing that came after."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backtest.errors import HindsightError
from trading.decide import WhaleStanding
from trading.types import Wallet
from trading.whales import ClosedTrade, WhaleScore, score_whale


@dataclass(frozen=True, slots=True)
class Windows:
    """Where test windows begin: at `origin` and every `length` after; `train` is what counts."""

    origin: datetime
    length: timedelta
    train: timedelta | None = None

    def begins(self, now: datetime) -> datetime:
        """Return when the window that holds `now` began."""
        return self.origin + (now - self.origin) // self.length * self.length


class Knowledge:
    """Keeps closed trades from when they are known; scores only by those before a window."""

    def __init__(self, windows: Windows, pasts: Mapping[Wallet, Sequence[ClosedTrade]]) -> None:
        self._windows = windows
        self._trades = {wallet: list(trades) for wallet, trades in pasts.items()}
        self._scores: dict[Wallet, tuple[datetime, WhaleScore]] = {}

    def note(self, wallet: Wallet, trade: ClosedTrade, now: datetime) -> None:
        """Learn of a closed trade.

        Raises:
            HindsightError: It closes only after `now`.
        """
        if trade.closed_at > now:
            raise HindsightError(
                f"expected a trade of {wallet} closed by {now}, received one of {trade.closed_at}"
            )
        self._trades.setdefault(wallet, []).append(trade)

    def score(self, wallet: Wallet, now: datetime) -> WhaleScore:
        """Return the score the wallet has in the window that holds `now`."""
        begins = self._windows.begins(now)
        known = self._scores.get(wallet)
        if known is None or known[0] != begins:
            trades = known_before(self._trades.get(wallet, ()), begins, self._windows.train)
            known = (begins, score_whale(trades, begins))
            self._scores[wallet] = known
        return known[1]

    def standing(self, wallet: Wallet, now: datetime) -> WhaleStanding:
        """Return what a decision is told of the wallet at `now`."""
        score = self.score(wallet, now)
        return WhaleStanding(
            wallet=wallet,
            is_followed=True,
            is_paused=False,
            quality_score=score.quality_score,
            win_rate=score.win_rate,
            closed_trades=score.closed_trades,
        )


def known_before(
    trades: Iterable[ClosedTrade], cutoff: datetime, train: timedelta | None
) -> list[ClosedTrade]:
    """Return the trades closed before the cutoff, and no longer than `train` before it."""
    return [
        trade
        for trade in trades
        if trade.closed_at < cutoff and (train is None or trade.closed_at >= cutoff - train)
    ]
