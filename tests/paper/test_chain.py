"""Tests of blocks and logs, decoded as a reader of the real chain would."""

from dataclasses import replace

import pytest
from eth_abi.abi import decode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from paper.chain import (
    FIRST_BLOCK,
    ORDER_FILLED,
    ORDER_FILLED_V1,
    ORDERS_MATCHED,
    ORDERS_MATCHED_V1,
    Chain,
    Receipt,
    receipt_of,
)
from paper.model import ChainLog, Dialect, MakerFill, Side, SignedOrder, Trade
from tests.paper.engine_room import ANNA, BERT, NO, START, YES, Wish, a_market, a_trade, shares

FILLED = ["uint8", "uint256", "uint256", "uint256", "uint256", "bytes32", "bytes32"]
HASH = "0x" + "cd" * 32
V2 = "0xE111180000d2663C0091e4f400237545B87B996B"
V3 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"


def a_maker(**changes: object) -> MakerFill:
    maker = MakerFill(
        order_id="0x" + "02" * 32,
        owner="",
        wallet=BERT,
        token_id=YES,
        outcome="Yes",
        side=Side.SELL,
        size=shares("10"),
        price=500_000,
    )
    return replace(maker, **changes)  # type: ignore[arg-type]


def nobody(_order_id: str) -> SignedOrder | None:
    return None


def data_of(receipt: Receipt, index: int, types: list[str]) -> tuple[object, ...]:
    return tuple(decode(types, bytes.fromhex(receipt.events[index][1][2:])))


def address_in(topic: str) -> str:
    return "0x" + topic[-40:]


@pytest.mark.parametrize(
    ("topic", "signature"),
    [
        (
            ORDER_FILLED,
            "OrderFilled(bytes32,address,address,uint8,uint256,uint256,uint256,uint256,"
            "bytes32,bytes32)",
        ),
        (
            ORDER_FILLED_V1,
            "OrderFilled(bytes32,address,address,uint256,uint256,uint256,uint256,uint256)",
        ),
        (ORDERS_MATCHED, "OrdersMatched(bytes32,address,uint8,uint256,uint256,uint256)"),
        (ORDERS_MATCHED_V1, "OrdersMatched(bytes32,address,uint256,uint256,uint256,uint256)"),
    ],
)
def test_topics_are_the_hashes_of_the_events_signatures(topic: str, signature: str) -> None:
    assert topic == f"0x{keccak(text=signature).hex()}"


def test_a_trade_tells_its_maker_then_its_taker_then_the_match() -> None:
    trade = a_trade(makers=(a_maker(),), fee=shares("0.17"))
    receipt = receipt_of(trade, HASH, a_market(), nobody)
    assert (receipt.transaction_hash, receipt.address) == (HASH, V2)
    maker, taker, matched = (topics for topics, _ in receipt.events)
    assert maker[:2] == (ORDER_FILLED, "0x" + "02" * 32)
    assert (address_in(maker[2]), address_in(maker[3])) == (BERT.lower(), ANNA.lower())
    assert taker[:2] == (ORDER_FILLED, trade.taker_order_id)
    assert (address_in(taker[2]), address_in(taker[3])) == (ANNA.lower(), V2.lower())
    assert matched[:2] == (ORDERS_MATCHED, trade.taker_order_id)
    assert len(matched) == 3
    zero = b"\0" * 32
    size, cost = shares("10"), shares("5")
    assert data_of(receipt, 0, FILLED) == (1, int(YES), size, cost, 0, zero, zero)
    assert data_of(receipt, 1, FILLED) == (0, int(YES), cost, size, shares("0.17"), zero, zero)
    assert data_of(receipt, 2, FILLED[:4]) == (0, int(YES), cost, size)


def test_several_fills_of_one_resting_order_are_one_log() -> None:
    trade = a_trade(makers=(a_maker(size=shares("4")), a_maker(size=shares("6"))))
    receipt = receipt_of(trade, HASH, a_market(), nobody)
    assert len(receipt.events) == 3
    assert data_of(receipt, 0, FILLED)[2:4] == (shares("10"), shares("5"))


