"""How answers from the records are written: tables for people, plain values for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from storage.views import (
    OrderRow,
    PositionRow,
    TokenLabel,
    TradeDetail,
    TradeRow,
    WhaleLabel,
)

ID_SHOWN = 12
WORDS_SHOWN = 48

Json = Mapping[str, object] | Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, for programs and for people."""

    found: Json
    text: str

    def as_json(self) -> Json:
        """Return the answer as one JSON value; money as decimal text, times as ISO 8601."""
        return self.found

    def as_text(self) -> str:
        """Return the answer as lines for a terminal."""
        return self.text


def answer_positions(rows: Sequence[PositionRow], now: datetime) -> Answer:
    """Write the open positions, with what each is worth now and how old that price is."""
    header = ("STATE", "SIZE", "ENTRY", "MARK", "AGE", "P&L", "STOP", "TARGET", "WHALE", "OUTCOME")
    lines = [
        (
            row.record.state.value,
            short(row.record.size),
            short(row.record.avg_entry_price),
            short(row.mark_price),
            _age(row.record.marked_at, now),
            usd(row.unrealised_pnl),
            short(row.record.stop_loss_price),
            short(row.record.take_profit_price),
            _name_of(row.whale),
            label(row.token),
        )
        for row in rows
    ]
    return Answer([_position(row) for row in rows], table(header, lines, "no open positions"))


def _age(marked_at: datetime | None, now: datetime) -> str:
    return (
        "-" if marked_at is None else f"{max(now - marked_at, timedelta(0)).total_seconds():.0f} s"
    )


def _position(row: PositionRow) -> Mapping[str, object]:
    record = row.record
    return {
        "position_id": record.position_id,
        "state": record.state.value,
        "question": row.token.question,
        "outcome": row.token.outcome,
        "token_id": record.token_id,
        "condition_id": record.condition_id,
        "whale": record.whale,
        "whale_is_invented": row.whale.is_invented,
        "size": number(record.size),
        "settled_size": number(record.settled_size),
        "avg_entry_price": number(record.avg_entry_price),
        "settled_cost": number(row.settled_cost),
        "mark_price": number(row.mark_price),
        "payout": number(row.payout),
        "bid_value": number(row.bid_value),
        "marked_at": iso(record.marked_at),
        "exposure": number(record.exposure),
        "fees": number(record.fees),
        "realised_pnl": number(record.realised_pnl),
        "unrealised_pnl": number(row.unrealised_pnl),
        "stop_loss_price": number(record.stop_loss_price),
        "take_profit_price": number(record.take_profit_price),
        "trailing_stop_price": number(record.trailing_stop_price),
        "opened_at": iso(record.opened_at),
    }


def answer_trades(rows: Sequence[TradeRow]) -> Answer:
    """Write the newest signals and what became of them."""
    header = ("AT", "SIGNAL", "SIDE", "NOTIONAL", "STATE", "WHY / FILLED", "WHALE", "OUTCOME")
    lines = [
        (
            f"{row.stored.committed_at:%m-%d %H:%M:%S}",
            row.stored.signal.signal_id[:ID_SHOWN],
            row.stored.signal.side.value,
            usd(row.stored.signal.notional),
            row.stored.state.value,
            _end_of(row),
            _name_of(row.whale),
            label(row.token),
        )
        for row in rows
    ]
    return Answer([_trade(row) for row in rows], table(header, lines, "no signals yet"))


def _end_of(row: TradeRow) -> str:
    if row.stored.refusal is not None:
        return row.stored.refusal.reason.value
    if row.avg_fill_price is None:
        return ""
    return f"{short(row.filled_size)} @ {short(row.avg_fill_price)}"


def _trade(row: TradeRow) -> Mapping[str, object]:
    signal, refusal = row.stored.signal, row.stored.refusal
    return {
        "signal_id": signal.signal_id,
        "whale": signal.wallet,
        "whale_is_invented": row.whale.is_invented,
        "question": row.token.question,
        "outcome": row.token.outcome,
        "token_id": signal.token_id,
        "side": signal.side.value,
        "size": number(signal.size),
        "price": number(signal.price),
        "notional": number(signal.notional),
        "fill_count": signal.fill_count,
        "traded_at": iso(signal.traded_at),
        "committed_at": iso(row.stored.committed_at),
        "finished_at": iso(row.finished_at),
        "state": row.stored.state.value,
        "reason": None if refusal is None else refusal.reason.value,
        "numbers": {} if refusal is None else dict(refusal.numbers),
        "filled_size": number(row.filled_size),
        "avg_fill_price": number(row.avg_fill_price),
        "fees": number(row.fees),
        "latency_ms": number(row.latency_ms),
        "position_id": row.position_id,
        "replays_signal_id": row.stored.replays,
    }


