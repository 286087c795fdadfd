"""Tells the invented past of a tape's wallets: their closed trades, and what came of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from paper.data_rows import Row, profile
from paper.derive import hash_text
from paper.model import MICROS
from paper.names import invented_name
from paper.notation import iso_time, json_number
from paper.tape import ClosedTrade, TapeWallet

ENTRY_PRICE = MICROS // 2  # a closed trade's price was not invented; one half stands for it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one exit brought at a time; amounts in micros, `volume` in shares."""

    at: int
    pnl: int
    volume: int
    notional: int


def shifted(wallet: TapeWallet, later_ms: int) -> TapeWallet:
    """Move a past in time; it is recorded as of the tape's beginning."""
    history = tuple(
        replace(trade, opened_at=trade.opened_at + later_ms, closed_at=trade.closed_at + later_ms)
        for trade in wallet.history
    )
    return replace(wallet, history=history)


def outcomes(history: Iterable[ClosedTrade]) -> list[Outcome]:
    """Return a past as outcomes."""
    return [
        Outcome(trade.closed_at, trade.pnl, _shares(trade), trade.notional) for trade in history
    ]


def _shares(trade: ClosedTrade) -> int:
    return trade.notional * MICROS // ENTRY_PRICE


def closed_position_rows(wallet: TapeWallet) -> Sequence[Row]:
    """Write a wallet's past as closed positions in markets that never were."""
    return [_closed_row(wallet, number, trade) for number, trade in enumerate(wallet.history, 1)]


def _closed_row(wallet: TapeWallet, number: int, trade: ClosedTrade) -> Row:
    condition_id = hash_text("past", wallet.address, number)
    title = f"Invented past trade {number} of {invented_name(wallet.name)} ({trade.category})"
    spent, earned = json_number(trade.notional), json_number(trade.pnl)
    percent = json_number(100 * MICROS * trade.pnl // trade.notional) if trade.notional else 0
    return {
        "proxy_wallet": wallet.address,
        "token_id": str(int(condition_id, 16)),
        "condition_id": condition_id,
        "title": title,
        "slug": f"invented-past-{condition_id[2:10]}",
        "event_slug": f"invented-past-{condition_id[2:10]}",
        "category": trade.category,
        "icon": "",
        "outcome": "Yes",
        "outcome_index": 0,
        "opposite_outcome": "No",
        "status": "CLOSED",
        "current_size": 0,
        "total_size": json_number(_shares(trade)),
        "avg_price": json_number(ENTRY_PRICE),
        "entry_cost_usdc": spent,
        "entry_fees_usdc": 0,
        "total_cost_usdc": spent,
        "current_price": 0,
        "current_value": 0,
        "realized_pnl": earned,
        "unrealized_pnl": 0,
        "total_pnl": earned,
        "percent_pnl": percent,
        "percent_realized_pnl": percent,
        "redeemable": False,
        "mergeable": False,
        "negative_risk": False,
        "archived": False,
        "verified": False,
        "end_date": iso_time(trade.closed_at)[:10],
        "first_entry_at": trade.opened_at // 1000,
        "last_event_at": trade.closed_at // 1000,
        **profile(invented_name(wallet.name), is_invented=True),
    }
