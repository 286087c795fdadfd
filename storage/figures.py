"""A position's figures from its stored fills and redemptions, by `trading.positions`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.limits import down, up
from storage.statements import Statement, run
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
    SELECT f.*, o.released_at FROM fills AS f JOIN orders AS o ON o.order_id = f.order_id
    WHERE f.position_id = :position_id
    """
)
_REDEMPTIONS = Statement("SELECT * FROM redemptions WHERE position_id = :position_id")


@dataclass(frozen=True, slots=True)
class BookedFill:
    """A fill, whether its order's reservation is gone, and when the chain confirmed it."""

    fill: PositionFill
    is_released: bool
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What the position's row says, computed from nothing but its fills.

    Size and average entry price count every fill that the chain has not refused; the other
    figures of money count what it has confirmed. `exposure` is the cost of what is held as far
    as no reservation covers it any more; a sale reduces it once it is confirmed. `pnl_by_day`
    splits the realised P&L by the UTC date of confirmation.
    """

    size: Shares
    settled_size: Shares
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
        avg_entry_price=figures.provisional.avg_entry_price,
        exposure=up(max(uncovered.provisional.cost, ZERO)),
        fees=figures.settled.fees,
        realised_pnl=figures.settled.realised_pnl,
        pnl_by_day=_by_day(booked),
        was_bought=figures.provisional.bought > 0,
    )


def redemption_cash(size: Shares, payout: Price) -> Usd:
    """Return what a redemption pays, rounded down to the micro-unit."""
    return down(size * payout)


def _counts_as_exposure(each: BookedFill) -> bool:
    if each.fill.side is Side.BUY:
        return each.is_released
    return each.fill.settlement is Settlement.CONFIRMED


def _by_day(booked: Sequence[BookedFill]) -> Mapping[date, Usd]:
    """Fold up to each day's end: what a day adds is its P&L, and the days add up to all of it."""
    settled = [each for each in booked if each.settled_at is not None]
    days = sorted({_day(each) for each in settled})
    totals = [
        fold_position(each.fill for each in settled if _day(each) <= day).settled.realised_pnl
        for day in days
    ]
    before = [Usd(ZERO), *totals]
    return {
        day: Usd(total - before[i]) for i, (day, total) in enumerate(zip(days, totals, strict=True))
    }


def _day(each: BookedFill) -> date:
    assert each.settled_at is not None, f"expected a settled fill, received {each.fill}"
    return each.settled_at.astimezone(UTC).date()


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
    return BookedFill(fill, row["released_at"] is not None, row["settled_at"])


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
    return BookedFill(fill, is_released=True, settled_at=row["timestamp"])
