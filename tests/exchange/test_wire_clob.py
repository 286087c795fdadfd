"""REST payloads of the order book become our records, whatever the drift of their words."""

import contextlib
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.polymarket.wire import parse, read_json
from exchange.polymarket.wire_clob import (
    BookRow,
    ClobMarketRow,
    CredentialsRow,
    FeeRow,
    OrderRow,
    ShortMarketRow,
    TradeRow,
    book_of,
    fees_of,
    hash_of,
    order_of,
    read_balance,
    read_cancel,
    read_clock,
    read_error,
    read_page,
    read_submit,
    settlement_of,
)
from exchange.port import WireError
from tests.exchange.samples import (
    AT,
    HASH,
    OTHER_HASH,
    book_row,
    clob_market_row,
    order_row,
    trade_row,
)
from trading.types import FeeSchedule, OrderState, Settlement, Side


def test_a_book_is_turned_best_first_whatever_order_it_came_in() -> None:
    book = book_of(parse(BookRow, book_row()), AT)
    assert [level.price for level in book.bids] == [Decimal("0.49"), Decimal("0.48")]
    assert [level.price for level in book.asks] == [Decimal("0.51"), Decimal("0.52")]
    assert (book.at, book.received_at) == (AT, AT)
    assert (book.tick_size, book.min_size) == (Decimal("0.01"), Decimal(5))


def test_empty_levels_are_left_out() -> None:
    row = book_row(bids=[{"price": "0.4", "size": "0"}], asks=[])
    book = book_of(parse(BookRow, row), AT)
    assert (book.bids, book.asks) == ((), ())


def test_a_book_without_its_tick_is_refused() -> None:
    row = book_row()
    del row["tick_size"]
    with pytest.raises(WireError, match="tick_size"):
        book_of(parse(BookRow, row), AT)


@pytest.mark.parametrize(
    "levels", [[{"price": "NaN", "size": "1"}], [{"price": "0.5"}], {}, [{"price": 0, "size": 1}]]
)
def test_a_book_with_a_senseless_level_is_refused(levels: object) -> None:
    with pytest.raises(WireError):
        parse(BookRow, book_row(bids=levels))


@pytest.mark.parametrize(
    ("status", "size_matched", "order_type", "expected"),
    [
        ("LIVE", "0", "GTC", OrderState.LIVE),
        ("ORDER_STATUS_LIVE", "1.5", "GTC", OrderState.PARTIAL),
        ("unmatched", "", "GTC", OrderState.LIVE),
        ("DELAYED", "0", "FAK", OrderState.DELAYED),
        ("MATCHED", "100", "FAK", OrderState.MATCHED),
        ("ORDER_STATUS_MATCHED", "99.995", "GTC", OrderState.MATCHED),
        ("MATCHED", "40", "FAK", OrderState.CANCELLED),
        ("MATCHED", "40", "GTC", OrderState.PARTIAL),
        ("INVALID", "0", "GTC", OrderState.REJECTED),
        ("CANCELED", "0", "GTC", OrderState.CANCELLED),
        ("ORDER_STATUS_CANCELED_MARKET_RESOLVED", "0", "GTC", OrderState.CANCELLED),
        ("CANCELED_EXPIRED_ORDER", "0", "GTD", OrderState.EXPIRED),
        ("CANCELED_order couldn't be fully filled. FOK orders…", "", "FOK", OrderState.CANCELLED),
    ],
)
def test_every_status_of_an_order_has_its_state(
    status: str, size_matched: str, order_type: str, expected: OrderState
) -> None:
    row = order_row(status=status, size_matched=size_matched, order_type=order_type)
    assert order_of(parse(OrderRow, row)).state is expected


