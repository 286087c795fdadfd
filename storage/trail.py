"""The audit trail: one row for every change of what we earned, with its cause, before and after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.figures import BookedFill, Figures, compute_figures
from storage.statements import Statement, run, run_one
from trading.types import MICRO, ZERO, Price, Settlement, Side, Usd, Wallet

_CASH = Statement("SELECT cash FROM balances WHERE wallet = :wallet")
_FIGURES = ("size", "settled_size", "entry_price", "settled_cost", "fees", "realised_pnl")
_SIDES = tuple(f"{name}_{when}" for name in _FIGURES for when in ("before", "after"))
_COLUMNS = (
    *("wallet", "position_id", "cause", "ref", "trade_id", "order_id"),
    *("cash_before", "cash_after", *_SIDES, "mark_price", "timestamp"),
)
_TELL = Statement(
    f"INSERT INTO pnl_changes ({', '.join(_COLUMNS)})"  # noqa: S608 - names in our code
    f" VALUES ({', '.join(':' + name for name in _COLUMNS)})"
)
_TELL_DEPOSIT = Statement(
    """
    INSERT INTO pnl_changes (wallet, cause, ref, cash_before, cash_after, timestamp)
    SELECT wallet, 'DEPOSITED', :ref, cash - CAST(:cash AS numeric), cash, :now
    FROM balances WHERE wallet = :wallet
    """
)


class Cause(StrEnum):
    """Why a figure changed."""

    MATCHED = "MATCHED"  # the venue filled us; provisional
    CONFIRMED = "CONFIRMED"  # the chain has it: cash and fee moved
    REVERSED = "REVERSED"  # the chain refused a match that was counted
    REDEEMED = "REDEEMED"
    DEPOSITED = "DEPOSITED"
    RESTATED = "RESTATED"  # for none of these reasons: worth a look
    CARRIED = "CARRIED"  # it stood so when the trail began


@dataclass(frozen=True, slots=True)
class Booked:
    """A locked position's row as it was, and its figures as they are."""

    row: RowMapping
    figures: Figures

    @property
    def mark(self) -> Price | None:
        """Return what a share is worth: the payout, or the last mark."""
        payout: Price | None = self.row["payout"]
        return self.row["current_price"] if payout is None else payout


async def tell_changes(
    connection: AsyncConnection, booked: Booked, fills: Sequence[BookedFill], now: datetime
) -> None:
    """Add a row for each fill and redemption that the trail does not know yet.

    The wallet's limit row must be held and the ledger be written. Rows follow on one another:
    the first begins with what was stored, the last ends with what is.
    """
    steps = list(_steps(fills))
    wallet = Wallet(booked.row["user_address"])
    after, before = _figures(booked.figures), _stored(booked.row)
    if not steps and before == after:
        return
    cash = await load_cash(connection, wallet) - sum((_cash(each) for _, each, _ in steps), ZERO)
    for n, (cause, each, figures) in enumerate(steps):
        following = after if n == len(steps) - 1 else _figures(figures)
        paid = _cash(each)
        row = _row(booked, cause, each) | _pair(before, following)
        money = {"cash_before": cash, "cash_after": cash + paid, "timestamp": now}
        await run(connection, _TELL, **row, **money)
        before, cash = following, cash + paid
    if not steps:
        row = _row(booked, Cause.RESTATED, None) | _pair(before, after)
        await run(connection, _TELL, **row, cash_before=cash, cash_after=cash, timestamp=now)


async def tell_deposit(
    connection: AsyncConnection, wallet: Wallet, cash: Usd, ref: str, now: datetime
) -> None:
    """Add a row for a deposit that the ledger has just taken."""
    await run(connection, _TELL_DEPOSIT, wallet=wallet, cash=cash, ref=ref, now=now)


async def load_cash(connection: AsyncConnection, wallet: Wallet) -> Usd:
    """Return a wallet's cash by the running balance of its ledger."""
    row = await run_one(connection, _CASH, wallet=wallet)
    return Usd(row["cash"] if row is not None else ZERO)


def _steps(fills: Sequence[BookedFill]) -> Iterator[tuple[Cause, BookedFill, Figures]]:
    """Take what is new one by one, and compute the figures after each."""
    news = [(cause, each) for each in fills if (cause := _cause(each)) is not None]
    news.sort(key=lambda new: (new[1].settled_at or new[1].fill.matched_at, new[1].fill.trade_id))
    known = [each if _cause(each) is None else _as_told(each) for each in fills]
    places = {id(each): n for n, each in enumerate(fills)}
    for cause, each in news:
        known[places[id(each)]] = each
        yield cause, each, compute_figures([one for one in known if one is not None])


def _cause(each: BookedFill) -> Cause | None:
    """Return why a fill changes something, None when the trail knows it as it is."""
    cause: Cause | None
    match each.fill.settlement:
        case Settlement.CONFIRMED:
            cause = Cause.REDEEMED if each.is_redemption else Cause.CONFIRMED
        case Settlement.FAILED:
            cause = Cause.REVERSED if each.told else None
        case _:
            cause = None if each.told else Cause.MATCHED
    return None if cause in each.told else cause


def _as_told(each: BookedFill) -> BookedFill | None:
    if not each.told:
        return None
    fill = replace(each.fill, settlement=Settlement.MATCHED)
    return replace(each, fill=fill, settled_at=None)


def _cash(each: BookedFill) -> Decimal:
    """Return what a confirmed fill did to our cash."""
    if each.fill.settlement is not Settlement.CONFIRMED:
        return ZERO
    paid = each.fill.cost if each.fill.side is Side.SELL else -each.fill.cost
    return paid - each.fill.fee


def _row(booked: Booked, cause: Cause, each: BookedFill | None) -> dict[str, object]:
    ref = "" if each is None else _ref(booked, each)
    return {
        "wallet": booked.row["user_address"],
        "position_id": booked.row["position_id"],
        "cause": cause,
        "ref": ref,
        "trade_id": None if each is None else each.fill.trade_id,
        "order_id": None if each is None else each.fill.order_hash,
        "mark_price": booked.mark,
    }


def _ref(booked: Booked, each: BookedFill) -> str:
    """Return what the ledger calls it."""
    if each.is_redemption:
        return f"{booked.row['position_id']}/{each.fill.trade_id.split()[-1]}"
    return f"{each.fill.trade_id}/{each.fill.order_hash}"


def _pair(before: dict[str, Decimal | None], after: dict[str, Decimal | None]) -> dict[str, object]:
    return {
        **{f"{name}_before": figure for name, figure in before.items()},
        **{f"{name}_after": figure for name, figure in after.items()},
    }


def _stored(row: RowMapping) -> dict[str, Decimal | None]:
    named = {**{name: name for name in _FIGURES}, "entry_price": "avg_entry_price"}
    return {name: row[column] for name, column in named.items()}


def _figures(figures: Figures) -> dict[str, Decimal | None]:
    entry = figures.avg_entry_price
    return {
        "size": figures.size,
        "settled_size": figures.settled_size,
        "entry_price": None if entry is None else entry.quantize(MICRO, ROUND_HALF_UP),  # as stored
        "settled_cost": figures.settled_cost,
        "fees": figures.fees,
        "realised_pnl": figures.realised_pnl,
    }
