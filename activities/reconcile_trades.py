"""Fold the venue's trades that nobody has told us of, and tell of those that are not ours."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from activities.reconcile import ReconcilePorts
from storage.reconcile_port import Foreigner
from trading.orders import VenueTrade
from trading.rules import ReconcileRules
from trading.types import OrderHash, Settlement

SEEN_MAX = 50_000
"""Trades that are remembered as folded."""
_SAVE_EVERY = timedelta(minutes=1)


class TradeFolder:
    """Reads our trades of all markets since a cursor, and again the hour before it.

    A late fill goes the way of every fill: it is folded into its order, and whoever looks after
    orders books it. No fill is ever made from anything but a trade of the venue.
    """

    name = "trades"

    def __init__(
        self, ports: ReconcilePorts, rules: ReconcileRules, clock: Callable[[], datetime]
    ) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock
        self._opened_at: datetime | None = None
        self._cursor = ""
        self._saved_at: datetime | None = None
        self._seen: dict[tuple[str, OrderHash], Settlement] = {}

    @property
    def every(self) -> timedelta:
        """Return the pause until the next turn."""
        return self._rules.trades_every

    async def full_turn(self) -> None:
        """Read as always: the hour before the cursor is read every time."""
        await self.turn()

    async def turn(self) -> None:
        """Fold what is news, and record what is foreign."""
        began = self._clock()
        opened_at = await self._find_opening()
        if opened_at is None:
            return  # no money of ours was ever booked: nothing there can be ours
        since = await self._since(opened_at)
        trades = await self._ports.account.fetch_own_trades(since)
        fresh = [t for t in trades if self._seen.get(_key(t)) is not t.settlement]
        for trade in await self._ports.books.list_news(fresh):
            await self._ports.orders.fold(trade.order_hash, [trade], self._clock())
        await self._tell_foreign([t for t in fresh if t.matched_at >= opened_at])
        self._remember(fresh)
        await self._move_cursor(began)

    async def _find_opening(self) -> datetime | None:
        if self._opened_at is None:
            own = await self._ports.books.load_own_books(self._clock())
            self._opened_at, self._cursor = own.opened_at, f"own_trades/{own.wallet}"
        return self._opened_at

    async def _since(self, opened_at: datetime) -> datetime:
        stored = await self._ports.facts.load_cursor(self._cursor)
        newest = opened_at if stored is None else datetime.fromisoformat(stored)
        return max(newest - self._rules.trades_overlap, opened_at)

    async def _tell_foreign(self, trades: Sequence[VenueTrade]) -> None:
        by_hash = {trade.order_hash: trade for trade in trades}
        for order_hash in sorted(await self._ports.books.list_foreign(by_hash.keys())):
            trade = by_hash[order_hash]
            seen_as = f"{trade.side} of {trade.size:f} shares in trade {trade.trade_id}"
            foreigner = Foreigner(order_hash, seen_as, trade.token_id)
            await self._ports.books.record_foreigner(foreigner, self._clock())

    def _remember(self, trades: Sequence[VenueTrade]) -> None:
        for trade in trades:
            self._seen[_key(trade)] = trade.settlement
        while len(self._seen) > SEEN_MAX:
            del self._seen[next(iter(self._seen))]

    async def _move_cursor(self, began: datetime) -> None:
        if self._saved_at is not None and began < self._saved_at + _SAVE_EVERY:
            return
        await self._ports.facts.save_cursor(self._cursor, began.isoformat(), began)
        self._saved_at = began


def _key(trade: VenueTrade) -> tuple[str, OrderHash]:
    return trade.trade_id, trade.order_hash
