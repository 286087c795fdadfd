"""Tests of how fills become trades."""

from decimal import Decimal
from pathlib import Path

from paper.model import Side
from paper.pit import Taker
from tests.paper.engine_room import (
    ANNA,
    BERT,
    CONDITION,
    YES,
    Room,
    Wish,
    a_market,
    levels,
    open_room,
    shares,
)


def a_room(tmp_path: Path) -> Room:
    return open_room(tmp_path, a_market(fee_rate=Decimal("0.07")))


def test_a_trade_adds_its_makers_up_and_charges_each_price_its_fee(tmp_path: Path) -> None:
    room = a_room(tmp_path)
    company = room.venue._company
    listing, pit = company.floor.registry.all()[0], company.crew.pit
    taker = Taker("0x01", "key", ANNA, 0, Side.BUY)
    makers = [
        pit.crowd_maker(listing, taker, shares(price), shares("10")) for price in ("0.4", "0.5")
    ]
    [trade] = pit.book(listing, taker, makers, room.clock.at)
    assert (trade.size, trade.cost, trade.price) == (shares("20"), shares("9"), shares("0.45"))
    assert trade.fee == shares("0.168") + shares("0.175")
    assert trade.condition_id == CONDITION
    assert listing.market.volume == shares("9")
    room.venue.close()


def test_a_makers_order_names_the_trade_that_filled_it(tmp_path: Path) -> None:
    room = a_room(tmp_path)
    room.own(BERT, YES, "10")
    sold = room.post(Wish(side=Side.SELL, price="0.40", maker=BERT))
    room.book(asks=levels(("0.39", "5")))
    bought = room.post(Wish(price="0.40", size="10"))
    record = room.venue.order(sold.order_id)
    assert record is not None
    assert record.trade_ids == [bought.trade_ids[1]]
    assert len(set(bought.trade_ids)) == 2
    room.venue.close()


def test_invented_orders_are_named_by_their_play(tmp_path: Path) -> None:
    room = a_room(tmp_path)
    pit = room.venue._company.crew.pit
    assert pit.invented_order_id("whale", 1) == pit.invented_order_id("whale", 1)
    assert pit.invented_order_id("whale", 1) != pit.invented_order_id("whale", 2)
    room.venue.close()
