"""What we hold of one token because of one whale, and what it earned: average cost over fills."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from trading.types import MICRO, ZERO, OrderHash, Price, Settlement, Shares, Side, Usd


@dataclass(frozen=True, slots=True)
class PositionFill:
    """Our part of one trade, unique by (trade id, order hash). `cost` is price x size, exact."""

    trade_id: str
    order_hash: OrderHash
    side: Side
    size: Shares
    cost: Usd
    fee: Usd
    settlement: Settlement
    matched_at: datetime


@dataclass(frozen=True, slots=True)
class Holding:
    """A running total. `cost` is that of what is held, without fees; `proceeds` that of sales.

    `size` is negative only while a sale is known before the purchase it sold; `cost` is then 0.
    """

    size: Shares = Shares(ZERO)
    cost: Usd = Usd(ZERO)
    fees: Usd = Usd(ZERO)
    gross_pnl: Usd = Usd(ZERO)
    bought: Usd = Usd(ZERO)
    proceeds: Usd = Usd(ZERO)

    @property
    def realised_pnl(self) -> Usd:
        """Return what sales earned over average cost, less all fees, those of buying included."""
        return Usd(self.gross_pnl - self.fees)

    @property
    def avg_entry_price(self) -> Price | None:
        """Return the average cost of a share held, without fees; None when nothing is held."""
        return Price(self.cost / self.size) if self.size > 0 else None

    @property
    def cash_change(self) -> Usd:
        """Return what all fills did to our cash: sales less purchases less fees."""
        return Usd(self.proceeds - self.bought - self.fees)


@dataclass(frozen=True, slots=True)
class PositionFigures:
    """A position's figures: provisional counts matched fills, settled only confirmed ones."""

    provisional: Holding
    settled: Holding

    @property
    def has_pending(self) -> bool:
        """Tell whether what is matched and what is confirmed differ."""
        return self.provisional != self.settled


def fold_position(fills: Iterable[PositionFill]) -> PositionFigures:
    """Return the figures of all fills of a position, whatever their order in `fills`.

    A failed fill counts nowhere. Equal times are taken purchases first.
    """
    live = [fill for fill in fills if fill.settlement is not Settlement.FAILED]
    keys = {(fill.trade_id, fill.order_hash) for fill in live}
    assert len(keys) == len(live), f"expected each fill once, received {len(live) - len(keys)} more"
    live.sort(key=lambda f: (f.matched_at, f.side is Side.SELL, f.trade_id, f.order_hash))
    return PositionFigures(
        provisional=_fold(live),
        settled=_fold(fill for fill in live if fill.settlement is Settlement.CONFIRMED),
    )


def unrealised_pnl(holding: Holding, mark: Price) -> Usd:
    """Return (mark - entry) x size, for YES and NO tokens alike: a token has its own price.

    Positive when we gain. Selling fees are not in it: they are realised when paid.
    """
    return Usd(holding.size * mark - holding.cost)


def resolution_pnl(holding: Holding, payout: Price) -> Usd:
    """Return what redeeming at the payout realises: 1 for a win, 0 for a loss, 0.5 when void.

    Fees are not in it: they were realised when the fills were.
    """
    return unrealised_pnl(holding, payout)


def resolve(holding: Holding, payout: Price) -> Holding:
    """Return the holding after redemption: nothing held, the payout among the proceeds."""
    paid = Usd(holding.size * payout)
    return Holding(
        fees=holding.fees,
        gross_pnl=Usd(holding.gross_pnl + resolution_pnl(holding, payout)),
        bought=holding.bought,
        proceeds=Usd(holding.proceeds + paid),
    )


def _fold(fills: Iterable[PositionFill]) -> Holding:
    holding = Holding()
    for fill in fills:
        holding = _bought(holding, fill) if fill.side is Side.BUY else _sold(holding, fill)
    return holding


def _bought(holding: Holding, fill: PositionFill) -> Holding:
    """Add a purchase; the part that covers an earlier sale is realised at once."""
    covered = min(fill.size, max(Shares(-holding.size), Shares(ZERO)))
    covering = _part(fill.cost, covered, fill.size)
    return Holding(
        size=Shares(holding.size + fill.size),
        cost=Usd(holding.cost + fill.cost - covering),
        fees=Usd(holding.fees + fill.fee),
        gross_pnl=Usd(holding.gross_pnl - covering),
        bought=Usd(holding.bought + fill.cost),
        proceeds=holding.proceeds,
    )


def _sold(holding: Holding, fill: PositionFill) -> Holding:
    held = max(holding.size, Shares(ZERO))
    removed = _part(holding.cost, min(fill.size, held), held)
    return Holding(
        size=Shares(holding.size - fill.size),
        cost=Usd(holding.cost - removed),
        fees=Usd(holding.fees + fill.fee),
        gross_pnl=Usd(holding.gross_pnl + fill.cost - removed),
        bought=holding.bought,
        proceeds=Usd(holding.proceeds + fill.cost),
    )


def _part(cost: Usd, size: Decimal, whole: Decimal) -> Usd:
    """Return a part's share of a cost, to the micro-unit; the last part takes what is left."""
    if size == whole:
        return cost
    return Usd((cost * size / whole).quantize(MICRO, ROUND_HALF_EVEN))