def test_an_event_without_a_status_is_read_by_its_type() -> None:
    placed = order_of(parse(OrderRow, order_row(status=None, type="PLACEMENT")))
    updated = order_of(parse(OrderRow, order_row(status="", type="UPDATE", size_matched=3)))
    ended = order_of(parse(OrderRow, order_row(status=None, type="CANCELLATION")))
    states = [placed.state, updated.state, ended.state]
    assert states == [OrderState.LIVE, OrderState.PARTIAL, OrderState.CANCELLED]
    assert (updated.size_matched, ended.text) == (Decimal(3), "CANCELLATION")


def test_a_full_match_without_its_size_waits_for_trades_of_the_whole_order() -> None:
    order = order_of(parse(OrderRow, order_row(status="MATCHED", size_matched="")))
    assert (order.state, order.size_matched) == (OrderState.MATCHED, Decimal(100))


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(WireError, match="PENDING"):
        order_of(parse(OrderRow, order_row(status="PENDING")))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("MATCHED", Settlement.MATCHED),
        ("TRADE_STATUS_CONFIRMED", Settlement.CONFIRMED),
        ("MATCHED_NOT_BROADCASTED", Settlement.MATCHED),
        ("TRADE_STATUS_RETRYING", Settlement.RETRYING),
        ("mined", Settlement.MINED),
        ("FAILED", Settlement.FAILED),
    ],
)
def test_every_status_of_a_trade_has_its_settlement(status: str, expected: Settlement) -> None:
    assert settlement_of(status) is expected


def test_an_unknown_status_of_a_trade_is_refused() -> None:
    with pytest.raises(WireError, match="LOST"):
        settlement_of("LOST")


@pytest.mark.parametrize("key", ["match_time", "matchtime", "last_update", "timestamp"])
def test_the_time_of_a_trade_has_several_names(key: str) -> None:
    row = trade_row()
    del row["match_time"]
    assert parse(TradeRow, {**row, key: "1795348800123"}).matched_at == AT


def test_an_accepted_buy_counts_what_it_takes_and_a_sell_what_it_makes() -> None:
    body = json.dumps(
        {
            "errorMsg": "",
            "orderID": HASH.upper().replace("0X", "0x"),
            "takingAmount": "11.6279",
            "makingAmount": "5",
            "status": "matched",
            "success": True,
        }
    ).encode()
    buy, sell = read_submit(200, body, Side.BUY), read_submit(200, body, Side.SELL)
    assert (buy.http_status, buy.order_id, buy.status) == (200, HASH, "matched")
    assert (buy.size_matched, sell.size_matched) == (Decimal("11.6279"), Decimal(5))


def test_a_resting_order_has_matched_nothing() -> None:
    body = json.dumps({"orderID": HASH, "status": "live", "takingAmount": ""}).encode()
    assert read_submit(200, body, Side.BUY).size_matched == 0


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"[]", b'{"takingAmount": "NaN"}'])
def test_an_unreadable_success_proves_nothing(body: bytes) -> None:
    answer = read_submit(200, body, Side.BUY)
    assert (answer.http_status, answer.order_id) == (None, "")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error": "order_version_mismatch"}', "order_version_mismatch"),
        (b'{"errorMsg": "no"}', "no"),
        (b"<html>Bad gateway\0</html>", "<html>Bad gateway </html>"),
    ],
)
def test_a_refusal_keeps_its_status_and_its_words(body: bytes, error: str) -> None:
    answer = read_submit(502, body, Side.BUY)
    assert (answer.http_status, answer.error) == (502, error)


def test_a_restriction_says_how_long_it_lasts() -> None:
    body = b'{"error": "post-only mode", "code": "post_only_mode", "retry_after_seconds": 7}'
    assert read_submit(503, body, Side.BUY).retry_after_s == 7


def test_the_words_of_an_error_are_found_or_cut_from_the_body() -> None:
    assert read_error(b'{"error": "no such market"}') == "no such market"
    assert read_error(b'{"code": 5}') == '{"code": 5}'
    assert read_error(b"x" * 9999) == "x" * 500


