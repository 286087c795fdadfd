"""Tests of the public routes."""

import dataclasses
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from paper.model import MICROS, VenueSettings
from paper.rest_market_data import MARKET_PAGE
from tests.paper.client_desk import Desk, open_desk
from tests.paper.still_venue import (
    CONDITION,
    CONDITION_V3,
    OTHER,
    OTHER_NEG_RISK,
    START,
    TOKEN,
    TOKEN_NEG_RISK,
    TOKEN_V3,
    a_book,
    a_market,
)
from tests.paper.test_rest_account import a_trade

NO_BOOK = (404, {"error": "No orderbook exists for the requested token id"})


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


async def test_the_venue_says_that_it_is_there(desk: Desk) -> None:
    assert await desk.get("/") == (200, "OK")
    assert await desk.get("/ok") == (200, "OK")
    assert await desk.get("/time") == (200, START // 1000)
    assert await desk.get("/version") == (200, {"version": 2})


async def test_the_first_dialect_has_the_first_version() -> None:
    async with open_desk(VenueSettings(v1_dialect=True)) as desk:
        assert await desk.get("/version") == (200, {"version": 1})


async def test_a_book_has_its_best_levels_last_and_a_hash(desk: Desk) -> None:
    status, book = await desk.get(f"/book?token_id={TOKEN}")
    assert status == 200
    assert book["bids"] == [{"price": "0.42", "size": "50.5"}, {"price": "0.43", "size": "100"}]
    assert book["asks"] == [{"price": "0.46", "size": "20"}, {"price": "0.45", "size": "70"}]
    assert (book["market"], book["asset_id"]) == (CONDITION, TOKEN)
    assert (book["min_order_size"], book["tick_size"], book["neg_risk"]) == ("5", "0.01", False)
    assert (book["timestamp"], book["last_trade_price"]) == (str(START), "0.44")
    text = json.dumps({**book, "hash": ""}, separators=(",", ":"))
    assert book["hash"] == hashlib.sha1(text.encode()).hexdigest()


async def test_a_book_without_trades_has_an_empty_last_price(desk: Desk) -> None:
    desk.venue.books[TOKEN] = dataclasses.replace(a_book(), last_trade_price=None)
    assert (await desk.get(f"/book?token_id={TOKEN}"))[1]["last_trade_price"] == ""


async def test_books_of_known_tokens_come_in_the_order_asked(desk: Desk) -> None:
    asked = [{"token_id": token} for token in (TOKEN_V3, "1", TOKEN_NEG_RISK, TOKEN)]
    _, books = await desk.ask("POST", "/books", body=asked)
    assert [book["asset_id"] for book in books] == [TOKEN_V3, TOKEN]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/price?side=BUY&", {"price": "0.43"}),
        ("/price?side=sell&", {"price": "0.45"}),
        ("/midpoint?", {"mid": "0.44"}),
        ("/spread?", {"spread": "0.02"}),
        ("/tick-size?", {"minimum_tick_size": 0.01}),
        ("/neg-risk?", {"neg_risk": False}),
        ("/fee-rate?", {"base_fee": 1000}),
        ("/last-trade-price?", {"price": "0.5", "side": ""}),
    ],
)
async def test_one_tokens_numbers(desk: Desk, path: str, expected: dict[str, object]) -> None:
    assert await desk.get(f"{path}token_id={TOKEN}") == (200, expected)
    assert (await desk.get(f"{path}token_id=123"))[0] == 404
    assert await desk.get(path) == (400, {"error": "Invalid token id"})


async def test_a_price_needs_a_side(desk: Desk) -> None:
    for query in ("", "&side=HOLD"):
        answer = await desk.get(f"/price?token_id={TOKEN}{query}")
        assert answer == (400, {"error": "Invalid side"})


async def test_an_empty_side_counts_as_nothing_or_one(desk: Desk) -> None:
    desk.venue.books[TOKEN] = dataclasses.replace(a_book(), bids=(), asks=())
    assert (await desk.get(f"/midpoint?token_id={TOKEN}"))[1] == {"mid": "0.5"}
    assert (await desk.get(f"/spread?token_id={TOKEN}"))[1] == {"spread": "1"}


async def test_a_neg_risk_market_says_so(desk: Desk) -> None:
    assert (await desk.get(f"/neg-risk?token_id={OTHER_NEG_RISK}"))[1] == {"neg_risk": True}


async def test_several_tokens_numbers(desk: Desk) -> None:
    tokens = [{"token_id": TOKEN}, {"token_id": "1"}]
    assert (await desk.ask("POST", "/midpoints", body=tokens))[1] == {TOKEN: "0.44"}
    assert (await desk.ask("POST", "/spreads", body=tokens))[1] == {TOKEN: "0.02"}
    both = {TOKEN: {"BUY": "0.43", "SELL": "0.45"}}
    assert (await desk.ask("POST", "/prices", body=tokens))[1] == both
    sides = [{"token_id": TOKEN, "side": "SELL"}]
    assert (await desk.ask("POST", "/prices", body=sides))[1] == {TOKEN: {"SELL": "0.45"}}


async def test_the_last_trade_has_its_takers_side(desk: Desk) -> None:
    desk.venue.made += [a_trade(1, ""), a_trade(2, "", token_id=OTHER)]
    last = {"price": "0.44", "side": "BUY"}
    assert await desk.get(f"/last-trade-price?token_id={TOKEN}") == (200, last)
    asked = [{"token_id": TOKEN}, {"token_id": TOKEN_V3}]
    _, rows = await desk.ask("POST", "/last-trades-prices", body=asked)
    assert rows == [{"token_id": TOKEN, **last}]


