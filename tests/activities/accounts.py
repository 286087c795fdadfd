"""Our account at the fake venue: balances that follow its trades, a public record that lags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from activities.reconcile import Judge, Part, ReconcilePorts
from activities.reconcile_balances import BalanceCheck
from activities.reconcile_orders import OpenOrderCheck
from activities.reconcile_trades import TradeFolder
from exchange.port import UnavailableError
from tests.activities.desk import Desk
from tests.fakes import FakeVenue
from tests.storage.builders import shares, usd
from trading.orders import VenueTrade
from trading.types import ZERO, OrderBook, OrderHash, Settlement, Shares, Side, TokenId, Usd

OPENING = usd(10_000)


@dataclass(slots=True)
class FakeAccount:
    """VenueAccount and BookBatches over the fake venue; tests take things away behind our back."""

    venue: FakeVenue
    taken_cash: Usd = Usd(ZERO)
    taken_shares: dict[TokenId, Shares] = field(default_factory=dict)
    public: dict[TokenId, Shares] | None = None  # instead of what is true
    foreign_orders: list[OrderHash] = field(default_factory=list)
    foreign_trades: list[VenueTrade] = field(default_factory=list)
    hidden_orders: set[OrderHash] = field(default_factory=set)
    cash_lag: timedelta = timedelta(0)
    is_public_away: bool = False
    is_away: bool = False
    asked: list[TokenId] = field(default_factory=list)
    since: list[datetime] = field(default_factory=list)
    books_asked: list[int] = field(default_factory=list)

    async def fetch_cash(self) -> Usd:
        self._answer()
        cash = OPENING - self.taken_cash
        for trade in self._settled(self.cash_lag):
            cash += trade.cost - trade.fee if trade.side is Side.SELL else -trade.cost - trade.fee
        return Usd(cash)

    async def fetch_shares(self, token_id: TokenId) -> Shares:
        self._answer()
        self.asked.append(token_id)
        held = self._held().get(token_id, ZERO) - self.taken_shares.get(token_id, ZERO)
        return Shares(max(held, ZERO))

    async def fetch_holdings(self) -> Mapping[TokenId, Shares]:
        if self.is_public_away:
            raise UnavailableError("expected positions, received none")
        return self._held() if self.public is None else self.public

    async def fetch_open_orders(self) -> Sequence[OrderHash]:
        self._answer()
        listed = [*await self.venue.fetch_open_orders(), *self.foreign_orders]
        return [order_hash for order_hash in listed if order_hash not in self.hidden_orders]

    async def fetch_own_trades(self, since: datetime) -> Sequence[VenueTrade]:
        self._answer()
        self.since.append(since)
        trades = [*self._as_settled(), *self.foreign_trades]
        return [trade for trade in trades if trade.matched_at >= since]

    async def fetch_books(self, token_ids: Sequence[TokenId]) -> Sequence[OrderBook]:
        self._answer()
        self.books_asked.append(len(token_ids))
        return [await self.venue.fetch_book(token_id) for token_id in token_ids]

    def _answer(self) -> None:
        if self.is_away:
            raise UnavailableError("expected an answer, received none")

    def _as_settled(self, lag: timedelta = timedelta(0)) -> Sequence[VenueTrade]:
        script, now = self.venue.script, self.venue.clock() - lag
        return [
            replace(trade, settlement=script.settlement)
            if now >= trade.matched_at + script.settled_after
            else trade
            for trade in self.venue.trades
        ]

    def _settled(self, lag: timedelta = timedelta(0)) -> Sequence[VenueTrade]:
        done = Settlement.CONFIRMED
        return [trade for trade in self._as_settled(lag) if trade.settlement is done]

    def _held(self) -> dict[TokenId, Shares]:
        held: dict[TokenId, Shares] = {}
        for trade in self._settled():
            size = trade.size if trade.side is Side.BUY else -trade.size
            held[trade.token_id] = Shares(held.get(trade.token_id, shares(0)) + size)
        return held


@dataclass(frozen=True, slots=True)
class Reconciler:
    """The parts of reconciling over a desk and an account."""

    desk: Desk
    account: FakeAccount
    judge: Judge
    trades: TradeFolder
    orders: OpenOrderCheck
    balances: BalanceCheck

    async def take_turns(self, part: Part, time: timedelta) -> None:
        """Let a part look at its own pace for a while."""
        until = self.desk.clock() + time
        while self.desk.clock() <= until:
            await part.turn()
            self.desk.clock.advance(part.every)


def reconciler(desk: Desk, account: FakeAccount | None = None) -> Reconciler:
    """Put the parts together."""
    account = account or FakeAccount(desk.venue)
    store, rules, clock = desk.store, desk.rules.reconcile, desk.clock
    ports = ReconcilePorts(account, store, store, store)
    judge = Judge(store, rules, clock)
    return Reconciler(
        desk=desk,
        account=account,
        judge=judge,
        trades=TradeFolder(ports, rules, clock),
        orders=OpenOrderCheck(ports, desk.detective, judge, rules, clock),
        balances=BalanceCheck(ports, desk.markets, judge, rules, clock),
    )
