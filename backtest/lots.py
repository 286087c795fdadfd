"""A position of ours in the look back, and what it becomes."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from backtest.limits import Claim
from backtest.records import CopyFill, Outcome
from trading.exits import ExitLevels, ExitRead, ExitWatch, levels_at_entry
from trading.levels import Rise, follow_bid
from trading.positions import Holding, PositionFill, fold_position, resolve
from trading.rules import ExitRules
from trading.types import (
    ZERO,
    ExitReason,
    Market,
    OrderHash,
    Price,
    Settlement,
    Shares,
    TokenId,
    Usd,
    Wallet,
)


@dataclass(slots=True)
class Leaving:
    """The one exit that runs: `left` is still to be sold."""

    reason: ExitReason
    trigger: Price | None  # the level that was crossed
    left: Decimal
    attempts: int = 0
    fruitless: int = 0  # attempts in a row that sold nothing


@dataclass(slots=True)
class Lot:
    """What we hold of one token because of one whale, from its first fill to its end."""

    whale: Wallet
    token_id: TokenId
    market: Market
    opened_at: datetime
    fills: list[PositionFill] = field(default_factory=list)
    holding: Holding = field(default_factory=Holding)
    levels: ExitLevels | None = None
    watch: ExitWatch = field(default_factory=ExitWatch)
    rise: Rise = field(default_factory=Rise)
    leaving: Leaving | None = None
    mark: Price | None = None
    bought_with_fees: Usd = Usd(ZERO)
    paid_out: Usd = Usd(ZERO)
    last_reason: ExitReason | None = None
    is_over: bool = False

    @property
    def size(self) -> Shares:
        """Return the shares held."""
        return self.holding.size

    @property
    def claim(self) -> Claim:
        """Return what it counts against the caps: the cost of what is held."""
        return Claim(self.whale, self.market.condition_id, self.token_id, self.holding.cost)

    @property
    def bid_value(self) -> Usd:
        """Return what it is worth at its mark, at cost before the first one."""
        return self.holding.cost if self.mark is None else Usd(self.size * self.mark)

    def add(self, fill: CopyFill, rules: ExitRules) -> Usd:
        """Book a fill of ours; return what it realised."""
        before = self.holding.realised_pnl
        self.fills.append(_position_fill(fill))
        self.holding = fold_position(self.fills).provisional
        if fill.reason is None:
            self.bought_with_fees = Usd(self.bought_with_fees + fill.cost + fill.fee)
            self._place_levels(rules)
        else:
            self.last_reason = fill.reason
        return Usd(self.holding.realised_pnl - before)

    def redeem(self, payout: Price) -> Usd:
        """Pay it out; return what that realised."""
        before = self.holding.realised_pnl
        self.paid_out = Usd(self.size * payout)
        self.holding = resolve(self.holding, payout)
        self.last_reason, self.is_over = ExitReason.RESOLUTION, True
        return Usd(self.holding.realised_pnl - before)

    def look(self, read: ExitRead, rules: ExitRules) -> ExitReason | None:
        """Follow a read of the bid; return why to leave, once two valid reads agree."""
        entry = self.holding.avg_entry_price
        if read.fault or self.levels is None or entry is None:
            return None
        high = entry if self.levels.high_water is None else self.levels.high_water
        self.rise, high = self.rise.observe(high, read, rules)
        self.levels = follow_bid(self.levels, entry, high, self.market.tick_size, rules)
        self.watch, reason = self.watch.observe(self.levels, read, rules)
        return reason

    def level(self, reason: ExitReason) -> Price | None:
        """Return the level whose crossing is the reason, None for a reason without one."""
        if self.levels is None:
            return None
        return {
            ExitReason.STOP_LOSS: self.levels.stop_loss,
            ExitReason.TRAILING_STOP: self.levels.trailing_stop,
            ExitReason.TAKE_PROFIT: self.levels.take_profit,
        }.get(reason)

    def outcome(self, closed_at: datetime | None) -> Outcome:
        """Return how it ended, or, while it is open, how it stands at its mark."""
        pnl = self.holding.realised_pnl
        if closed_at is None:
            pnl = Usd(pnl + self.bid_value - self.holding.cost)
        return Outcome(
            whale=self.whale,
            market=self.market,
            token_id=self.token_id,
            opened_at=self.opened_at,
            closed_at=closed_at,
            cost=self.bought_with_fees,
            bought=self.holding.bought,
            sold=Usd(self.holding.proceeds - self.paid_out),
            fees=self.holding.fees,
            realised=self.holding.realised_pnl,
            pnl=pnl,
            left_by=self.last_reason,
        )

    def _place_levels(self, rules: ExitRules) -> None:
        entry = self.holding.avg_entry_price
        assert entry is not None, f"expected {self.token_id} to be held"
        placed = levels_at_entry(entry, self.market.tick_size, rules)
        if self.levels is not None:
            high = max(entry, self.levels.high_water or entry)
            trailing = self.levels.trailing_stop
            placed = replace(placed, high_water=high, trailing_stop=trailing)
        self.levels = placed


def _position_fill(fill: CopyFill) -> PositionFill:
    return PositionFill(
        trade_id=fill.key,
        order_hash=OrderHash(fill.key),
        side=fill.side,
        size=fill.size,
        cost=fill.cost,
        fee=fill.fee,
        settlement=Settlement.CONFIRMED,
        matched_at=fill.at,
    )
