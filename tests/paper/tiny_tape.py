"""Makes a tiny tape for tests. Everything in it is synthetic: no book in it was ever recorded.

Two markets of about a minute, both open from the first second:

- `TINY_ONE`: standard CLOB V2, tick 0.01, outcome "Up" wins, prices climb slowly from 0.50. `SHARP`
  buys Up for more than $1,000 at second 5 (three fills), `DULL` buys Down as a maker at second 20,
  `SHARP` sells half of its Up at second 40.
- `TINY_TWO`: Protocol V2, tick 0.001, outcome "Up" loses. `SHARP` buys Down in twelve fills at
  second 12.
"""

from collections.abc import Iterator
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
from paper.tape_writer import write_tape

TINY_START = 1_790_000_000_000
TINY_SECONDS = 60
TINY_ONE = "0x" + "11" * 32
TINY_TWO = "0x" + "22" * 32
SHARP = "0x1111111111111111111111111111111111111111"
DULL = "0x2222222222222222222222222222222222222222"
_DAY = 86_400_000


def write_tiny_tape(path: Path) -> Path:
    """Write the tiny tape to `path` and return `path`."""
    write_tape(path, tiny_header(), tiny_markets(), tiny_wallets(), tiny_events())
    return path


def tiny_header() -> TapeHeader:
    """Return the header, which says that all of it is invented."""
    return TapeHeader(
        name="tiny",
        format_version=1,
        attribution="synthetic, made by tests/paper/tiny_tape.py",
        licence="none needed",
        invented=("everything: books, prices, markets, wallets, histories and orders",),
        starts_at=TINY_START,
        ends_at=TINY_START + (TINY_SECONDS + 2) * 1000,
    )


def tiny_markets() -> tuple[TapeMarket, TapeMarket]:
    """Return both markets."""
    return (
        _market(TINY_ONE, "one", 10_000, Dialect.CLOB_V2, (MICROS, 0)),
        _market(TINY_TWO, "two", 1_000, Dialect.PROTOCOL_V2, (0, MICROS)),
    )


def tiny_wallets() -> tuple[TapeWallet, TapeWallet]:
    """Return a wallet that wins two trades of three, and one that loses two of three."""
    return (
        TapeWallet(SHARP, "tiny-sharp", "skilful", _history(wins_of_three=2)),
        TapeWallet(DULL, "tiny-dull", "bad", _history(wins_of_three=1)),
    )


def tiny_events() -> Iterator[TapeEvent]:
    """Yield a snapshot per market and second, each whale order just before its snapshot."""
    orders = {(order.at, order.condition_id): order for order in _orders()}
    for second in range(TINY_SECONDS + 1):
        at = TINY_START + second * 1000
        for condition_id, best_bid, tick in (
            (TINY_ONE, 490_000 + second // 12 * 10_000, 10_000),
            (TINY_TWO, 499_000 - second // 4 * 1_000, 1_000),
        ):
            if (at, condition_id) in orders:
                yield orders[at, condition_id]
            yield _snapshot(at, condition_id, best_bid, tick)


def _market(
    condition_id: str, name: str, tick_size: int, dialect: Dialect, payouts: tuple[int, int]
) -> TapeMarket:
    return TapeMarket(
        condition_id=condition_id,
        question=f"Synthetic market {name}: up or down?",
        slug=f"tiny-{name}",
        event_slug=f"tiny-{name}",
        outcomes=("Up", "Down"),
        dialect=dialect,
        neg_risk=False,
        tick_size=tick_size,
        min_size=5 * MICROS,
        fee_rate=Decimal("0.07"),
        fee_exponent=1,
        starts_at=TINY_START,
        ends_at=TINY_START + TINY_SECONDS * 1000,
        resolves_at=TINY_START + (TINY_SECONDS + 1) * 1000,
        payouts=payouts,
    )


def _history(wins_of_three: int) -> tuple[ClosedTrade, ...]:
    return tuple(
        ClosedTrade(
            opened_at=TINY_START - (121 - i) * _DAY,
            closed_at=TINY_START - (120 - i) * _DAY,
            category=("crypto", "sports", "politics")[i // 3 % 3],
            notional=(2_000 + i) * MICROS,
            pnl=(900 if i % 3 < wins_of_three else -1_000) * MICROS,
        )
        for i in range(120)
    )


def _orders() -> tuple[WhaleOrder, ...]:
    return (
        _order(1, 5, TINY_ONE, (Level(500_000, 1_500 * MICROS),) * 3),
        _order(2, 12, TINY_TWO, (Level(504_000, 250 * MICROS),) * 12, outcome_index=1),
        WhaleOrder(
            at=TINY_START + 20_000,
            number=3,
            wallet=DULL,
            condition_id=TINY_ONE,
            outcome_index=1,
            side=Side.BUY,
            is_maker=True,
            fills=(Level(490_000, 2_500 * MICROS),),
        ),
        _order(4, 40, TINY_ONE, (Level(520_000, 2_250 * MICROS),), side=Side.SELL),
    )


def _order(
    number: int,
    second: int,
    condition_id: str,
    fills: tuple[Level, ...],
    *,
    outcome_index: int = 0,
    side: Side = Side.BUY,
) -> WhaleOrder:
    return WhaleOrder(
        at=TINY_START + second * 1000,
        number=number,
        wallet=SHARP,
        condition_id=condition_id,
        outcome_index=outcome_index,
        side=side,
        is_maker=False,
        fills=fills,
    )


def _snapshot(at: int, condition_id: str, best_bid: int, tick: int) -> Snapshot:
    size = 6_000 * MICROS
    return Snapshot(
        at=at,
        condition_id=condition_id,
        bids=tuple(Level(best_bid - i * tick, size) for i in range(20)),
        asks=tuple(Level(best_bid + (1 + i) * tick, size) for i in range(20)),
    )