def test_a_complement_tells_its_own_token_and_price() -> None:
    maker = a_maker(token_id=NO, side=Side.BUY, price=600_000)
    trade = a_trade(makers=(maker,), cost=shares("4"), price=400_000)
    receipt = receipt_of(trade, HASH, a_market(), nobody)
    assert data_of(receipt, 0, FILLED)[:4] == (0, int(NO), shares("6"), shares("10"))


def test_a_posted_order_tells_its_metadata_and_builder() -> None:
    order = replace(Wish().signed(), metadata="0x" + "11" * 32, builder="0x" + "22" * 32)
    receipt = receipt_of(a_trade(makers=(a_maker(),)), HASH, a_market(), lambda _: order)
    assert data_of(receipt, 1, FILLED)[5:] == (b"\x22" * 32, b"\x11" * 32)


def test_each_dialect_settles_on_its_own_exchange() -> None:
    trade = a_trade(makers=(a_maker(),))
    market = a_market(dialect=Dialect.PROTOCOL_V2)
    assert receipt_of(trade, HASH, market, nobody).address == V3
    market = a_market(neg_risk=True)
    assert receipt_of(trade, HASH, market, nobody).address.startswith("0xe2222d")


def test_v1_exchanges_tell_assets_instead_of_a_side() -> None:
    receipt = receipt_of(a_trade(makers=(a_maker(),)), HASH, a_market(dialect=Dialect.V1), nobody)
    assert receipt.events[0][0][0] == ORDER_FILLED_V1
    words = ["uint256"] * 5
    size, cost = shares("10"), shares("5")
    assert data_of(receipt, 0, words) == (int(YES), 0, size, cost, 0)
    assert data_of(receipt, 1, words) == (0, int(YES), cost, size, 0)
    assert receipt.events[2][0][0] == ORDERS_MATCHED_V1
    assert data_of(receipt, 2, words[:4]) == (0, int(YES), cost, size)


def test_blocks_are_chained_and_their_logs_numbered() -> None:
    chain = Chain()
    receipt = receipt_of(a_trade(makers=(a_maker(),)), HASH, a_market(), nobody)
    number, logs = chain.mine(START, [receipt, replace(receipt, transaction_hash="0x02")])
    assert number == chain.number == FIRST_BLOCK + 1
    assert [log.log_index for log in logs] == [0, 1, 2, 3, 4, 5]
    assert [log.transaction_index for log in logs] == [0, 0, 0, 1, 1, 1]
    chain.mine(START - 5000, [])
    first, second = chain.block(number), chain.block(number + 1)
    assert first is not None
    assert second is not None
    assert second.parent_hash == first.hash == logs[0].block_hash
    assert second.timestamp == first.timestamp == START // 1000
    assert chain.block(number + 2) is chain.block(FIRST_BLOCK) is None


def test_logs_come_by_a_closed_range_of_blocks() -> None:
    chain = Chain()
    receipt = receipt_of(a_trade(makers=(a_maker(),)), HASH, a_market(), nobody)
    for receipts in ([receipt], [], [receipt]):
        chain.mine(START, receipts)
    first = FIRST_BLOCK + 1
    assert {log.block_number for log in chain.logs(first, first + 2)} == {first, first + 2}
    assert chain.logs(first + 1, first + 1) == []
    assert len(chain.logs(0, first)) == 3


