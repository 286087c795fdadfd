"""Tests of a venue whose process is killed in the middle of trading."""

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from paper.model import OrderType, Side, TradeStatus
from paper.venue import Venue
from tests.paper.engine_room import (
    ANNA,
    BERT,
    QUIET,
    YES,
    Clock,
    Wish,
    is_balanced,
    levels,
    open_room,
)

ACCEPTED_MIN = 60


def trade_for_ever(home: str, told: Connection) -> None:
    """Trade as fast as possible; tell each order's id once the venue has accepted it."""
    room = open_room(Path(home))
    room.own(BERT, YES, "2000")
    while True:
        size = 100 + len(room.venue.trades()) % 7  # rises and falls, so that books fill up again
        room.book(bids=levels(("0.38", str(size))), asks=levels(("0.42", str(size))))
        for wish in (
            Wish(price="0.42", size="5", order_type=OrderType.FAK),
            Wish(price="0.40", size="5"),
            Wish(side=Side.SELL, price="0.38", size="5", maker=BERT),
        ):
            told.send(room.post(wish).order_id)
        room.wait("0.3")


@pytest.mark.parametrize("more", [0, 23])
def test_a_killed_venue_knows_every_order_it_accepted(tmp_path: Path, more: int) -> None:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=trade_for_ever, args=(str(tmp_path), sender), daemon=True)
    child.start()
    sender.close()
    accepted = [receiver.recv() for _ in range(ACCEPTED_MIN + more)]
    child.kill()
    child.join()
    receiver.close()

    clock = Clock(Clock().at + 10**9)
    venue = Venue(None, QUIET, home=tmp_path, clock=clock)
    assert is_balanced(venue)
    known = {record.order.order_id: record for record in venue.orders()}
    assert set(accepted) <= known.keys()
    traded = {trade.trade_id for trade in venue.trades()}
    assert all(set(record.trade_ids) <= traded for record in known.values())
    venue.step()
    venue.step()
    assert all(trade.status is TradeStatus.CONFIRMED for trade in venue.trades())
    assert is_balanced(venue)
    bought = sum(
        trade.size
        if trade.wallet == ANNA
        else sum(m.size for m in trade.makers if m.wallet == ANNA)
        for trade in venue.trades()
    )
    assert venue.balance(ANNA, YES) == bought > 0
    venue.close()