def answer_why(detail: TradeDetail) -> Answer:
    """Write everything that is recorded of one signal, in the order in which it happened."""
    trade = detail.trade
    signal = trade.stored.signal
    lines = [
        f"signal    {signal.signal_id}",
        f"whale     {_name_of(trade.whale)} {signal.wallet}",
        f"order     {signal.side} {short(signal.size)} @ {short(signal.price)} = "
        f"{usd(signal.notional)} in {signal.fill_count} fills",
        f"outcome   {label(trade.token)}",
        f"state     {trade.stored.state} {_end_of(trade)}".rstrip(),
    ]
    if trade.stored.replays is not None:
        lines.append(f"replays   {trade.stored.replays}")
    for step in detail.steps:
        lines += ["", f"{step.step} at {step.decided_at:%H:%M:%S.%f} UTC"]
        lines += [f"  {plain(name):26} {plain(figure)}" for name, figure in step.numbers.items()]
    for order in detail.orders:
        filled = f"filled {short(order.filled_size)}, sent {order.posts} times"
        terms = f"{order.side} {short(order.size)} @ {short(order.price)}"
        lines += ["", f"order {order.order_id}", f"  {terms} {order.state}, {filled}"]
        lines += [f"  {plain(order.error)}"] if order.error else []
    events = [f"{event.at:%H:%M:%S} {event.type}: {plain(event.title)}" for event in detail.events]
    steps = [
        {"step": s.step, "decided_at": iso(s.decided_at), "numbers": dict(s.numbers)}
        for s in detail.steps
    ]
    found = {**_trade(trade), "steps": steps, "orders": [_order(o) for o in detail.orders]}
    return Answer(found, "\n".join([*lines, *([""] if events else []), *events]))


def _order(order: OrderRow) -> Mapping[str, object]:
    return {
        "order_hash": order.order_id,
        "attempt": order.attempt,
        "side": order.side.value,
        "price": number(order.price),
        "size": number(order.size),
        "filled_size": number(order.filled_size),
        "avg_fill_price": number(order.avg_fill_price),
        "state": order.state.value,
        "posts": order.posts,
        "error": order.error,
    }


def table(header: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> str:
    """Align columns; those of figures to the right."""
    if not rows:
        return nothing
    widths = [max(len(row[n]) for row in (header, *rows)) for n in range(len(header))]
    is_figure = [all(_is_figure(row[n]) for row in rows) for n in range(len(header))]
    lines = []
    for row in (header, *rows):
        cells = zip(row, widths, is_figure, strict=True)
        padded = [c.rjust(w) if right else c.ljust(w) for c, w, right in cells]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def _is_figure(cell: str) -> bool:
    return not cell.strip("-+$%.,0123456789")


def counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in sorted(counts.items())) or "none"


def _name_of(whale: WhaleLabel) -> str:
    name = whale.pseudonym or f"{whale.wallet[:6]}…{whale.wallet[-4:]}"
    return plain(name) + (" (invented)" if whale.is_invented else "")


def label(token: TokenLabel) -> str:
    """Write what a token is a bet on, not too long."""
    if token.question is None:
        return f"token {token.token_id[:ID_SHOWN]}…"
    words = plain(f"{token.outcome or '?'} '{token.question}'")
    return words if len(words) <= WORDS_SHOWN else words[: WORDS_SHOWN - 1] + "…"


def plain(words: str) -> str:
    """Leave out what could move a terminal's cursor: the venue or a stranger wrote it."""
    return "".join(letter for letter in words if letter.isprintable())


def number(figure: Decimal | None) -> str | None:
    """Write a figure in full, without exponent and trailing zeros."""
    return None if figure is None else short(figure)


def short(figure: Decimal | None) -> str:
    """Write a figure without trailing zeros, a dash for none."""
    if figure is None:
        return "-"
    text = f"{figure:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def usd(figure: Decimal | None) -> str:
    """Write dollars and cents, a dash for none."""
    if figure is None:
        return "-"
    sign = "-" if figure < 0 else ""
    return f"{sign}${abs(figure):,.2f}"


def iso(at: datetime | None) -> str | None:
    """Write a time for programs."""
    return None if at is None else at.isoformat()
