"""A look back as one self-contained page: curves, bars and tables, no script, nothing fetched."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from html import escape

from backtest.charts import Axis, Bar, Line, bars, curve
from backtest.figures import Figures, WhaleFigures
from backtest.records import EquityPoint
from backtest.report import dollars, duration_of, methods, percent, range_of, verdict

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2733;--soft:#5d6b7a;--line:#d9dfe6;--back:#fff;
--gain:#1a7f5a;--loss:#c0392b;--curve:#1f6feb;--card:#f5f7fa}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa7b4;--line:#30363d;
--back:#0d1117;--gain:#3fb68b;--loss:#f0776b;--curve:#6aa8ff;--card:#161b22}}
*{box-sizing:border-box}body{margin:0 auto;max-width:60rem;padding:1rem;background:var(--back);
color:var(--ink);font:16px/1.5 system-ui,sans-serif}h1{font-size:1.4rem;margin:.2rem 0}
h2{font-size:1.05rem;margin:1.6rem 0 .4rem}p,li{margin:.3rem 0}.soft{color:var(--soft)}
.verdict{padding:.8rem 1rem;border-left:4px solid var(--curve);background:var(--card)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem;margin:1rem 0}
dl div{background:var(--card);padding:.5rem .7rem}dt{color:var(--soft);font-size:.85rem}
dd{margin:0;font-weight:600;font-variant-numeric:tabular-nums}svg{width:100%;height:auto;
display:block}svg text{fill:var(--soft);font:12px system-ui,sans-serif}
svg .end{text-anchor:end}svg polyline{fill:none;stroke:var(--curve);stroke-width:1.6}
svg polygon.fall{fill:var(--loss);fill-opacity:.35;stroke:var(--loss)}
svg .grid{stroke:var(--line)}svg .zero{stroke:var(--soft)}svg .gain{fill:var(--gain)}
svg .loss{fill:var(--loss)}svg .whisker{fill:none;stroke:var(--ink);stroke-width:1.3}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;
font-variant-numeric:tabular-nums}th,td{text-align:right;padding:.25rem .6rem;
border-bottom:1px solid var(--line);white-space:nowrap}th:first-child,td:first-child,
th:last-child:nth-child(n+5),td:last-child:nth-child(n+5){text-align:left}
@media(max-width:40rem){svg text{font-size:19px}}
"""


def as_page(figures: Figures) -> str:
    """Return the page. Names come from outside and are shown as text, never as markup."""
    replayed = figures.replayed
    title = escape(f"Backtest of {replayed.origin.name}")
    when = f"{_time(replayed.begins_at)} to {_time(replayed.ends_at)} UTC"
    span = duration_of(replayed.ends_at - replayed.begins_at)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main>",
        f'<h1>{title}</h1><p class="soft">{when}, {span}; seed {figures.plan.seed}</p>',
        f'<p class="verdict">{escape(verdict(figures))}</p>',
        _cards(figures),
        _curves(figures),
        _whales(figures.whales),
        _days(figures),
        "<h2>What became of the whale orders</h2>",
        _table(("end", "number"), _refusals(figures)),
        "<h2>How this was reckoned</h2><ul>",
        *(f"<li>{escape(text)}</li>" for text in methods(figures)),
        "</ul></main></body></html>\n",
    ]
    return "\n".join(parts)


def _cards(figures: Figures) -> str:
    money = figures.money
    found = (
        ("P&L", dollars(money.pnl, signed=True)),
        ("realised", dollars(money.realised, signed=True)),
        ("still held, marked", dollars(money.marked, signed=True)),
        ("95 % interval", range_of(figures.luck.interval)),
        ("of what was put in", percent(money.result)),
        ("positions", str(money.positions)),
        ("hit rate", percent(money.hit_rate)),
        ("max drawdown", f"{dollars(figures.drawdown)} ({percent(figures.drawdown_share)})"),
        ("turnover", dollars(money.turnover)),
        ("fees", dollars(money.fees)),
    )
    rows = (f"<div><dt>{escape(n)}</dt><dd>{escape(text)}</dd></div>" for n, text in found)
    return f"<dl>{''.join(rows)}</dl>"


