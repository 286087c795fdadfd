"""A position's figures from its stored fills and redemptions, by `trading.positions`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.limits import down, up
from storage.statements import Statement, run
from trading.portfolio import realised_by_day
from trading.positions import PositionFill, fold_position
from trading.types import (
    ZERO,
    OrderHash,
    PositionId,
    Price,
    Settlement,
    Shares,
    Side,
    Usd,
)

_FILLS = Statement(
    """
    SELECT f.*, o.released_at, ARRAY(
        SELECT c.cause FROM pnl_changes AS c WHERE c.position_id = f.position_id
        AND c.trade_id = f.trade_id AND c.order_id = f.order_id
    ) AS told
    FROM fills AS f JOIN orders AS o ON o.order_id = f.order_id
    WHERE f.position_id = :position_id
    """
)
_REDEMPTIONS = Statement(
    """
    SELECT r.*, ARRAY(
        SELECT c.cause FROM pnl_changes AS c WHERE c.position_id = r.position_id
        AND c.trade_id = 'redemption ' || r.n
    ) AS told
    FROM redemptions AS r WHERE position_id = :position_id
    """
)


@dataclass(frozen=True, slots=True)
class BookedFill:
    """A fill, whether its order's reservation is gone, and when the chain confirmed it.

    `told` are the causes for which the audit trail has it already.
    """

    fill: PositionFill
    is_released: bool
    settled_at: datetime | None
    told: Sequence[str] = ()

    @property
    def is_redemption(self) -> bool:
        """Tell whether it is no order of ours that sold."""
        return self.fill.order_hash == ""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the position's row says, computed from nothing but its fills.

    Size and average entry price count every fill that the chain has not refused; the other
    figures of money count what it has confirmed. `exposure` is the cost of what is held as far
    as no reservation covers it any more; a sale reduces it once it is confirmed. `pnl_by_day`
    splits the realised P&L by the UTC date of confirmation. `settled_cost` is what the confirmed
    shares cost, without fees.
    """

    size: Shares
    settled_size: Shares
    settled_cost: Usd
    avg_entry_price: Price | None
    exposure: Usd
    fees: Usd
    realised_pnl: Usd
    pnl_by_day: Mapping[date, Usd]
    was_bought: bool


async def load_booked(connection: AsyncConnection, position_id: PositionId) -> list[BookedFill]:
    """Read all fills of a position; a redemption reads as a sale at the payout."""
    rows = await run(connection, _FILLS, position_id=position_id)
    redeemed = await run(connection, _REDEMPTIONS, position_id=position_id)
    return [*(_read_fill(row) for row in rows), *(_read_redemption(row) for row in redeemed)]


def compute_figures(booked: Sequence[BookedFill]) -> Figures:
    """Compute a position's figures."""
    figures = fold_position(each.fill for each in booked)
    uncovered = fold_position(each.fill for each in booked if _counts_as_exposure(each))
    return Figures(
        size=Shares(max(figures.provisional.size, ZERO)),
        settled_size=Shares(max(figures.settled.size, ZERO)),
        settled_cost=figures.settled.cost,
        avg_entry_price=figures.provisional.avg_entry_price,
        exposure=up(max(uncovered.provisional.cost, ZERO)),
        fees=figures.settled.fees,
        realised_pnl=figures.settled.realised_pnl,
        pnl_by_day=realised_by_day(
            [(each.fill, each.settled_at) for each in booked if each.settled_at is not None]
        ),
        was_bought=figures.provisional.bought > 0,
    )


def redemption_cash(size: Shares, payout: Price) -> Usd:
    """Return what a redemption pays, rounded down to the micro-unit."""
    return down(size * payout)


def _counts_as_exposure(each: BookedFill) -> bool:
    if each.fill.side is Side.BUY:
        return each.is_released
    return each.fill.settlement is Settlement.CONFIRMED


def _read_fill(row: RowMapping) -> BookedFill:
    fill = PositionFill(
        trade_id=row["trade_id"],
        order_hash=OrderHash(row["order_id"]),
        side=Side(row["side"]),
        size=Shares(row["size"]),
        cost=Usd(row["cost"]),
        fee=Usd(row["fee"]),
        settlement=Settlement(row["settlement"]),
        matched_at=row["matched_at"],
    )
    return BookedFill(fill, row["released_at"] is not None, row["settled_at"], row["told"])


def _read_redemption(row: RowMapping) -> BookedFill:
    fill = PositionFill(
        trade_id=f"redemption {row['n']}",
        order_hash=OrderHash(""),
        side=Side.SELL,
        size=Shares(row["size"]),
        cost=redemption_cash(Shares(row["size"]), Price(row["payout"])),
        fee=Usd(ZERO),
        settlement=Settlement.CONFIRMED,
        matched_at=row["timestamp"],
    )
    return BookedFill(fill, is_released=True, settled_at=row["timestamp"], told=row["told"])