def test_a_chain_loads_what_it_has_saved() -> None:
    chain = Chain()
    receipt = receipt_of(a_trade(makers=(a_maker(),)), HASH, a_market(), nobody)
    chain.mine(START, [])
    chain.mine(START + 2000, [receipt])
    assert chain.has_changes
    blocks, logs = chain.take_changes()
    assert not chain.has_changes
    assert chain.take_changes() == ([], [])
    again = Chain()
    again.load(blocks, logs)
    assert (again.number, again.logs(0, 10**9)) == (chain.number, logs)
    assert again.block(chain.number) == chain.block(chain.number)
    again.mine(START + 4000, [])
    assert again.take_changes() == ([(chain.number + 1, START // 1000 + 4)], [])


def test_an_empty_chain_may_be_loaded() -> None:
    chain = Chain()
    chain.load([], [])
    assert chain.number == FIRST_BLOCK


@given(st.integers(1, 10**12), st.integers(1, 99), st.sampled_from(Side))
def test_every_fill_decodes_to_itself(hundredths: int, cents: int, side: Side) -> None:
    size, price = hundredths * 10_000, cents * 10_000
    other = Side.SELL if side is Side.BUY else Side.BUY
    cost = size * price // 10**6
    trade: Trade = a_trade(
        size=size,
        price=price,
        cost=cost,
        side=side,
        makers=(a_maker(size=size, price=price, side=other),),
    )
    receipt = receipt_of(trade, HASH, a_market(), nobody)
    for index, buys in ((0, other is Side.BUY), (1, side is Side.BUY)):
        told = data_of(receipt, index, FILLED)
        assert told[2:4] == ((cost, size) if buys else (size, cost))


def mined(*counts: int) -> Chain:
    """Return a chain of blocks with so many transactions of two logs each."""
    chain = Chain(100)
    for place, count in enumerate(counts):
        receipts = [
            Receipt(f"0x{place}{number}", V2, ((("0xa",), "0x"), (("0xb",), "0x")))
            for number in range(count)
        ]
        chain.mine(START + place * 2_000, receipts)
    return chain


def reloaded(blocks: list[tuple[int, int]], logs: list[ChainLog]) -> Chain:
    """Return a chain that was saved log by log, the later over the earlier, and read back."""
    kept = {(log.block_number, log.log_index): log for log in logs}
    again = Chain(100)
    again.load(blocks, [kept[key] for key in sorted(kept)])
    return again


def test_a_transaction_that_is_taken_back_leaves_the_others_where_they_are() -> None:
    chain = mined(2, 1)
    gone = chain.take_back("0x00")
    assert [(log.log_index, log.removed) for log in gone] == [(0, True), (1, True)]
    assert [log.log_index for log in chain.logs(101, 101)] == [2, 3]
    assert chain.take_back("0x00") == ()
    assert chain.take_back("0x10") != ()
    assert chain.logs(102, 102) == []


def test_a_transaction_that_was_taken_back_stays_away_after_a_restart() -> None:
    chain = mined(1, 1)
    blocks, earlier = chain.take_changes()
    assert not chain.has_changes
    chain.take_back("0x00")
    assert chain.has_changes
    _, logs = chain.take_changes()
    again = reloaded(blocks, [*earlier, *logs])
    assert {log.block_number for log in again.logs(0, 200)} == {102}


def test_a_reorganised_chain_has_other_blocks_with_the_same_logs() -> None:
    chain = mined(1, 0, 1)
    before = [chain.block(number) for number in (101, 102, 103)]
    gone, again = chain.reorganise(102)
    assert [log.removed for log in gone] == [True, True]
    assert [replace(log, removed=False) for log in gone] != list(again)
    assert {log.transaction_hash for log in gone} == {log.transaction_hash for log in again}
    after = [chain.block(number) for number in (101, 102, 103)]
    assert after[0] == before[0]
    assert all(
        new and old and new.hash != old.hash for new, old in zip(after[1:], before[1:], strict=True)
    )
    assert after[1] is not None
    assert after[2] is not None
    assert after[2].parent_hash == after[1].hash
    assert {log.block_hash for log in again} == {after[2].hash}


def test_a_reorganised_chain_keeps_the_names_of_its_blocks_with_logs() -> None:
    chain = mined(1, 1)
    chain.reorganise(102)
    again = reloaded(*chain.take_changes())
    assert again.block(102) == chain.block(102)
    assert again.logs(0, 200) == chain.logs(0, 200)
