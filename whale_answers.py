"""How whales are written, with what they earned us: a table for people, values for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from answers import Answer, number, plain, table, usd
from pnl_answers import pnl_json
from storage.port import WhaleRecord
from trading.portfolio import Pnl


@dataclass(frozen=True, slots=True)
class WhaleRow:
    """A followed wallet, what following it earned, and how many positions hold something."""

    record: WhaleRecord
    pnl: Pnl
    active_positions: int


def answer_whales(rows: Sequence[WhaleRow]) -> Answer:
    """Write the followed wallets, the best first."""
    best_first = sorted(
        rows, key=lambda r: (-r.record.standing.quality_score, r.record.standing.wallet)
    )
    header = ("WHALE", "QUALITY", "WIN RATE", "CLOSED", "VOLUME", "OURS", "OUR P&L", "WALLET")
    lines = [_line(row) for row in best_first]
    found = [_whale(row) for row in best_first]
    return Answer(found, table(header, lines, "no whale is followed"))


def _line(row: WhaleRow) -> tuple[str, ...]:
    record, standing = row.record, row.record.standing
    return (
        plain(record.pseudonym) + (" (invented)" if record.is_invented else ""),
        f"{standing.quality_score:.3f}",
        f"{standing.win_rate:.1%}",
        str(standing.closed_trades),
        usd(record.total_volume),
        str(row.active_positions),
        usd(row.pnl.total),
        standing.wallet + (" paused" if standing.is_paused else ""),
    )


def _whale(row: WhaleRow) -> Mapping[str, object]:
    record, standing = row.record, row.record.standing
    return {
        "wallet": standing.wallet,
        "pseudonym": record.pseudonym,
        "is_invented": record.is_invented,
        "is_paused": standing.is_paused,
        "quality_score": number(standing.quality_score),
        "win_rate": number(standing.win_rate),
        "closed_trades": standing.closed_trades,
        "total_trades": record.total_trades,
        "total_volume": number(record.total_volume),
        "roi": number(record.roi),
        "sharpe_ratio": number(record.sharpe_ratio),
        "max_drawdown": number(record.max_drawdown),
        "profit_factor": number(record.profit_factor),
        "rank": record.rank,
        "active_positions": row.active_positions,
        "ours": pnl_json(row.pnl),
    }
