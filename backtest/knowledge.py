"""Walk-forward: what was known of a whale when a window began, and nothing that came after."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backtest.errors import HindsightError
from trading.decide import WhaleStanding
from trading.types import Wallet
from trading.whales import ClosedTrade, WhaleScore, quality_parts, score_whale, shrunk_win_rate


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
        self._standings: dict[Wallet, tuple[datetime, WhaleStanding]] = {}

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
        """Return the score, with its uncertainty, that the wallet has in the window of `now`."""
        begins = self._windows.begins(now)
        return score_whale(self._known(wallet, begins), begins)

    def standing(self, wallet: Wallet, now: datetime) -> WhaleStanding:
        """Return what a decision is told of the wallet at `now`: the figures of its score.

        Without the score's own error, which takes ten times as long and decides nothing.
        """
        begins = self._windows.begins(now)
        known = self._standings.get(wallet)
        if known is None or known[0] != begins:
            known = (begins, _standing(wallet, self._known(wallet, begins), begins))
            self._standings[wallet] = known
        return known[1]

    def _known(self, wallet: Wallet, begins: datetime) -> list[ClosedTrade]:
        return known_before(self._trades.get(wallet, ()), begins, self._windows.train)


def known_before(
    trades: Iterable[ClosedTrade], cutoff: datetime, train: timedelta | None
) -> list[ClosedTrade]:
    """Return the trades closed before the cutoff, and no longer than `train` before it."""
    return [
        trade
        for trade in trades
        if trade.closed_at < cutoff and (train is None or trade.closed_at >= cutoff - train)
    ]


def _standing(wallet: Wallet, trades: Iterable[ClosedTrade], now: datetime) -> WhaleStanding:
    usable = sorted((t for t in trades if t.cost > 0), key=lambda t: t.closed_at)
    return WhaleStanding(
        wallet=wallet,
        is_followed=True,
        is_paused=False,
        quality_score=quality_parts(usable).score,
        win_rate=shrunk_win_rate(usable, now),
        closed_trades=len(usable),
    )
