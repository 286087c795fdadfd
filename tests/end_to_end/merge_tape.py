"""Makes a tape of one still market in which one whale buys once; all of it is synthetic."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from paper.model import MICROS, Dialect, Level, Side
from paper.tape import ClosedTrade, Snapshot, TapeHeader, TapeMarket, TapeWallet, WhaleOrder
from paper.tape_format import VERSION
from paper.tape_writer import write_tape

SPEED = 40
LASTS_S = 120  # seconds of the wall clock
BUYS_AT_S = 1
START_MS = 1_790_000_000_000
WHALE = "0x" + "1" * 40
BOUGHT = 2_500
_MARKET = "0x" + "b1" * 32
_CENT = 10_000
_DAY_MS = 86_400_000
_PAST = 150


def write_merge_tape(path: Path) -> Path:
    """Write the tape to `path` and return `path`."""
    market = _market()
    bids = tuple(Level((51 - i) * _CENT, 20_000 * MICROS) for i in range(20))
    asks = tuple(Level((52 + i) * _CENT, 20_000 * MICROS) for i in range(20))
    snapshot = Snapshot(START_MS, _MARKET, bids, asks)
    write_tape(path, _header(), [market], [_whale()], [snapshot, _purchase()])
    return path


def _wall_ms(second: int) -> int:
    return START_MS + second * SPEED * 1000


def _header() -> TapeHeader:
    return TapeHeader(
        name="merge",
        format_version=VERSION,
        attribution="synthetic, made by tests/end_to_end/merge_tape.py",
        licence="none needed",
        invented=("everything",),
        starts_at=START_MS,
        ends_at=_wall_ms(LASTS_S + 1),
    )


def _market() -> TapeMarket:
    return TapeMarket(
        condition_id=_MARKET,
        question="Will the whale merge?",
        slug="will-the-whale-merge",
        event_slug="will-the-whale-merge",
        outcomes=("Yes", "No"),
        dialect=Dialect.CLOB_V2,
        neg_risk=False,
        tick_size=_CENT,
        min_size=5 * MICROS,
        fee_rate=Decimal("0.07"),
        fee_exponent=1,
        starts_at=START_MS,
        ends_at=_wall_ms(LASTS_S),
        resolves_at=_wall_ms(LASTS_S),
        payouts=(MICROS, 0),
    )


def _whale() -> TapeWallet:
    past = ClosedTrade(START_MS, START_MS, "tech", 2_000 * MICROS, 0)
    history = tuple(
        replace(
            past,
            opened_at=START_MS - (_PAST + 1 - i) * _DAY_MS,
            closed_at=START_MS - (_PAST - i) * _DAY_MS,
            category=("crypto", "sports", "politics", "economics", "culture", "tech")[i % 6],
            pnl=(900 if i * 7 % 10 < 8 else -1_000) * MICROS,
        )
        for i in range(_PAST)
    )
    return TapeWallet(WHALE, "merging-whale", "skilful", history)


def _purchase() -> WhaleOrder:
    return WhaleOrder(
        at=_wall_ms(BUYS_AT_S),
        number=1,
        wallet=WHALE,
        condition_id=_MARKET,
        outcome_index=0,
        side=Side.BUY,
        is_maker=False,
        fills=(Level(52 * _CENT, BOUGHT * MICROS),),
    )
