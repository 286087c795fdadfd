"""What the page shows of profit and loss: by whale, market and day, and whether it adds up."""

from collections.abc import Sequence

from dashboard.notation import Json, to_json
from storage.view_pnl import DayLine, PnlLine, PnlTotal
from trading.portfolio import Pnl


def view_earnings(
    total: PnlTotal, whales: Sequence[PnlLine], markets: Sequence[PnlLine], days: Sequence[DayLine]
) -> Json:
    """Lay P&L out flat; `gap` is 0 when realised + unrealised is cash + worth - deposits."""
    return {
        "total": _pnl(total.pnl),
        "gain": None if total.gain is None else f"{total.gain:.6f}",
        "gap": to_json(total.gap),
        "whales": [_line(line) for line in whales],
        "markets": [_line(line) for line in markets],
        "days": [
            {
                "key": day.day.isoformat(),
                "label": day.day.isoformat(),
                "positions": day.positions,
                "realised_pnl": to_json(day.realised),
                "equity": to_json(day.equity),
            }
            for day in days
        ],
    }


def _line(line: PnlLine) -> Json:
    return {"key": line.key, "label": line.label, **_pnl(line.pnl)}


def _pnl(pnl: Pnl) -> dict[str, Json]:
    return {
        "positions": pnl.positions,
        "held": pnl.held,
        "cost": to_json(pnl.cost),
        "bid_value": to_json(pnl.worth),
        "fees": to_json(pnl.fees),
        "realised_pnl": to_json(pnl.realised),
        "unrealised_pnl": to_json(pnl.unrealised),
        "pnl": to_json(pnl.total),
    }
