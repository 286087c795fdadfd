"""Logs of filled orders are decoded exactly, and anything else is refused."""

import contextlib
from decimal import Decimal

import pytest
from eth_abi.abi import encode
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
