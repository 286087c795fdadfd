"""Writes the planned load as a tape: deep books that rise a tick at a time, and whale orders."""

from collections.abc import Iterator, Mapping
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
from tests.chaos.load_plan import MARKETS, WHALES, LoadPlan, PlannedOrder

START_MS = 1_790_000_000_000
LASTS_MS = 6 * 3_600_000  # entries need an hour to the market's end
TICK = 1_000
FIRST_BID = 380_000  # of the outcome that whales trade
LEVELS = 20
LEVEL_SIZE = 50_000 * MICROS
BOOKS_GO_ON_S = 60.0
DAY_MS = 86_400_000
PAST_TRADES = 100
CATEGORIES = ("crypto", "sports", "politics", "economics", "culture", "tech")
DIALECTS = (Dialect.CLOB_V2, Dialect.PROTOCOL_V2, Dialect.CLOB_V2)
WALLETS = tuple(f"0x{str(10 + whale) * 20}" for whale in range(WHALES))


def write_load_tape(path: Path, plan: LoadPlan) -> Path:
    """Write the tape to `path` and return `path`; it is played at a speed of one."""
    markets = [_market(number) for number in range(MARKETS)]
    wallets = [TapeWallet(a, f"whale-{n}", "skilful", _past()) for n, a in enumerate(WALLETS)]
    events = sorted(_events(plan), key=lambda event: event.at)
    write_tape(path, _header(), markets, wallets, events)
    return path


def outcome_of(market: int) -> int:
    """Return which outcome whales trade in a market: books rise in half of them and fall in half.

    Whichever it is, that outcome's own price rises.
    """
    return market % 2


def signal_keys(plan: LoadPlan) -> Mapping[tuple[str, str, str], int]:
    """Return the planned orders' numbers by what a signal says of them: wallet, side, size."""
    keys = {
        (WALLETS[o.whale], "SELL" if o.is_sale else "BUY", str(o.size)): o.number
        for o in plan.orders
    }
    assert len(keys) == len(plan.orders), "expected every planned order to be told apart"
    return keys


def _header() -> TapeHeader:
    return TapeHeader(
        name="chaos",
        format_version=VERSION,
        attribution="synthetic, made by tests/chaos/tape.py",
        licence="none needed",
        invented=("everything",),
        starts_at=START_MS,
        ends_at=START_MS + LASTS_MS,
    )


def _market(number: int) -> TapeMarket:
    return TapeMarket(
        condition_id=f"0x{number + 1:064x}",
        question=f"Will market {number} survive?",
        slug=f"chaos-{number}",
        event_slug=f"chaos-{number}",
        outcomes=("Yes", "No"),
        dialect=DIALECTS[number % 3],
        neg_risk=number % 3 == 2,
        tick_size=TICK,
        min_size=5 * MICROS,
        fee_rate=Decimal("0.002"),
        fee_exponent=1,
        starts_at=START_MS,
        ends_at=START_MS + LASTS_MS,
        resolves_at=START_MS + LASTS_MS,
        payouts=(MICROS, 0),
    )


def _past() -> tuple[ClosedTrade, ...]:
    return tuple(
        ClosedTrade(
            opened_at=START_MS - (PAST_TRADES + 1 - i) * DAY_MS,
            closed_at=START_MS - (PAST_TRADES - i) * DAY_MS,
            category=CATEGORIES[i % len(CATEGORIES)],
            notional=(2_000 + i) * MICROS,
            pnl=(900 if i * 7 % 10 < 8 else -1_000) * MICROS,
        )
        for i in range(PAST_TRADES)
    )


def _events(plan: LoadPlan) -> Iterator[TapeEvent]:
    steps = int((plan.ends_at_s + BOOKS_GO_ON_S) / plan.step_s)
    for step in range(steps):
        for market in range(MARKETS):
            yield _snapshot(market, FIRST_BID + step * TICK, _at(step * plan.step_s))
    for order in plan.orders:
        yield _whale_order(order, FIRST_BID + int(order.at_s / plan.step_s) * TICK)


def _at(second: float) -> int:
    return START_MS + int(second * 1000)


def _snapshot(market: int, bid: int, at: int) -> Snapshot:
    """Return the first outcome's book that shows the traded outcome at `bid`."""
    best = bid if outcome_of(market) == 0 else MICROS - bid - TICK
    bids = tuple(Level(best - i * TICK, LEVEL_SIZE) for i in range(LEVELS))
    asks = tuple(Level(best + (i + 1) * TICK, LEVEL_SIZE) for i in range(LEVELS))
    return Snapshot(at, f"0x{market + 1:064x}", bids, asks)


def _whale_order(order: PlannedOrder, bid: int) -> WhaleOrder:
    pays_bid = order.is_sale or order.is_maker
    price = bid if pays_bid else bid + TICK
    each, left = divmod(order.size, order.fills)
    sizes = [each + (1 if i < left else 0) for i in range(order.fills)]
    return WhaleOrder(
        at=_at(order.at_s),
        number=order.number,
        wallet=WALLETS[order.whale],
        condition_id=f"0x{order.market + 1:064x}",
        outcome_index=outcome_of(order.market),
        side=Side.SELL if order.is_sale else Side.BUY,
        is_maker=order.is_maker,
        fills=tuple(Level(price, size * MICROS) for size in sizes),
    )
