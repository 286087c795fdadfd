"""Makes a tape of deep, still books with orders that are worth copying; all of it is synthetic.

Played at `SPEED`, its three markets last `LASTS_S` seconds of the wall clock. Every book shows the
first outcome at 0.51 bid and 0.52 asked, so that what a whale paid is still there for a copier.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from paper.model import MICROS, Dialect, Level, Side
from paper.tape import (
    ClosedTrade,
    Snapshot,
    TapeEvent,
    TapeHeader,
    TapeMarket,
    TapeWallet,
    WhaleOrder,
)
from paper.tape_format import VERSION
from paper.tape_writer import write_tape

SPEED = 40  # "two minutes before the end" are three seconds of the wall clock
LASTS_S = 13
START_MS = 1_790_000_000_000
TAKER, SLICER, MAKER, LOSER = (f"0x{digit * 40}" for digit in "1234")
STANDARD, NEG_RISK, PROTOCOL_V2 = (f"0x{digits * 32}" for digits in ("a1", "a2", "a3"))
SLUGS = {STANDARD: "still-standard", NEG_RISK: "still-neg-risk", PROTOCOL_V2: "still-protocol-v2"}
_CENT = 10_000
_LEVELS = 20
_DAY_MS = 86_400_000
_TRADES = 150


@dataclass(frozen=True, slots=True)
class Wish:
    """One whale order; `second` is of the wall clock, `price` is in the token's own terms."""

    second: float
    wallet: str
    condition_id: str
    outcome_index: int
    fills: int
    size: int  # shares of each fill
    cents: int
    side: Side = Side.BUY


WISHES = (
    Wish(1.0, TAKER, STANDARD, 0, 1, 2_500, 52),
    Wish(2.0, SLICER, NEG_RISK, 1, 25, 110, 49),
    Wish(3.0, MAKER, PROTOCOL_V2, 0, 1, 2_600, 51),
    Wish(4.0, LOSER, STANDARD, 1, 1, 2_500, 49),
    Wish(5.0, TAKER, PROTOCOL_V2, 0, 2, 1_250, 52),
    Wish(8.5, SLICER, NEG_RISK, 1, 5, 550, 48, Side.SELL),
)
"""Four orders to copy, one of a wallet without skill, and one sale of what was bought."""


@dataclass(frozen=True, slots=True)
class Ends:
    """How the markets end, by condition id, and which of the wishes come before."""

    payouts: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # else: Yes wins
    wishes: Sequence[Wish] = WISHES


def write_still_tape(path: Path, ends: Ends | None = None) -> Path:
    """Write the tape to `path` and return `path`."""
    ends = ends or Ends()
    markets = [_market(c, ends.payouts.get(c, (MICROS, 0))) for c in SLUGS]
    write_tape(path, _header(), markets, _wallets(), list(_events(ends.wishes)))
    return path


def _wall_ms(second: float) -> int:
    return START_MS + int(second * SPEED * 1000)


def _header() -> TapeHeader:
    return TapeHeader(
        name="still",
        format_version=VERSION,
        attribution="synthetic, made by tests/end_to_end/still_tape.py",
        licence="none needed",
        invented=("everything",),
        starts_at=START_MS,
        ends_at=_wall_ms(LASTS_S + 1),
    )


def _market(condition_id: str, payouts: tuple[int, int]) -> TapeMarket:
    slug = SLUGS[condition_id]
    is_protocol_v2 = condition_id == PROTOCOL_V2
    return TapeMarket(
        condition_id=condition_id,
        question=f"Will the book of {slug} stay still?",
        slug=slug,
        event_slug=slug,
        outcomes=("Yes", "No"),
        dialect=Dialect.PROTOCOL_V2 if is_protocol_v2 else Dialect.CLOB_V2,
        neg_risk=condition_id == NEG_RISK,
        tick_size=_CENT,
        min_size=5 * MICROS,
        fee_rate=Decimal("0.07"),
        fee_exponent=1,
        starts_at=START_MS,
        ends_at=_wall_ms(LASTS_S),
        resolves_at=_wall_ms(LASTS_S),
        payouts=payouts,
    )


def _wallets() -> tuple[TapeWallet, ...]:
    return (
        TapeWallet(TAKER, "still-taker", "skilful", _history(won_of_ten=8)),
        TapeWallet(SLICER, "still-slicer", "skilful", _history(won_of_ten=8)),
        TapeWallet(MAKER, "still-maker", "skilful", _history(won_of_ten=8)),
        TapeWallet(LOSER, "still-loser", "bad", _history(won_of_ten=3)),
    )


def _history(won_of_ten: int) -> tuple[ClosedTrade, ...]:
    return tuple(
        ClosedTrade(
            opened_at=START_MS - (_TRADES + 1 - i) * _DAY_MS,
            closed_at=START_MS - (_TRADES - i) * _DAY_MS,
            category=("crypto", "sports", "politics", "economics", "culture", "tech")[i % 6],
            notional=(2_000 + i) * MICROS,
            pnl=(900 if i * 7 % 10 < won_of_ten else -1_000) * MICROS,
        )
        for i in range(_TRADES)
    )


def _events(wishes: Sequence[Wish]) -> Iterator[TapeEvent]:
    bids = tuple(Level((51 - i) * _CENT, 20_000 * MICROS) for i in range(_LEVELS))
    asks = tuple(Level((52 + i) * _CENT, 20_000 * MICROS) for i in range(_LEVELS))
    for condition_id in SLUGS:
        yield Snapshot(START_MS, condition_id, bids, asks)
    for number, wish in enumerate(wishes, 1):
        yield WhaleOrder(
            at=_wall_ms(wish.second),
            number=number,
            wallet=wish.wallet,
            condition_id=wish.condition_id,
            outcome_index=wish.outcome_index,
            side=wish.side,
            is_maker=wish.wallet == MAKER,
            fills=(Level(wish.cents * _CENT, wish.size * MICROS),) * wish.fills,
        )
