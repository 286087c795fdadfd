"""Logs of filled orders are decoded exactly, and anything else is refused."""

import contextlib
from decimal import Decimal

import pytest
from eth_abi.abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from exchange.polymarket.contracts import EXCHANGE_V2
from exchange.polymarket.wire import parse
from exchange.polymarket.wire_chain import (
    ORDER_FILLED,
    LogRow,
    RpcMessage,
    fill_of,
    read_quantity,
    read_result,
    words_of,
)
from exchange.port import UnavailableError, WireError
from tests.exchange.chain_logs import FillTerms, log_row
from tests.exchange.samples import HASH, WHALE, YES
from trading.types import Side

ORDER_FILLED_DATA = ["uint8", "uint256", "uint256", "uint256", "uint256", "bytes32", "bytes32"]
OTHER = "0x" + "00" * 12 + "99" * 20


def test_a_buy_gives_dollars_for_shares() -> None:
    fill = fill_of(parse(LogRow, log_row(FillTerms(side=Side.BUY, cost="10.5", size="20"))))
    assert (fill.side, fill.cost, fill.size) == (Side.BUY, Decimal("10.5"), Decimal(20))
    assert (fill.order_hash, fill.wallet, fill.token_id) == (HASH, WHALE, YES)
    assert fill.fee == Decimal("0.25")


def test_a_sell_gives_shares_for_dollars() -> None:
    fill = fill_of(parse(LogRow, log_row(FillTerms(side=Side.SELL, cost="10.5", size="20"))))
    assert (fill.side, fill.cost, fill.size) == (Side.SELL, Decimal("10.5"), Decimal(20))


def test_the_taker_is_known_by_its_counterparty_the_exchange() -> None:
    assert fill_of(parse(LogRow, log_row())).is_taker
    topics = [ORDER_FILLED, HASH, "0x" + "00" * 12 + WHALE[2:], OTHER]
    assert not fill_of(parse(LogRow, log_row(topics=topics))).is_taker


def test_a_log_is_read_with_hex_numbers_and_mixed_case() -> None:
    log = parse(LogRow, log_row(address=EXCHANGE_V2.upper().replace("0X", "0x"), logIndex="0x1F"))
    assert (log.address, log.log_index, log.block_number) == (EXCHANGE_V2, 31, 0x4C4B400)
    assert log.block_timestamp is None
    assert parse(LogRow, log_row(blockTimestamp="0x6b02d2c0")).block_timestamp == 1795347136


@pytest.mark.parametrize(
    "change",
    [
        {"topics": [ORDER_FILLED]},
        {"topics": [HASH, HASH, HASH, HASH]},
        {"data": "0x1234"},
        {"data": "0x" + "zz" * 224},
        {"data": "0x" + encode(["uint256"] * 7, [2, 1, 1, 1, 0, 0, 0]).hex()},
        {"data": "0x" + encode(["uint256"] * 7, [0, 1, 0, 1, 0, 0, 0]).hex()},
        {"data": "0x" + encode(["uint256"] * 7, [0, 1, 1, 1 << 255, 0, 0, 0]).hex()},
    ],
)
def test_other_logs_and_impossible_amounts_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(WireError):
        fill_of(parse(LogRow, log_row(None, **change)))


@pytest.mark.parametrize("change", [{"logIndex": None}, {"blockNumber": "-0x1"}, {"address": 1}])
def test_a_log_without_its_place_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(WireError):
        parse(LogRow, log_row(None, **change))


def test_an_error_of_the_node_is_not_an_answer() -> None:
    assert read_result({"jsonrpc": "2.0", "id": 1, "result": "0x1"}) == "0x1"
    with pytest.raises(UnavailableError, match="limit exceeded"):
        read_result({"id": 1, "error": {"code": -32005, "message": "limit exceeded"}})


@pytest.mark.parametrize(("value", "expected"), [("0x10", 16), (5, 5), ("0", 0)])
def test_quantities_are_hex(value: object, expected: int) -> None:
    assert read_quantity(value) == expected


@pytest.mark.parametrize("value", [None, True, "latest", -1, "0x" + "f" * 17])
def test_what_is_no_quantity_is_refused(value: object) -> None:
    with pytest.raises(WireError, match="quantity"):
        read_quantity(value)


