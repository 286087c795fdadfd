"""Random trading while trades fail, are retried and split: the books must still add up."""

import contextlib
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from paper.faults import Fault, FaultPlan, Point
from paper.ledger import CASH, IN_FLIGHT
from paper.model import (
    MICROS,
    Level,
    OrderRefusedError,
    OrderType,
    Side,
    TradeStatus,
    VenueSettings,
)
from paper.settling_faults import is_of_client
from paper.venue import Venue
from tests.paper.engine_room import (
    ANNA,
    BERT,
    CONDITION,
    NO,
    YES,
    Room,
    Wish,
    a_market,
    is_balanced,
    open_room,
)

TRADES = 300
SETTINGS = VenueSettings(
    mined_after_s=Decimal(1), confirmed_after_s=Decimal(2), filler_fills_per_s=Decimal(0)
)
SHARES = {
    "failed": "0.35",
    "retrying": "0.2",
    "failed_after_mined": "0.1",
    "slow": "0.05",
    "unbroadcast": "0.05",
    "split": "0.35",
    "prefixed": "0.5",
}


def a_plan(seed: int) -> FaultPlan:
    rules = [
        Fault(Point.SETTLE, name, Decimal(share), delay_ms=0, delay_max_ms=4_000)
        for name, share in SHARES.items()
    ]
    return FaultPlan((*rules, Fault(Point.CHAIN, "reorg", Decimal("0.2"))), seed)


def trade_at_random(room: Room, dice: Random) -> None:
    """Let one of two clients try an order against a new book, and some time go by."""
    mid = dice.randint(20, 80)
    bids = tuple(Level((mid - n) * 10_000, dice.randint(1, 40) * MICROS) for n in (1, 2, 3))
    asks = tuple(Level((mid + n) * 10_000, dice.randint(1, 40) * MICROS) for n in (1, 2, 3))
    room.book(bids, asks)
    price = Decimal(mid + dice.randint(-4, 4)) / 100
    wish = Wish(
        side=dice.choice(list(Side)),
        price=str(price),
        size=str(dice.randint(5, 40)),
        token_id=dice.choice((YES, NO)),
        maker=dice.choice((ANNA, BERT)),
        order_type=dice.choice((OrderType.GTC, OrderType.FAK)),
    )
    with contextlib.suppress(OrderRefusedError):  # nothing to sell yet, nothing to match
        room.post(wish)
    room.wait(str(Decimal(dice.randint(0, 5)) / 10))
    assert is_balanced(room.venue)


def moved(venue: Venue, wallet: str, *statuses: TradeStatus) -> dict[str, int]:
    """Return what a wallet's part in trades of these statuses adds up to, by asset."""
    sums: Counter[str] = Counter()
    for trade in venue.trades():
        if trade.status not in statuses:
            continue
        if trade.wallet == wallet:
            sign = 1 if trade.side is Side.BUY else -1
            sums[CASH] -= sign * trade.cost + trade.fee
            sums[trade.token_id] += sign * trade.size
        for maker in trade.makers:
            if maker.wallet == wallet:
                sign = 1 if maker.side is Side.BUY else -1
                sums[CASH] -= sign * maker.size * maker.price // MICROS
                sums[maker.token_id] += sign * maker.size
    return {asset: size for asset, size in sums.items() if size}


def held(venue: Venue, wallet: str) -> dict[str, int]:
    cash, tokens = venue.wallets()[wallet]
    change = cash - SETTINGS.bankroll
    return {**tokens, CASH: change} if change else tokens


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_books_equal_what_was_confirmed(tmp_path: Path, seed: int) -> None:
    room = open_room(tmp_path, a_market(fee_rate=Decimal("0.07")), settings=SETTINGS)
    venue, dice = room.venue, Random(seed)
    venue.faults.replace(a_plan(seed))
    while sum(is_of_client(trade) for trade in venue.trades()) < TRADES:
        trade_at_random(room, dice)
    room.wait("15")
    ends = Counter(trade.status for trade in venue.trades())
    assert set(ends) == {TradeStatus.CONFIRMED, TradeStatus.FAILED}, f"seed {seed}: {ends}"
    assert min(ends.values()) > TRADES // 4
    assert all(venue.faults.struck), f"seed {seed}: {venue.faults.struck}"
    for wallet in (ANNA, BERT):
        assert held(venue, wallet) == moved(venue, wallet, TradeStatus.CONFIRMED), f"seed {seed}"
    assert set(venue.wallets()[IN_FLIGHT][1]) == set()
    assert venue.wallets()[IN_FLIGHT][0] == 0
    _chain_tells_what_was_confirmed(venue)
    venue.resolve_market(CONDITION, (MICROS, 0))
    room.wait("5")
    assert venue.is_done
    assert is_balanced(venue)
    venue.close()


def _chain_tells_what_was_confirmed(venue: Venue) -> None:
    logs = venue.logs(0, venue.block_number())
    on_chain = {log.transaction_hash for log in logs}
    confirmed = {t.transaction_hash for t in venue.trades() if t.status is TradeStatus.CONFIRMED}
    assert on_chain == confirmed
    for record in venue.orders():
        settled = sum(
            part
            for trade in venue.trades()
            if trade.status is TradeStatus.CONFIRMED
            for order_id, part in (
                (trade.taker_order_id, trade.size),
                *((maker.order_id, maker.size) for maker in trade.makers),
            )
            if order_id == record.order.order_id
        )
        assert venue._company.crew.settlement.settled_size(record.order.order_id) == (
            settled or None
        )
        assert set(record.trade_ids) == {
            trade.trade_id
            for trade in venue.trades()
            if record.order.order_id
            in (trade.taker_order_id, *(maker.order_id for maker in trade.makers))
        }
