"""How the state of everything is written: money and its curve, limits, and a day's signals."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from answers import Answer, counts, iso, number, plain, usd
from curve import curve_json, curve_text
from storage.views import Overview, RiskFigures
from trading.breakers import entries_halt, for_all
from trading.portfolio import EquityPoint
from trading.rules import RiskRules
from trading.types import ZERO


def answer_status(
    overview: Overview,
    figures: RiskFigures,
    rules: RiskRules,
    now: datetime,
    curve: Sequence[EquityPoint] = (),
) -> Answer:
    """Write what is held, what the limits allow, and how the signals of a day ended."""
    stops = entries_halt(replace(for_all(figures.standing), halt=""), now, rules)
    used = next((use.used for use in figures.uses if use.scope == "WALLET"), ZERO)
    found = {
        "wallet": overview.wallet,
        "money": _money(overview),
        "drawdown": number(overview.money.drawdown),
        "positions_open": overview.positions_open,
        "orders_in_flight": overview.orders_in_flight,
        "reviews_open": overview.reviews_open,
        "whales_followed": len(overview.whales),
        "signals_since": overview.tally.since.isoformat(),
        "signals": {state.value: n for state, n in overview.tally.states.items()},
        "refused": dict(overview.tally.refusals),
        "exposure": {"used": number(used), "cap": number(rules.wallet_max)},
        "losses_in_row": figures.losses_in_row,
        "paused_until": iso(figures.paused_until),
        "equity_curve": curve_json(curve),
        "halts": [f"{halt.scope} {halt.key}: {halt.reason}" for halt in figures.halts],
        "stops": stops,
    }
    money = overview.money
    lines = {
        "wallet": overview.wallet or "none yet",
        "cash": f"{usd(money.cash)} ({usd(money.available)} available)",
        "held": f"{overview.positions_open} positions, {usd(money.bid_value)} at the bid",
        "worth": f"{usd(money.equity)}, drawdown {money.drawdown:.2%}",
        "last day": curve_text(curve),
        "P&L": f"{usd(money.realised_pnl)} realised, {usd(money.unrealised_pnl)} unrealised",
        "P&L today": usd(money.pnl_today),
        "exposure": f"{usd(used)} of {usd(rules.wallet_max)}",
        "orders in flight": str(overview.orders_in_flight),
        "losses in a row": f"{figures.losses_in_row} of {rules.losses_in_row_max}",
        "whales followed": str(len(overview.whales)),
        "signals of a day": counts({s.value: n for s, n in overview.tally.states.items()}),
        "refused": counts(overview.tally.refusals),
        "entries": _entries(figures, stops),
        "to review": _to_review(overview.reviews_open),
    }
    return Answer(found, "\n".join(f"{name:18}{plain(words)}" for name, words in lines.items()))


def _to_review(open_: int) -> str:
    return f"{open_}: see `whalecopy review list`" if open_ else "nothing"


def _money(overview: Overview) -> Mapping[str, str | None]:
    money = overview.money
    figures = {
        "cash": money.cash,
        "available": money.available,
        "bid_value": money.bid_value,
        "equity": money.equity,
        "realised_pnl": money.realised_pnl,
        "unrealised_pnl": money.unrealised_pnl,
        "fees": money.fees,
        "pnl_today": money.pnl_today,
        "deposits": money.deposits,
    }
    return {name: number(figure) for name, figure in figures.items()}


def _entries(figures: RiskFigures, stops: str) -> str:
    reasons = [f"{halt.scope} {halt.key}: {halt.reason}" for halt in figures.halts]
    reasons += [stops] if stops else []
    if figures.paused_until is not None:
        reasons.append(f"paused until {figures.paused_until:%m-%d %H:%M:%S} UTC")
    return "; ".join(reasons) or "allowed"
