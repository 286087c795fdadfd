"""What another venue says is read, or refused with the place where it is wrong."""

from decimal import Decimal

import pytest

from paper.model import MICROS, Dialect, Level
from paper.upstream_rows import FeeRow, UpstreamError, read_book, read_fees, read_markets

ROW = {
    "conditionId": "0xAB",
    "question": "Will it rain?",
    "outcomes": '["Yes","No"]',
    "outcomePrices": '["0.43","0.57"]',
    "clobTokenIds": '["7","8"]',
    "acceptingOrders": True,
    "endDate": "2026-12-01T00:00:00Z",
    "orderMinSize": 5,
    "orderPriceMinTickSize": 0.001,
    "volumeNum": 12.5,
    "feeSchedule": {"rate": 0.07, "exponent": 1},
}


def test_a_market_is_read_with_lists_inside_of_text() -> None:
    [row] = read_markets({"markets": [ROW]})
    market = row.as_market(row.fees)
    assert (market.condition_id, market.token_ids) == ("0xab", ("7", "8"))
    assert (market.tick_size, market.min_size, market.volume) == (1_000, 5 * MICROS, 12_500_000)
    assert (market.fee_rate, market.accepting_orders) == (Decimal("0.07"), True)
    assert not row.needs_fees


def test_a_protocol_v2_market_has_positions() -> None:
    [row] = read_markets({"markets": [ROW | {"version": "v2", "positionIds": ["1", "2"]}]})
    market = row.as_market(None)
    assert (market.token_ids, market.dialect) == (("1", "2"), Dialect.PROTOCOL_V2)


@pytest.mark.parametrize(
    ("changes", "payouts"),
    [
        ({}, None),
        ({"closed": True}, None),  # stopped, no result yet
        ({"closed": True, "umaResolutionStatus": "proposed", "outcomePrices": '["1","0"]'}, None),
        (
            {"closed": True, "umaResolutionStatus": "resolved", "outcomePrices": '["1","0"]'},
            (MICROS, 0),
        ),
        (
            {"closed": True, "resolutionStatus": "settled", "outcomePrices": '["0.5","0.5"]'},
            (MICROS // 2, MICROS // 2),
        ),
        ({"closed": True, "umaResolutionStatus": "resolved"}, None),  # prices that are no result
    ],
)
def test_a_result_stands_only_when_it_is_said_to(
    changes: dict[str, object], payouts: tuple[int, int] | None
) -> None:
    [row] = read_markets({"markets": [ROW | changes]})
    assert row.payouts == payouts


def test_a_market_of_one_outcome_is_refused() -> None:
    [row] = read_markets({"markets": [ROW | {"outcomes": ["Yes"]}]})
    with pytest.raises(UpstreamError, match="expected two outcomes"):
        row.as_market(None)


@pytest.mark.parametrize(
    "payload", [None, [], {"markets": [{}]}, {"markets": [{**ROW, "volumeNum": "x"}]}]
)
def test_what_is_no_page_of_markets_is_refused(payload: object) -> None:
    with pytest.raises(UpstreamError, match="expected"):
        read_markets(payload)


def test_fees_are_read_in_their_short_words() -> None:
    assert read_fees({"fd": {"r": 0.02, "e": 2}}) == FeeRow(rate=Decimal("0.02"), exponent=2)
    assert read_fees({}) == FeeRow()


def test_a_book_is_read_best_first_whatever_its_order() -> None:
    levels = [{"price": "0.42", "size": "1"}, {"price": "0.43", "size": "2.5"}]
    book = read_book({"asset_id": "7", "bids": levels, "asks": levels[::-1]}, "7")
    assert book.bids == (Level(430_000, 2_500_000), Level(420_000, MICROS))
    assert book.asks == book.bids[::-1]


def test_levels_outside_of_the_price_band_and_empty_ones_are_left_out() -> None:
    levels = [
        {"price": "1", "size": "1"},
        {"price": "0", "size": "1"},
        {"price": "0.5", "size": "0"},
    ]
    assert read_book({"asset_id": "7", "asks": levels}, "7").asks == ()


def test_the_book_of_another_token_is_refused() -> None:
    with pytest.raises(UpstreamError, match="expected the book of 7, received that of 8"):
        read_book({"asset_id": "8"}, "7")
