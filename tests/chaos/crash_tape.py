"""Writes a tape of many markets whose books never move; every run takes a market of its own.

All show 0.510 bid and 0.511 asked. The best ask is smaller than an order of ours, what is behind it
is deep, so that a limit of 0.511 is filled in part and a higher one wholly, at two prices.
"""

from decimal import Decimal
from pathlib import Path

from paper.model import MICROS, Dialect, Level
from paper.tape import Snapshot, TapeHeader, TapeMarket
from paper.tape_format import VERSION
from paper.tape_writer import write_tape

START_MS = 1_790_000_000_000
LASTS_MS = 6 * 3_600_000  # entries need an hour to the market's end
TICK = 1_000
BID = 510_000
BEST_ASK_SIZE = 30
LEVELS = 20
LEVEL_SIZE = 20_000
DIALECTS = (Dialect.CLOB_V2, Dialect.PROTOCOL_V2, Dialect.CLOB_V2)


def write_still_tape(path: Path, markets: int) -> Path:
    """Write the tape to `path` and return `path`; it is played at a speed of one."""
    listed = [_market(number) for number in range(markets)]
    write_tape(path, _header(), listed, [], [_book(market.condition_id) for market in listed])
    return path


def _header() -> TapeHeader:
    return TapeHeader(
        name="crash",
        format_version=VERSION,
        attribution="synthetic, made by tests/chaos/crash_tape.py",
        licence="none needed",
        invented=("everything",),
        starts_at=START_MS,
        ends_at=START_MS + LASTS_MS,
    )


def _market(number: int) -> TapeMarket:
    return TapeMarket(
        condition_id=f"0x{number + 1:064x}",
        question=f"Will worker {number} be back?",
        slug=f"crash-{number}",
        event_slug=f"crash-{number}",
        outcomes=("Yes", "No"),
        dialect=DIALECTS[number % 3],
        neg_risk=number % 3 == 2,
        tick_size=TICK,
        min_size=5 * MICROS,
        fee_rate=Decimal("0.07"),
        fee_exponent=1,
        starts_at=START_MS,
        ends_at=START_MS + LASTS_MS,
        resolves_at=START_MS + LASTS_MS,
        payouts=(MICROS, 0),
    )


def _book(condition_id: str) -> Snapshot:
    bids = tuple(Level(BID - i * TICK, LEVEL_SIZE * MICROS) for i in range(LEVELS))
    sizes = (BEST_ASK_SIZE, *[LEVEL_SIZE] * (LEVELS - 1))
    asks = tuple(Level(BID + (i + 1) * TICK, s * MICROS) for i, s in enumerate(sizes))
    return Snapshot(START_MS, condition_id, bids, asks)
