"""Our money and positions in memory, under the limits and breakers of the real books."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from backtest.fuses import Fuses
from backtest.limits import Caps, Claim, RecentEntries, cap_refusal
from backtest.lots import Lot
from backtest.records import CopyFill, EquityPoint, Outcome
from trading.breakers import Result, size_factor
from trading.decide import Portfolio
from trading.rules import Rules
from trading.types import (
    ZERO,
    ConditionId,
    Market,
    Price,
    Reason,
    Refusal,
    Side,
    SignalId,
    TokenId,
    Usd,
    Wallet,
)

_Key = tuple[Wallet, TokenId]


class Ledger:
    """Keeps the books of one look back. A payout is cash at once; every fill is final."""

    def __init__(self, bankroll: Usd, rules: Rules, sample_every: timedelta) -> None:
        self._rules = rules
        self._sample_every = sample_every
        self._cash = bankroll
        self._peak = Decimal(bankroll)
        self._realised = Usd(ZERO)
        self._lots: dict[_Key, Lot] = {}
        self._by_market: dict[ConditionId, dict[_Key, Lot]] = {}
        self._reserved: dict[str, Claim] = {}
        self._recent = RecentEntries(rules.risk)
        self._fuses = Fuses(rules.risk)
        self.fills: list[CopyFill] = []
        self.outcomes: list[Outcome] = []
        self.equity: list[EquityPoint] = []

    def portfolio(self, now: datetime) -> Portfolio:
        """Return our money as a decision is told of it."""
        value = self._bid_value()
        halt = self._fuses.halt_of_all(now)
        return Portfolio(self._cash, value, self._drawdown(value), bool(halt), halt)

    def lot(self, whale: Wallet, token_id: TokenId) -> Lot | None:
        """Return our open position from a whale in a token."""
        return self._lots.get((whale, token_id))

    def lots_in(self, condition_id: ConditionId) -> list[Lot]:
        """Return our open positions in a market."""
        return list(self._by_market.get(condition_id, {}).values())

    def reserve(self, key: str, signal_id: SignalId, claim: Claim, now: datetime) -> Refusal | None:
        """Set an entry's worst case aside, or say which limit forbids it."""
        value = self._bid_value()
        halt = self._fuses.halt(claim.whale, claim.condition_id, now)
        if halt:
            return Refusal(Reason.ENTRIES_HALTED, {"halt": halt})
        refusal = self._recent.breach(signal_id, claim, len(self._reserved), now)
        if refusal is not None:
            return refusal
        if self._cash - sum((c.cost for c in self._reserved.values()), ZERO) < claim.cost:
            numbers = {"cash": str(self._cash), "asked": str(claim.cost)}
            return Refusal(Reason.BALANCE_TOO_LOW, numbers)
        lot = self.lot(claim.whale, claim.token_id)
        if lot is not None and lot.leaving is not None:
            return Refusal(Reason.POSITION_CLOSING)
        caps = Caps(self._rules.risk, Usd(self._cash + value), self._factor(value))
        refusal = cap_refusal(claim, self._claims(), caps)
        if refusal is None:
            self._reserved[key] = claim
            self._recent.add(signal_id, claim, now)
        return refusal

    def release(self, key: str) -> None:
        """Give back what was set aside for an entry."""
        self._reserved.pop(key, None)

    def book(self, fill: CopyFill, market: Market) -> Lot:
        """Book a fill: cash, position, P&L. Return the position."""
        self.note_equity(fill.at)  # so that a curve through the points has a step here
        key = (fill.whale, fill.token_id)
        lot = self._lots.get(key)
        if lot is None:
            lot = Lot(fill.whale, fill.token_id, market, fill.at)
            self._lots[key] = lot
            self._by_market.setdefault(market.condition_id, {})[key] = lot
        change = -fill.cost if fill.side is Side.BUY else fill.cost
        self._cash = Usd(self._cash + change - fill.fee)
        self._realise(lot.add(fill, self._rules.exits), fill.at)
        self.fills.append(fill)
        if lot.size <= 0:
            self._end(lot, fill.at)
        self.note_equity(fill.at)
        return lot

    def redeem(self, market: Market, payouts: tuple[Price, ...], now: datetime) -> None:
        """Pay out every position in a resolved market."""
        lots = self.lots_in(market.condition_id)
        for lot in lots:
            payout = payouts[market.token_ids.index(lot.token_id)]
            self._cash = Usd(self._cash + lot.size * payout)
            self._realise(lot.redeem(payout), now)
            self._end(lot, now)
        if lots:
            self.note_equity(now)

    def note_equity(self, now: datetime) -> None:
        """Write down what we are worth now."""
        equity = Usd(self._cash + self._bid_value())
        self._peak = max(self._peak, equity)
        self.equity.append(EquityPoint(now, equity, self._realised))

    def sample(self, now: datetime) -> None:
        """Write down what we are worth, now and then."""
        if not self._lots and self.equity:
            return
        if not self.equity or now - self.equity[-1].at >= self._sample_every:
            self.note_equity(now)

    def end(self, now: datetime) -> None:
        """Write down what is still held, at its mark."""
        self.note_equity(now)
        self.outcomes.extend(lot.outcome(None) for lot in self._lots.values())

    def _end(self, lot: Lot, now: datetime) -> None:
        lot.is_over = True
        outcome = lot.outcome(now)
        self.outcomes.append(outcome)
        self._fuses.close(Result(outcome.pnl, now, lot.market.condition_id, lot.whale))
        key = (lot.whale, lot.token_id)
        del self._lots[key]
        del self._by_market[lot.market.condition_id][key]

    def _realise(self, pnl: Usd, now: datetime) -> None:
        self._realised = Usd(self._realised + pnl)
        self._fuses.realise(pnl, now)

    def _factor(self, value: Usd) -> Decimal:
        return size_factor(self._drawdown(value), self._rules.risk)

    def _drawdown(self, value: Usd) -> Decimal:
        equity = self._cash + value
        self._peak = max(self._peak, equity)
        return (self._peak - equity) / self._peak if self._peak > 0 else ZERO

    def _bid_value(self) -> Usd:
        return Usd(sum((lot.bid_value for lot in self._lots.values()), ZERO))

    def _claims(self) -> Iterator[Claim]:
        yield from self._reserved.values()
        yield from (lot.claim for lot in self._lots.values())
