"""How P&L is written: tables that end with what they add up to, and values for programs."""

from collections.abc import Mapping, Sequence

from answers import Answer, iso, number, plain, short, table, usd
from storage.view_pnl import DayLine, PnlBy, PnlLine, PnlTotal, PositionLine
from trading.portfolio import Pnl

NAME_SHOWN = 40
_KEYS = {PnlBy.WHALE: ("whale", "name"), PnlBy.MARKET: ("condition_id", "question")}


def answer_groups(total: PnlTotal, by: PnlBy, lines: Sequence[PnlLine]) -> Answer:
    """Write P&L by whale or market, the best first."""
    key, name = _KEYS[by]
    header = (by.upper(), "POSITIONS", "HELD", "COST", "WORTH", "FEES", "REALISED", "OPEN", "P&L")
    rows = [
        (_cut(line.label), str(line.pnl.positions), str(line.pnl.held), *_figures(line.pnl))
        for line in lines
    ]
    found = [{key: line.key, name: line.label, **pnl_json(line.pnl)} for line in lines]
    return _answer(total, by, found, table(header, rows, "nothing was traded"))


def answer_positions_pnl(total: PnlTotal, lines: Sequence[PositionLine]) -> Answer:
    """Write P&L by position, the newest first."""
    header = ("STATE", "SIZE", "COST", "WORTH", "FEES", "REALISED", "OPEN", "P&L", "OUTCOME")
    rows = [
        (
            line.state,
            short(line.pnl.size),
            usd(line.pnl.cost),
            usd(line.pnl.worth),
            usd(line.pnl.fees),
            usd(line.pnl.realised),
            usd(line.pnl.unrealised),
            usd(line.pnl.realised + line.pnl.unrealised),
            _cut(line.label),
        )
        for line in lines
    ]
    found = [_position_json(line) for line in lines]
    return _answer(total, PnlBy.POSITION, found, table(header, rows, "nothing was traded"))


def answer_days(total: PnlTotal, lines: Sequence[DayLine]) -> Answer:
    """Write what each UTC day realised, the newest first."""
    rows = [
        (line.day.isoformat(), str(line.positions), usd(line.realised), usd(line.equity))
        for line in lines
    ]
    found = [
        {
            "day": line.day.isoformat(),
            "positions": line.positions,
            "realised_pnl": number(line.realised),
            "equity": number(line.equity),
        }
        for line in lines
    ]
    header = ("UTC DAY", "POSITIONS", "REALISED", "EQUITY AT ITS END")
    return _answer(total, PnlBy.DAY, found, table(header, rows, "nothing was realised"))


def pnl_json(pnl: Pnl) -> Mapping[str, object]:
    """Write some positions' P&L for programs, under the names that all answers use."""
    return {
        "positions": pnl.positions,
        "held": pnl.held,
        "cost": number(pnl.cost),
        "bid_value": number(pnl.worth),
        "fees": number(pnl.fees),
        "realised_pnl": number(pnl.realised),
        "unrealised_pnl": number(pnl.unrealised),
        "pnl": number(pnl.total),
    }


def _position_json(line: PositionLine) -> Mapping[str, object]:
    pnl = line.pnl
    return {
        "position_id": pnl.position_id,
        "label": line.label,
        "whale": pnl.whale,
        "condition_id": pnl.condition_id,
        "state": line.state,
        "settled_size": number(pnl.size),
        "mark_price": number(pnl.mark),
        "cost": number(pnl.cost),
        "bid_value": number(pnl.worth),
        "fees": number(pnl.fees),
        "realised_pnl": number(pnl.realised),
        "unrealised_pnl": number(pnl.unrealised),
        "pnl": number(pnl.realised + pnl.unrealised),
        "opened_at": iso(line.opened_at),
        "closed_at": iso(line.closed_at),
    }


def _answer(
    total: PnlTotal, by: PnlBy, lines: Sequence[Mapping[str, object]], written: str
) -> Answer:
    account, pnl = total.account, total.pnl
    found = {
        "wallet": total.wallet,
        "by": by.value,
        "cash": number(account.cash),
        "deposits": number(account.deposits),
        "equity": number(account.equity),
        "gain": None if total.gain is None else f"{total.gain:.6f}",
        "gap": number(total.gap),
        "total": pnl_json(pnl),
        "lines": list(lines),
    }
    gain = "" if total.gain is None else f", {total.gain:+.2%} of what was deposited"
    split = f"{usd(pnl.realised)} realised, {usd(pnl.unrealised)} unrealised"
    worth = f"{usd(account.cash)} cash + {usd(pnl.worth)} held - {usd(account.deposits)} deposited"
    sums = "it adds up" if total.gap == 0 else f"DIFFERS BY {usd(total.gap)}"
    foot = [f"P&L {usd(pnl.total)}: {split}{gain}", f"  = {worth}: {sums}"]
    return Answer(found, "\n".join([written, "", *foot]))


def _figures(pnl: Pnl) -> tuple[str, ...]:
    figures = (pnl.cost, pnl.worth, pnl.fees, pnl.realised, pnl.unrealised, pnl.total)
    return tuple(usd(figure) for figure in figures)


def _cut(label: str) -> str:
    words = plain(label)
    return words if len(words) <= NAME_SHOWN else words[: NAME_SHOWN - 1] + "…"