def test_a_cancel_tells_what_was_cancelled_and_why_the_rest_was_not() -> None:
    report = read_cancel(
        {"canceled": [HASH], "not_canceled": {OTHER_HASH: "already canceled or matched"}}
    )
    assert report.cancelled == (HASH,)
    assert report.refused == ((OTHER_HASH, "already canceled or matched"),)


def test_a_balance_is_told_in_micro_units() -> None:
    assert read_balance({"balance": "1000000001", "allowances": {}}) == Decimal("1000.000001")


def test_pages_end_with_their_cursor() -> None:
    assert read_page({"data": [1], "next_cursor": "MTAw"}) == ((1,), "MTAw")
    assert read_page({"data": [], "next_cursor": "LTE="}) == ((), None)
    assert read_page({"data": None}) == ((), None)


def test_the_venue_tells_its_time_in_seconds() -> None:
    assert read_clock(b"1795348800") == AT.replace(microsecond=0)
    with pytest.raises(WireError, match="time"):
        read_clock(b'"soon"')


def test_fees_are_read_in_both_spellings() -> None:
    short = parse(ShortMarketRow, {"fd": {"r": "0.05", "e": 1, "to": True}})
    long = parse(FeeRow, {"rate": Decimal("0.05"), "exponent": 1})
    assert fees_of(short.fd) == fees_of(long) == FeeSchedule(Decimal("0.05"), 1)


def test_a_market_without_a_schedule_takes_no_fees() -> None:
    assert fees_of(parse(ShortMarketRow, {}).fd).rate == 0


@pytest.mark.parametrize("row", [{"r": "-0.1"}, {"r": "0.1", "e": "1.5"}, {"r": "0.1", "e": 99}])
def test_a_schedule_that_makes_no_sense_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(WireError, match="fee rate"):
        fees_of(parse(FeeRow, row))


def test_a_market_names_its_winner() -> None:
    row = clob_market_row()
    assert isinstance(row["tokens"], list)
    row["tokens"][0]["winner"] = True
    assert [token.winner for token in parse(ClobMarketRow, row).tokens] == [True, False]


def test_credentials_must_be_complete() -> None:
    assert parse(CredentialsRow, {"apiKey": "k", "secret": "s", "passphrase": "p"}).key == "k"
    with pytest.raises(WireError, match="secret"):
        parse(CredentialsRow, {"apiKey": "k", "secret": "", "passphrase": "p"})


def test_an_open_order_is_known_by_its_hash() -> None:
    assert hash_of(order_row()) == HASH


_SAMPLES = [
    (BookRow, book_row()),
    (TradeRow, trade_row()),
    (OrderRow, order_row()),
    (ClobMarketRow, clob_market_row()),
]
_NONSENSE: st.SearchStrategy[object] = st.sampled_from(
    [None, True, -1, "", "NaN", "x", [], {}, [{}], [[]], 10**400, Decimal("1e400"), "9" * 5000]
)


@given(st.sampled_from(_SAMPLES), st.data())
def test_a_damaged_payload_is_read_or_refused(
    sample: tuple[type[BookRow | TradeRow | OrderRow | ClobMarketRow], dict[str, object]],
    data: st.DataObject,
) -> None:
    model, row = sample
    damaged = {**row, data.draw(st.sampled_from(sorted(row))): data.draw(_NONSENSE)}
    with contextlib.suppress(WireError):
        parsed = parse(model, damaged)
        if isinstance(parsed, BookRow):
            book_of(parsed, AT)
        elif isinstance(parsed, OrderRow):
            order_of(parsed)


@given(st.binary(max_size=200), st.sampled_from([200, 400, 500]))
def test_whatever_a_post_is_answered_becomes_an_answer(body: bytes, status: int) -> None:
    assert read_submit(status, body, Side.BUY).http_status in (None, status)
    with contextlib.suppress(WireError):
        read_json(body)