@pytest.mark.parametrize("data", [None, "0x", "0x12", "0x" + "-1" * 64])
def test_returned_data_must_hold_its_words(data: object) -> None:
    with pytest.raises(WireError, match="words"):
        words_of(data, 2)


@given(
    st.dictionaries(
        st.sampled_from(["id", "method", "result", "error", "params", "topics", "data"]),
        st.none() | st.integers() | st.text() | st.lists(st.text()) | st.just({"result": 1}),
    )
)
def test_whatever_a_node_says_is_read_or_refused(payload: dict[str, object]) -> None:
    with contextlib.suppress(WireError):
        parse(RpcMessage, payload)
    with contextlib.suppress(WireError):
        fill_of(parse(LogRow, log_row(None, **payload)))


@given(
    side=st.sampled_from([0, 1]),
    token=st.integers(0, 2**256 - 1),
    amounts=st.tuples(st.integers(1, 10**20), st.integers(1, 10**20), st.integers(0, 10**20)),
    tail=st.tuples(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32)),
    wallets=st.tuples(st.integers(0, 2**160 - 1), st.integers(0, 2**160 - 1)),
)
def test_the_decoder_agrees_with_the_abi_on_any_log(
    side: int,
    token: int,
    amounts: tuple[int, int, int],
    tail: tuple[bytes, bytes],
    wallets: tuple[int, int],
) -> None:
    data = encode(ORDER_FILLED_DATA, [side, token, *amounts, *tail])
    maker, taker = (encode(["address"], [f"0x{w:040x}"]).hex() for w in wallets)
    topics = [ORDER_FILLED, "0x" + "12" * 32, "0x" + maker, "0x" + taker]
    fill = fill_of(parse(LogRow, log_row(None, data="0x" + data.hex(), topics=topics)))
    found_side, found_token, making, taking, fee, *_ = decode(ORDER_FILLED_DATA, data)
    cost, size = (making, taking) if found_side == 0 else (taking, making)
    assert fill.side is (Side.BUY if found_side == 0 else Side.SELL)
    assert fill.token_id == str(found_token)
    assert (fill.cost * 10**6, fill.size * 10**6, fill.fee * 10**6) == (cost, size, fee)
    assert fill.wallet == decode(["address"], bytes.fromhex(maker))[0]
    assert fill.is_taker is (decode(["address"], bytes.fromhex(taker))[0] == EXCHANGE_V2)


def _by_hand(order: str, wallet: str, counterparty: str, *words: int) -> dict[str, object]:
    """Write a log word by word, as the contract's event is declared."""
    data = "0x" + "".join(f"{word:064x}" for word in (*words, 0, 0))
    topics = [ORDER_FILLED, order, "0x" + "0" * 24 + wallet, "0x" + "0" * 24 + counterparty]
    return log_row(None, data=data, topics=topics)


def test_one_match_worked_by_hand_names_both_sides_rightly() -> None:
    """A sells 200 YES at 0.60 to B, who takes: one log for the maker, one for the taker.

    And C, who takes too, buys 50 NO at 0.41 against D, who makes a bid of 0.59 for YES: both buy.
    """
    exchange = EXCHANGE_V2[2:]
    a, b, c, d = ("a1" * 20, "b2" * 20, "c3" * 20, "d4" * 20)
    yes, no, order = 111, 222, "0x" + "12" * 32
    rows = [
        _by_hand(order, a, b, 1, yes, 200_000_000, 120_000_000, 0),
        _by_hand(order, b, exchange, 0, yes, 120_000_000, 200_000_000, 1_200_000),
        _by_hand(order, d, c, 0, yes, 29_500_000, 50_000_000, 0),
        _by_hand(order, c, exchange, 0, no, 20_500_000, 50_000_000, 500_000),
    ]
    told = [fill_of(parse(LogRow, row)) for row in rows]
    found: list[tuple[object, ...]] = [
        (f.wallet[2:], f.side, f.token_id, f.size, f.cost / f.size, f.is_taker) for f in told
    ]
    assert found == [
        (a, Side.SELL, "111", 200, Decimal("0.6"), False),
        (b, Side.BUY, "111", 200, Decimal("0.6"), True),
        (d, Side.BUY, "111", 50, Decimal("0.59"), False),
        (c, Side.BUY, "222", 50, Decimal("0.41"), True),
    ]
    assert [f.fee for f in told] == [0, Decimal("1.2"), 0, Decimal("0.5")]
