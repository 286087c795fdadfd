"""A look back in words and as JSON."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from backtest.chance import Interval
from backtest.figures import Day, Figures, Luck, Money, WhaleFigures
from trading.types import MICRO

_CENT = Decimal("0.01")
_MILLIS = timedelta(milliseconds=1)


def as_text(figures: Figures) -> str:
    """Return the report a person reads."""
    return "\n".join(_lines(figures))


def as_json(figures: Figures) -> str:
    """Return the report as one JSON object in one line; money is text, exact."""
    return json.dumps(_object(figures), sort_keys=True)


def dollars(amount: Decimal, *, signed: bool = False) -> str:
    """Return USD to the cent."""
    cents = amount.quantize(_CENT, ROUND_HALF_EVEN) + 0
    sign = "-" if cents < 0 else "+" if signed else ""
    return f"{sign}${abs(cents):,.2f}"


def percent(share: Decimal | None) -> str:
    """Return a share as percent with one decimal."""
    return "none" if share is None else f"{share * 100:.1f} %"


def range_of(found: Interval | None) -> str:
    """Return an interval in dollars."""
    if found is None:
        return "too few to tell"
    low, high = Decimal(str(round(found.low, 2))), Decimal(str(round(found.high, 2)))
    return f"{dollars(low, signed=True)} to {dollars(high, signed=True)}"


def verdict(figures: Figures) -> str:
    """Return the one sentence that matters."""
    luck = figures.luck
    found = [whale.name for whale in figures.whales if whale.luck.has_evidence]
    if not luck.units:
        return "No evidence: nothing was copied."
    whole = "Evidence" if luck.has_evidence else "No evidence"
    skilled = f"evidence for {', '.join(found)}" if found else "no evidence for any single one"
    below = luck.interval is not None and luck.interval.high < 0
    loses = " The 95 % interval lies wholly below zero." if below else ""
    return (
        f"{whole} that copying these whales earns anything after costs "
        f"(p {luck.probability:.3f}); {skilled} of {figures.tested} looked at.{loses}"
    )


def methods(figures: Figures) -> list[str]:
    """Return how the figures came about, and what they assume."""
    plan, luck = figures.plan, figures.luck
    heard_ms, unit = plan.heard_after // _MILLIS, figures.unit
    train = "everything before it" if plan.train is None else duration_of(plan.train)
    return [
        f"scores: each window of {duration_of(plan.window)} knows {train}, nothing later",
        f"delays: a whale's fill is heard {heard_ms} ms after it; an order takes "
        f"{plan.latency.p50_ms} ms (p50) to {plan.latency.p90_ms} ms (p90) more, seed {plan.seed}",
        f"luck: P&L interval by stationary bootstrap over {luck.units} {unit}s, "
        f"{plan.resamples} resamples; p is 1 / the growth of a purse that bets on each {unit}, "
        "valid for few and skewed results",
        f"many whales: Benjamini-Hochberg over {figures.tested} wallets looked at; with such p "
        "it holds however they depend on each other: if none has skill, any is named in 5 % of "
        "cases at most",
        "our fills change later books by nothing but what they took of the one they met; "
        "a payout is cash at once; no order rests, is lost or fails to settle",
        *figures.replayed.origin.notes,
    ]


def duration_of(duration: timedelta) -> str:
    """Return a duration as a person says it."""
    hours = Decimal(duration // timedelta(seconds=36)) / 100
    number, unit = (hours, "hour") if hours < 72 else (hours / 24, "day")
    text = format(number.quantize(Decimal("0.1")).normalize(), "f")
    return f"{text} {unit}" if text == "1" else f"{text} {unit}s"


def _lines(figures: Figures) -> Iterator[str]:
    replayed, money = figures.replayed, figures.money
    yield f"backtest of {replayed.origin.name}"
    begins, ends = replayed.begins_at, replayed.ends_at
    yield f"  {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC, {duration_of(ends - begins)}"
    counts = ", ".join(f"{count} {name}" for name, count in figures.refusals.items())
    yield f"  whale orders   {len(replayed.verdicts)} ({counts or 'none'})"
    yield f"  P&L            {_pnl(money)}"
    yield f"  95 % interval  {range_of(figures.luck.interval)}"
    yield f"  put in         {dollars(money.cost)} in {money.positions} positions"
    yield f"  turnover, fees {dollars(money.turnover)}, {dollars(money.fees)}"
    yield f"  hit rate       {percent(money.hit_rate)}"
    yield f"  max drawdown   {dollars(figures.drawdown)} ({percent(figures.drawdown_share)})"
    yield ""
    yield f"  {'day':<12}{'realised':>14}{'with marks':>14}"
    for day in figures.days:
        realised, change = (dollars(d, signed=True) for d in (day.realised, day.change))
        yield f"  {day.day.isoformat():<12}{realised:>14}{change:>14}"
    yield ""
    yield (
        f"  {'whale':<14}{'orders':>7}{'copied':>7}{'score':>7}{'P&L':>12}{'hit':>8}"
        f"{'p':>7}  {'95 % interval':<26}{'itself':>14}  evidence"
    )
    yield from (_whale_line(whale) for whale in figures.whales)
    yield ""
    yield from (f"  {text}" for text in methods(figures))
    yield ""
    yield verdict(figures)


def _pnl(money: Money) -> str:
    realised, marked = (dollars(m, signed=True) for m in (money.realised, money.marked))
    return (
        f"{dollars(money.pnl, signed=True)} ({percent(money.result)} of what was put in): "
        f"{realised} realised, {marked} marked"
    )


def _whale_line(whale: WhaleFigures) -> str:
    return (
        f"  {whale.name[:13]:<14}{whale.signals:>7}{whale.copied:>7}{whale.quality_score:>7.2f}"
        f"{dollars(whale.money.pnl, signed=True):>12}{percent(whale.money.hit_rate):>8}"
        f"{whale.luck.probability:>7.3f}  {range_of(whale.luck.interval):<26}"
        f"{dollars(whale.own_pnl, signed=True):>14}  {whale.luck.words}"
    )


def _object(figures: Figures) -> dict[str, object]:
    replayed = figures.replayed
    return {
        "history": replayed.origin.name,
        "begins_at": replayed.begins_at.isoformat(),
        "ends_at": replayed.ends_at.isoformat(),
        "seed": figures.plan.seed,
        "bankroll_usd": _exact(figures.plan.bankroll),
        "signals": len(replayed.verdicts),
        "signals_by_end": dict(figures.refusals),
        "wash_trades": replayed.washed,
        "fills": len(replayed.fills),
        **_money_object(figures.money),
        "max_drawdown_usd": _exact(figures.drawdown),
        "max_drawdown_share": str(figures.drawdown_share),
        "luck": _luck_object(figures.luck),
        "luck_by": figures.unit,
        "whales_looked_at": figures.tested,
        "days": [_day_object(day) for day in figures.days],
        "whales": [_whale_object(whale) for whale in figures.whales],
        "methods": methods(figures),
        "verdict": verdict(figures),
    }


def _exact(amount: Decimal) -> str:
    return format(amount.quantize(MICRO, ROUND_HALF_EVEN) + 0, "f")


def _money_object(money: Money) -> dict[str, object]:
    return {
        "positions": money.positions,
        "pnl_usd": _exact(money.pnl),
        "realised_pnl_usd": _exact(money.realised),
        "marked_pnl_usd": _exact(money.marked),
        "cost_usd": _exact(money.cost),
        "turnover_usd": _exact(money.turnover),
        "fees_usd": _exact(money.fees),
        "hit_rate": None if money.hit_rate is None else str(money.hit_rate),
    }


def _luck_object(luck: Luck) -> dict[str, object]:
    found = luck.interval
    return {
        "units": luck.units,
        "pnl_low_usd": None if found is None else round(found.low, 2),
        "pnl_high_usd": None if found is None else round(found.high, 2),
        "p": luck.probability_alone,
        "p_adjusted": luck.probability,
        "has_evidence": luck.has_evidence,
        "words": luck.words,
    }


def _day_object(day: Day) -> dict[str, str]:
    return {
        "day": day.day.isoformat(),
        "realised_pnl_usd": _exact(day.realised),
        "equity_change_usd": _exact(day.change),
    }


def _whale_object(whale: WhaleFigures) -> dict[str, object]:
    return {
        "wallet": whale.wallet,
        "name": whale.name,
        "signals": whale.signals,
        "copied": whale.copied,
        "quality_score": str(whale.quality_score),
        "closed_trades": whale.closed_trades,
        "own_pnl_usd": _exact(whale.own_pnl),
        **_money_object(whale.money),
        "luck": _luck_object(whale.luck),
    }
