"""Gamma's rows name tokens by the market's version, and their result by three words."""

from decimal import Decimal

import pytest

from exchange.polymarket.wire import parse
from exchange.polymarket.wire_gamma import GammaMarketRow, read_markets
from exchange.port import WireError
from tests.exchange.samples import NO, POSITION_NO, POSITION_YES, YES, gamma_row


def test_lists_arrive_as_the_text_of_lists() -> None:
    row = parse(GammaMarketRow, gamma_row())
    assert row.outcomes == ("Yes", "No")
    assert row.token_ids == (YES, NO)
    assert row.outcome_prices == (Decimal("0.505"), Decimal("0.495"))


def test_markets_of_protocol_v2_name_positions() -> None:
    positions = [POSITION_YES, POSITION_NO]
    row = parse(GammaMarketRow, gamma_row(version="v2", positionIds=positions, clobTokenIds="[]"))
    assert row.is_protocol_v2
    assert row.token_ids == (POSITION_YES, POSITION_NO)


@pytest.mark.parametrize(
    ("words", "is_resolved"),
    [
        ({}, False),
        ({"umaResolutionStatus": "proposed"}, False),
        ({"umaResolutionStatus": "resolved"}, True),
        ({"umaResolutionStatus": "settled"}, True),
        ({"resolutionStatus": "resolved"}, True),
        ({"resolutionStatus": "active"}, False),
    ],
)
def test_a_result_stands_when_either_oracle_says_so(
    words: dict[str, object], *, is_resolved: bool
) -> None:
    assert parse(GammaMarketRow, gamma_row(**words)).is_resolved is is_resolved


def test_a_void_market_pays_half_each() -> None:
    assert parse(GammaMarketRow, gamma_row(outcomePrices='["0.5", "0.5"]')).pays_half_each
    assert not parse(GammaMarketRow, gamma_row()).pays_half_each
    assert not parse(GammaMarketRow, gamma_row(outcomePrices=None)).pays_half_each


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, ()),
        ({"category": " Sports "}, ("sports",)),
        ({"tags": [{"slug": "nba", "label": "NBA"}, {"label": "Games"}]}, ("nba", "games")),
        ({"category": "NBA", "tags": ["nba", "Finals"]}, ("nba", "finals")),
        ({"tags": [5, None, {"slug": 7}, {}, [], ""]}, ()),
        ({"tags": "politics"}, ()),
        ({"tags": {"slug": "x"}}, ()),
    ],
)
def test_tags_and_category_are_words_and_nothing_else_is(
    words: dict[str, object], expected: tuple[str, ...]
) -> None:
    assert parse(GammaMarketRow, gamma_row(**words)).categories == expected


def test_a_page_holds_markets() -> None:
    assert len(read_markets({"markets": [gamma_row()], "next_cursor": None})) == 1


@pytest.mark.parametrize("payload", [None, [], {}, {"markets": {}}, {"markets": [5]}])
def test_a_page_of_another_shape_is_refused(payload: object) -> None:
    with pytest.raises(WireError):
        read_markets(payload)
