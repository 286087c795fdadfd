"""How the equity curve is written: its figures, its points, and a line of blocks for a terminal."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from answers import iso, number, usd
from trading.portfolio import EquityPoint, measure_curve

BLOCKS = "▁▂▃▄▅▆▇█"


def curve_json(points: Sequence[EquityPoint]) -> Mapping[str, object]:
    """Write a curve for programs: points oldest first, shares as decimal text."""
    found = measure_curve(points)
    return {
        "gain": None if found is None or found.gain is None else f"{found.gain:.6f}",
        "drawdown": None if found is None else f"{found.drawdown:.6f}",
        "drawdown_worst": None if found is None else f"{found.drawdown_worst:.6f}",
        "equity_low": None if found is None else number(found.equity_low),
        "equity_high": None if found is None else number(found.equity_high),
        "points": [
            {"at": iso(point.at), "equity": number(point.equity), "pnl": number(point.pnl)}
            for point in points
        ],
    }


def curve_text(points: Sequence[EquityPoint]) -> str:
    """Write a curve for people, on one line."""
    found = measure_curve(points)
    if found is None:
        return "no sample yet"
    span = f"{usd(found.equity_low)} to {usd(found.equity_high)}"
    return f"{spark(points)} {span}, worst drawdown {found.drawdown_worst:.2%}"


def spark(points: Sequence[EquityPoint]) -> str:
    """Draw P&L, which deposits do not move, as one block for each point."""
    figures = [point.pnl for point in points]
    low, room = min(figures), max(figures) - min(figures)
    return "".join(BLOCKS[_height(figure - low, room)] for figure in figures)


def _height(over: Decimal, room: Decimal) -> int:
    return 0 if room == 0 else int(over * (len(BLOCKS) - 1) / room)