def _curves(figures: Figures) -> str:
    points = figures.replayed.equity
    begins, ends = figures.replayed.begins_at, figures.replayed.ends_at
    worth = [(_share(p.at, begins, ends), float(p.equity)) for p in points if p.at >= begins]
    worth = [(0.0, float(figures.plan.bankroll)), *worth]
    worth.append((1.0, worth[-1][1]))
    falls = _falls(points, begins, ends, figures.plan.bankroll)
    low, high = min(y for _, y in worth), max(y for _, y in worth)
    room = max((high - low) * 0.05, 0.5)
    first, last = _time(begins), _time(ends)
    levels = tuple(
        (y, f"${y:,.0f}" if high - low > 20 else f"${y:,.2f}") for y in _steps(low, high)
    )
    deepest = min([y for _, y in falls] + [-0.001])
    marks = tuple((y, f"{y * 100:.2f} %") for y in (0.0, deepest))
    return (
        "<h2>Equity</h2>"
        + curve(
            "Equity", Line(worth, "equity"), Axis(low - room, high + room, levels, first, last), 240
        )
        + "<h2>Drawdown</h2>"
        + curve(
            "Drawdown",
            Line(falls, "fall", is_area=True),
            Axis(deepest, 0.0, marks, first, last),
            130,
        )
    )


def _steps(low: float, high: float) -> list[float]:
    return [low] if high == low else [low, (low + high) / 2, high]


def _falls(
    points: Sequence[EquityPoint], begins: datetime, ends: datetime, bankroll: Decimal
) -> list[tuple[float, float]]:
    peak, falls = bankroll, [(0.0, 0.0)]
    for point in points:
        peak = max(peak, point.equity)
        if point.at >= begins:
            falls.append((_share(point.at, begins, ends), float((point.equity - peak) / peak)))
    return [*falls, (1.0, falls[-1][1])]


def _whales(whales: Sequence[WhaleFigures]) -> str:
    drawn = [
        Bar(
            label=whale.name,
            amount=whale.money.pnl,
            text=dollars(whale.money.pnl, signed=True),
            low=None if whale.luck.interval is None else whale.luck.interval.low,
            high=None if whale.luck.interval is None else whale.luck.interval.high,
        )
        for whale in whales
        if whale.money.positions
    ]
    money = ("P&L", "95 % interval", "hit rate", "p", "p corrected", "its own P&L", "evidence")
    heads = ("whale", "orders", "copied", "score", *money)
    rows = (
        (
            whale.name,
            str(whale.signals),
            str(whale.copied),
            f"{whale.quality_score:.2f}",
            dollars(whale.money.pnl, signed=True),
            range_of(whale.luck.interval),
            percent(whale.money.hit_rate),
            f"{whale.luck.probability_alone:.3f}",
            f"{whale.luck.probability:.3f}",
            dollars(whale.own_pnl, signed=True),
            whale.luck.words,
        )
        for whale in whales
    )
    chart = bars("P&L of copying each whale", drawn) if drawn else "<p>Nothing was copied.</p>"
    return f"<h2>P&amp;L of copying each whale</h2>{chart}{_table(heads, rows)}"


def _days(figures: Figures) -> str:
    rows = (
        (day.day.isoformat(), dollars(day.realised, signed=True), dollars(day.change, signed=True))
        for day in figures.days
    )
    return "<h2>Days</h2>" + _table(("day", "realised", "with marks"), rows)


def _refusals(figures: Figures) -> Iterable[tuple[str, ...]]:
    return ((name, str(count)) for name, count in figures.refusals.items())


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _share(at: datetime, begins: datetime, ends: datetime) -> float:
    return (at - begins) / (ends - begins) if ends > begins else 0.0


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")