@pytest.mark.parametrize("body", [b"", b"{}", b"[5]", b'[{"token_id":5}]', b'[{"side":"BUY"}]'])
@pytest.mark.parametrize(
    "path", ["/books", "/prices", "/midpoints", "/spreads", "/last-trades-prices"]
)
async def test_a_malformed_list_of_tokens_is_refused(desk: Desk, path: str, body: bytes) -> None:
    assert await desk.ask("POST", path, body=body) == (400, {"error": "Invalid payload"})


async def test_five_hundred_tokens_are_the_most(desk: Desk) -> None:
    tokens = [{"token_id": TOKEN}] * 501
    answer = await desk.ask("POST", "/books", body=tokens)
    assert answer == (400, {"error": "Payload exceeds the limit"})


async def test_a_clob_market_says_what_an_order_builder_needs(desk: Desk) -> None:
    _, market = await desk.get(f"/clob-markets/{CONDITION}")
    assert market["t"] == [{"t": TOKEN, "o": "Yes"}, {"t": OTHER, "o": "No"}]
    assert (market["mts"], market["mos"], market["nr"], market["ao"]) == (0.01, 5, False, True)
    assert market["fd"] == {"r": 0.07, "e": 1, "to": True}
    assert await desk.get("/clob-markets/0x12") == (404, {"error": "market not found"})


async def test_a_market_is_found_by_condition_and_by_token(desk: Desk) -> None:
    _, market = await desk.get(f"/markets/{CONDITION}")
    assert (market["question"], market["market_slug"]) == ("Will it rain?", "will-it-rain")
    assert (market["minimum_tick_size"], market["minimum_order_size"]) == (0.01, 5)
    assert [token["price"] for token in market["tokens"]] == [0.44, 0.56]
    assert (await desk.get(f"/markets/{CONDITION_V3}"))[1]["version"] == "v2"
    _, found = await desk.get(f"/markets-by-token/{OTHER}")
    assert found == {
        "condition_id": CONDITION,
        "primary_token_id": TOKEN,
        "secondary_token_id": OTHER,
    }
    for path in ("/markets/0x12", "/markets-by-token/5"):
        assert await desk.get(path) == (404, {"error": "market not found"})


async def test_a_resolved_market_names_its_winner(desk: Desk) -> None:
    resolved = dataclasses.replace(
        a_market(), payouts=(0, MICROS), closed=True, accepting_orders=False
    )
    desk.venue.listed[0] = resolved
    _, market = await desk.get(f"/markets/{CONDITION}")
    assert [(token["price"], token["winner"]) for token in market["tokens"]] == [
        (0, False),
        (1, True),
    ]
    assert market["closed"] is True


async def test_markets_are_listed_in_pages(desk: Desk) -> None:
    desk.venue.listed += [a_market(f"0x{n:064x}", (str(n), str(n + 1))) for n in range(MARKET_PAGE)]
    _, first = await desk.get("/markets")
    assert (first["count"], first["next_cursor"]) == (MARKET_PAGE, "NTAw")
    _, last = await desk.get("/markets?next_cursor=NTAw")
    assert (last["count"], last["next_cursor"]) == (3, "LTE=")
    assert (await desk.get("/markets?next_cursor=x"))[0] == 400


async def test_sampling_markets_take_orders(desk: Desk) -> None:
    desk.venue.listed[0] = dataclasses.replace(a_market(), accepting_orders=False)
    counts = {}
    for path in ("/markets", "/simplified-markets", "/sampling-markets"):
        counts[path] = (await desk.get(path))[1]["count"]
    assert counts == {"/markets": 3, "/simplified-markets": 3, "/sampling-markets": 2}
    _, page = await desk.get("/sampling-simplified-markets")
    assert "question" not in page["data"][0]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("interval=max", [0, 70, 130, 3700]),
        ("interval=1h", [130, 3700]),
        ("startTs=60&endTs=130", [70, 130]),
        ("startTs=60", [70, 130, 3700]),
        ("interval=max&fidelity=60", [130, 3700]),
        ("", [0, 70, 130, 3700]),
    ],
)
async def test_past_prices_are_told_for_a_window(
    desk: Desk, query: str, expected: list[int]
) -> None:
    start = START // 1000 - 3700
    desk.venue.history = [(start + t, 440_000 + t) for t in (0, 70, 130, 3700)]
    query = query.replace("startTs=60", f"startTs={start + 60}")
    query = query.replace("endTs=130", f"endTs={start + 130}")
    _, answer = await desk.get(f"/prices-history?market={TOKEN}&{query}")
    told: list[dict[str, Any]] = answer["history"]
    assert [point["t"] - start for point in told] == expected
    assert told[0]["p"] == pytest.approx(0.44 + expected[0] / 1e6)


@pytest.mark.parametrize("query", ["interval=1y", "startTs=x", "endTs=-1", "fidelity=a"])
async def test_an_impossible_window_is_refused(desk: Desk, query: str) -> None:
    assert (await desk.get(f"/prices-history?market={TOKEN}&{query}"))[0] == 400


async def test_past_prices_need_a_known_token(desk: Desk) -> None:
    assert (await desk.get("/prices-history"))[0] == 400
    assert await desk.get("/prices-history?market=5") == NO_BOOK


async def test_an_unknown_route_or_method_is_told_as_json(desk: Desk) -> None:
    assert await desk.get("/nowhere") == (404, {"error": "not found"})
    assert await desk.ask("POST", "/book") == (405, {"error": "method not allowed"})
