"""Tests of what trades move and when."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from paper.faults import Fault, FaultPlan, Point
from paper.ledger import CASH, FEES, MINT, Leg
from paper.model import (
    MICROS,
    ChainLog,
    LogsRemoved,
    MakerFill,
    OrderType,
    Side,
    Trade,
    TradeStatus,
    TradeUpdated,
)
from paper.pit import Taker
from paper.settlement import chain_status, legs_of
from paper.venue import Venue
from tests.paper.engine_room import (
    ANNA,
    BERT,
    CONDITION,
    NO,
    QUIET,
    YES,
    Room,
    Wish,
    a_trade,
    is_balanced,
    levels,
    open_room,
    shares,
)
from tests.paper.test_orders import a_record


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = open_room(tmp_path)
    yield room
    room.venue.close()


def traded(side: Side, token_id: str, maker_side: Side, price: str, fee: str = "0") -> Trade:
    maker = MakerFill("0x02", "", BERT, token_id, "", maker_side, shares("10"), shares(price))
    return a_trade(side=side, makers=(maker,), fee=shares(fee))


def net(trade: Trade) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for leg in legs_of(trade):
        sums[leg.source, leg.asset] = sums.get((leg.source, leg.asset), 0) - leg.size
        sums[leg.target, leg.asset] = sums.get((leg.target, leg.asset), 0) + leg.size
    return {key: size for key, size in sums.items() if size}


def test_a_buyer_pays_price_and_fee_to_a_seller() -> None:
    assert net(traded(Side.BUY, YES, Side.SELL, "0.40", "0.17")) == {
        (ANNA, CASH): shares("-4.17"),
        (BERT, CASH): shares("4"),
        (FEES, CASH): shares("0.17"),
        (ANNA, YES): shares("10"),
        (BERT, YES): shares("-10"),
    }


def test_a_seller_gets_the_price_less_the_fee() -> None:
    assert net(traded(Side.SELL, YES, Side.BUY, "0.40", "0.17")) == {
        (ANNA, CASH): shares("3.83"),
        (BERT, CASH): shares("-4"),
        (FEES, CASH): shares("0.17"),
        (ANNA, YES): shares("-10"),
        (BERT, YES): shares("10"),
    }


def test_two_buyers_pay_the_mint_a_dollar_a_share() -> None:
    assert net(traded(Side.BUY, NO, Side.BUY, "0.60", "0.17")) == {
        (ANNA, CASH): shares("-4.17"),
        (BERT, CASH): shares("-6"),
        (MINT, CASH): shares("10"),
        (FEES, CASH): shares("0.17"),
        (ANNA, YES): shares("10"),
        (BERT, NO): shares("10"),
        (MINT, YES): shares("-10"),
        (MINT, NO): shares("-10"),
    }


def test_two_sellers_share_the_mints_dollar() -> None:
    assert net(traded(Side.SELL, NO, Side.SELL, "0.60", "0.17")) == {
        (ANNA, CASH): shares("3.83"),
        (BERT, CASH): shares("6"),
        (MINT, CASH): shares("-10"),
        (FEES, CASH): shares("0.17"),
        (ANNA, YES): shares("-10"),
        (BERT, NO): shares("-10"),
        (MINT, YES): shares("10"),
        (MINT, NO): shares("10"),
    }


def test_a_fee_may_take_all_of_the_first_proceeds_and_more() -> None:
    small = MakerFill("0x02", "", BERT, YES, "", Side.BUY, shares("1"), shares("0.01"))
    trade = a_trade(side=Side.SELL, makers=(small, small), fee=shares("0.015"))
    legs = legs_of(trade)
    assert Leg(BERT, FEES, CASH, shares("0.01")) in legs
    assert Leg(BERT, FEES, CASH, shares("0.005")) in legs
    assert net(trade)[ANNA, CASH] == shares("0.005")


@pytest.mark.parametrize(
    ("settled", "status"),
    [
        ("0", (False, 5 * MICROS)),
        ("4", (False, 3 * MICROS)),
        ("10", (True, 0)),
        ("9.999999", (True, 0)),
    ],
)
def test_the_chain_knows_what_an_order_may_still_give(
    settled: str, status: tuple[bool, int]
) -> None:
    assert chain_status(a_record(Wish()), shares(settled)) == status


def test_a_client_trade_is_mined_at_its_time_even_between_two_regular_blocks(room: Room) -> None:
    room.book(asks=levels(("0.40", "100")))
    room.wait("0.5")
    room.post(Wish(price="0.40"))
    seen = []
    for seconds in ("1.9", "0.1", "1.9", "0.1"):
        room.wait(seconds)
        seen.append(room.venue.trades()[0].status)
    assert seen == [
        TradeStatus.MATCHED,
        TradeStatus.MINED,
        TradeStatus.MINED,
        TradeStatus.CONFIRMED,
    ]


def test_maker_and_taker_of_a_trade_settle_together(room: Room) -> None:
    room.own(BERT, YES, "10")
    sold = room.post(Wish(side=Side.SELL, price="0.40", maker=BERT))
    bought = room.post(Wish(price="0.40", order_type=OrderType.FAK, maker_amount=4_000_000))
    assert room.venue.filled_on_chain(sold.order_id) is None
    room.wait("2")
    assert room.venue.filled_on_chain(sold.order_id) == (True, 0)
    assert room.venue.filled_on_chain(bought.order_id) == (True, 0)
    assert room.venue.balance(BERT, None) == shares("10004")


def strike(room: Room, name: str, **changes: object) -> None:
    rule = Fault(at=Point.SETTLE, fault=name, **changes)  # type: ignore[arg-type]
    room.venue.faults.replace(FaultPlan((rule,)))


def buy(room: Room, size: str = "10") -> Trade:
    """Let Anna buy from the crowd at 0.40; return the trade."""
    room.book(asks=levels(("0.40", "1000")))
    room.post(Wish(price="0.40", size=size))
    return room.venue.trades()[-1]


def statuses(room: Room, trade: Trade) -> list[str]:
    """Return every status that a trade was told with, in order."""
    room.heard()
    return [
        event.trade.status.value
        for event in room.told
        if isinstance(event, TradeUpdated) and event.trade.trade_id == trade.trade_id
    ]


def logs_of(room: Room, transaction_hash: str) -> list[ChainLog]:
    logs = room.venue.logs(0, room.venue.block_number())
    return [log for log in logs if log.transaction_hash == transaction_hash]


def test_a_failed_trade_gives_everything_back_and_leaves_the_chain_alone(room: Room) -> None:
    strike(room, "failed", delay_ms=1_000)
    trade = buy(room)
    assert room.venue.balance(ANNA, None) == shares("9996")
    room.wait("2")
    first_hash = trade.transaction_hash
    room.wait("1")
    assert statuses(room, trade) == ["MATCHED", "RETRYING", "FAILED"]
    assert first_hash
    assert logs_of(room, first_hash) == []
    assert room.venue.balance(ANNA, None) == shares("10000")
    assert room.venue.balance(ANNA, YES) == 0
    assert is_balanced(room.venue)
    record = room.venue.order(trade.taker_order_id)
    assert record is not None
    assert record.matched == shares("10")
    assert room.venue.filled_on_chain(trade.taker_order_id) is None
    assert room.venue._company.crew.settlement.open_markets() == set()


def test_a_trade_that_is_retried_settles_in_another_transaction(room: Room) -> None:
    strike(room, "retrying", delay_ms=1_000)
    trade = buy(room)
    room.wait("2")
    first_hash = trade.transaction_hash
    room.wait("3")
    assert statuses(room, trade) == ["MATCHED", "RETRYING", "MINED", "CONFIRMED"]
    assert trade.transaction_hash not in ("", first_hash)
    assert logs_of(room, first_hash) == []
    assert len(logs_of(room, trade.transaction_hash)) >= 3
    assert room.venue.balance(ANNA, YES) == shares("10")


def test_a_slow_trade_is_mined_and_confirmed_late(room: Room) -> None:
    strike(room, "slow", delay_ms=60_000)
    trade = buy(room)
    room.wait("61.9")
    assert statuses(room, trade) == ["MATCHED"]
    room.wait("0.1")
    assert statuses(room, trade) == ["MATCHED", "MINED"]
    room.wait("2")
    assert statuses(room, trade) == ["MATCHED", "MINED", "CONFIRMED"]


def test_a_trade_that_fails_after_it_was_mined_is_taken_off_the_chain(room: Room) -> None:
    strike(room, "failed_after_mined", delay_ms=1_000)
    trade = buy(room)
    room.wait("2")
    assert room.venue.filled_on_chain(trade.taker_order_id) == (True, 0)
    assert room.venue.balance(ANNA, YES) == shares("10")
    mined = logs_of(room, trade.transaction_hash)
    room.wait("1")
    assert trade.status is TradeStatus.RETRYING
    assert room.venue.balance(ANNA, YES) == 0
    assert room.venue.balance(ANNA, None) == shares("9996")
    room.wait("2")
    assert statuses(room, trade) == ["MATCHED", "MINED", "RETRYING", "FAILED"]
    removed = [log for event in room.told if isinstance(event, LogsRemoved) for log in event.logs]
    assert removed == [replace(log, removed=True) for log in mined]
    assert logs_of(room, trade.transaction_hash) == []
    assert room.venue.filled_on_chain(trade.taker_order_id) is None
    assert room.venue.balance(ANNA, None) == shares("10000")
    assert is_balanced(room.venue)


@pytest.mark.parametrize("price", ["0.40", "0.60"])
def test_what_was_used_meanwhile_cannot_be_taken_back(room: Room, price: str) -> None:
    strike(room, "failed_after_mined", delay_ms=1_000, count=1)
    trade = buy(room)
    room.book(bids=levels(("0.40", "100")))
    room.wait("2")
    room.post(Wish(side=Side.SELL, price=price))  # sold at once, or reserved by a resting order
    room.wait("1")
    assert statuses(room, trade) == ["MATCHED", "MINED", "CONFIRMED"]
    assert is_balanced(room.venue)


def test_what_a_made_up_wallet_got_can_always_be_taken_back(room: Room) -> None:
    room.own(ANNA, YES, "20")
    strike(room, "failed_after_mined", delay_ms=1_000)
    room.book(bids=levels(("0.40", "10"), ("0.39", "10")))
    room.post(Wish(side=Side.SELL, price="0.39", size="20"))
    room.wait("5")
    assert {trade.status for trade in room.venue.trades()} == {TradeStatus.FAILED}
    assert room.venue.balance(ANNA, YES) == shares("20")
    assert room.venue.balance(ANNA, None) == shares("10000")
    assert is_balanced(room.venue)


def test_a_trade_that_is_not_broadcast_says_so_until_it_is(room: Room) -> None:
    strike(room, "unbroadcast", delay_ms=3_000)
    trade = buy(room)
    room.wait("2.9")
    assert (trade.status, trade.is_broadcast) == (TradeStatus.MATCHED, False)
    room.wait("0.1")
    assert (trade.status, trade.is_broadcast) == (TradeStatus.MATCHED, True)
    room.wait("4")
    assert statuses(room, trade) == ["MATCHED", "MINED", "CONFIRMED"]


def test_two_clients_whose_trade_fails_both_have_what_they_had(room: Room) -> None:
    room.own(BERT, YES, "10")
    strike(room, "failed", delay_ms=1_000)
    room.post(Wish(side=Side.SELL, price="0.40", maker=BERT))
    room.post(Wish(price="0.40"))
    room.wait("3")
    assert [trade.status for trade in room.venue.trades()] == [TradeStatus.FAILED]
    assert room.venue.balance(BERT, YES) == shares("10")
    assert room.venue.balance(ANNA, None) == room.venue.balance(BERT, None) == shares("10000")


def test_trades_among_made_up_wallets_are_never_struck(room: Room) -> None:
    strike(room, "failed")
    company = room.venue._company
    listing, pit = company.floor.registry.all()[0], company.crew.pit
    taker = Taker("0x01", "", company.floor.crowd.wallet("taker"), 0, Side.BUY)
    makers = [pit.crowd_maker(listing, taker, shares("0.40"), shares("10"))]
    [trade] = pit.book(listing, taker, makers, room.clock.at)
    room.wait("6")
    assert trade.status is TradeStatus.CONFIRMED
    assert room.venue.faults.struck == (0,)


def test_a_failed_trade_of_a_resolved_market_holds_its_redemption_back(room: Room) -> None:
    room.own(ANNA, YES, "10")
    strike(room, "failed", delay_ms=20_000)
    room.book(bids=levels(("0.40", "10")))
    room.post(Wish(side=Side.SELL, price="0.40"))
    room.venue.resolve_market(CONDITION, (MICROS, 0))
    room.wait("21")
    assert not room.venue.is_done
    room.wait("2")
    assert room.venue.is_done
    assert room.venue.balance(ANNA, None) == shares("10010")
    assert is_balanced(room.venue)


def test_a_trade_that_was_failing_settles_after_a_restart(tmp_path: Path) -> None:
    room = open_room(tmp_path)
    strike(room, "failed", delay_ms=60_000)
    trade = buy(room)
    room.wait("3")
    assert trade.status is TradeStatus.RETRYING
    room.venue.close()
    venue = Venue(None, QUIET, home=tmp_path, clock=room.clock)
    again = Room(venue, room.clock)
    again.wait("3")
    assert [trade.status for trade in venue.trades()] == [TradeStatus.CONFIRMED]
    assert venue.balance(ANNA, YES) == shares("10")
    assert is_balanced(venue)
    venue.close()


def test_what_was_taken_off_the_chain_stays_off_it_after_a_restart(tmp_path: Path) -> None:
    room = open_room(tmp_path)
    strike(room, "failed_after_mined", delay_ms=1_000)
    trade = buy(room)
    room.wait("3")
    assert trade.status is TradeStatus.RETRYING
    first_hash = trade.transaction_hash
    room.venue.close()
    again = Room(Venue(None, QUIET, home=tmp_path, clock=room.clock), room.clock)
    assert logs_of(again, first_hash) == []
    again.wait("3")
    [settled] = again.venue.trades()
    assert settled.status is TradeStatus.CONFIRMED
    assert settled.transaction_hash != first_hash
    assert logs_of(again, first_hash) == []
    assert logs_of(again, settled.transaction_hash) != []
    assert again.venue.filled_on_chain(settled.taker_order_id) == (True, 0)
    assert is_balanced(again.venue)
    again.venue.close()
