"""What a position's owner shows of it in the Temporal UI: one line for each thing a person asks."""

from decimal import Decimal

from storage.exit_port import Hold
from storage.port import PositionRecord
from trading.types import ZERO, Market, PositionState, Price, Usd


def pnl_of(record: PositionRecord) -> Usd:
    """Return realised and, at the mark, unrealised P&L; a position without a mark is at cost."""
    entry = record.avg_entry_price or Price(ZERO)
    mark = entry if record.mark_price is None else record.mark_price
    return Usd(record.realised_pnl + record.size * (mark - entry))


def describe_position(record: PositionRecord, market: Market, hold: Hold | None) -> str:
    """Return the position for a person: what is held, what it is worth, when it goes, who holds it.

    A token is bought and then sold; there are no shorts, so that its side is always BUY.
    """
    outcome = market.outcome_of(record.token_id)
    lines = [
        f"{record.state} BUY {plain(record.size)} {outcome} '{market.question}'",
        f"settled {plain(record.settled_size)}, "
        f"provisional {plain(record.size - record.settled_size)}",
        f"entry {_price(record.avg_entry_price)}, bid {_price(record.mark_price)}, "
        f"P&L ${pnl_of(record):+.2f}, realised ${record.realised_pnl:+.2f}",
        f"stop {_price(record.stop_loss_price)}, target {_price(record.take_profit_price)}, "
        f"trailing {_trailing(record)}",
        _exit(record, market),
        "held by nobody" if hold is None else f"held by {hold.who}: {hold.why}",
    ]
    return "\n\n".join(lines)  # two: the UI reads Markdown


def plain(number: Decimal) -> str:
    """Return a number without the zeros that a record ends with."""
    return f"{number.normalize():f}"


def _exit(record: PositionRecord, market: Market) -> str:
    if ZERO < record.size < market.min_size and not record.state.is_over:
        return f"too small for an order of {plain(market.min_size)}: redeemed with its market"
    if record.state is PositionState.EXITING:
        return f"exit {record.exit_epoch} runs"
    return f"no exit runs, {record.exit_epoch} ended" if record.exit_epoch else "no exit yet"


def _trailing(record: PositionRecord) -> str:
    if record.is_trailing_off:
        return "off"
    armed = record.trailing_stop_price
    return "not armed" if armed is None else _price(armed)


def _price(price: Decimal | None) -> str:
    return "off" if price is None else f"{price:.4f}"
