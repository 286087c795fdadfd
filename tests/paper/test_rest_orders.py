"""Tests of posting and cancelling over HTTP."""

from collections.abc import AsyncIterator

import pytest

from paper.model import OrderStatus
from paper.wire import INVALID_PAYLOAD, VERSION_MISMATCH
from tests.paper.client_desk import KEY, SECOND_KEY, Desk, open_desk
from tests.paper.posted_orders import V1, Asked, Client, body_v1, body_v2
from tests.paper.still_venue import CONDITION, OTHER, TOKEN

INVALID = (400, {"error": "Invalid payload"})


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


@pytest.fixture
async def client(desk: Desk) -> Client:
    return await desk.log_in()


async def posted(desk: Desk, client: Client, asked: Asked | None = None) -> str:
    status, answer = await desk.post(client, asked or Asked(TOKEN))
    assert status == 200, answer
    return str(answer["orderID"])


async def test_an_accepted_order_is_answered_in_the_venues_words(
    desk: Desk, client: Client
) -> None:
    body, order_id = body_v2(KEY, client.key, Asked(TOKEN))
    assert await desk.ask("POST", "/order", client, body) == (
        200,
        {
            "errorMsg": "",
            "orderID": order_id,
            "takingAmount": "",
            "makingAmount": "",
            "status": "live",
            "tradeIDs": [],
            "success": True,
        },
    )
    again = await desk.ask("POST", "/order", client, body)
    assert again == (400, {"error": f"order {order_id} is invalid. Duplicated."})


async def test_a_batch_is_taken_leg_by_leg(desk: Desk, client: Client) -> None:
    good, order_id = body_v2(KEY, client.key, Asked(TOKEN))
    bad, _ = body_v2(KEY, client.key, Asked("123"))
    status, legs = await desk.ask("POST", "/orders", client, [good, bad, good])
    assert status == 200
    assert [leg["orderID"] for leg in legs] == [order_id, "", ""]
    assert [leg["errorMsg"] for leg in legs] == [
        "",
        "the orderbook 123 does not exist",
        f"order {order_id} is invalid. Duplicated.",
    ]
    assert all(leg["success"] for leg in legs)


async def test_a_batch_of_another_generation_is_refused_whole(desk: Desk, client: Client) -> None:
    good, _ = body_v2(KEY, client.key, Asked(TOKEN))
    old, _ = body_v1(KEY, client.key, Asked(TOKEN, exchange=V1))
    answer = await desk.ask("POST", "/orders", client, [old, good])
    assert answer == (400, {"error": VERSION_MISMATCH})


async def test_a_batch_has_one_to_fifteen_orders(desk: Desk, client: Client) -> None:
    body, _ = body_v2(KEY, client.key, Asked(TOKEN))
    error = "Too many orders in payload: 16, max allowed: 15"
    assert await desk.ask("POST", "/orders", client, [body] * 16) == (400, {"error": error})
    nothings: list[object] = [[], {}, "x"]
    for wrong in nothings:
        answer = await desk.ask("POST", "/orders", client, wrong)
        assert answer == (400, {"error": INVALID_PAYLOAD})


async def test_one_order_is_cancelled_once(desk: Desk, client: Client) -> None:
    order_id = await posted(desk, client)
    answer = await desk.ask("DELETE", "/order", client, {"orderID": order_id})
    assert answer == (200, {"canceled": [order_id], "not_canceled": {}})
    answer = await desk.ask("DELETE", "/order", client, {"orderID": order_id})
    assert answer[1]["not_canceled"] == {order_id: "already canceled or matched"}


async def test_orders_are_cancelled_by_id(desk: Desk, client: Client) -> None:
    ids = [await posted(desk, client) for _ in range(2)]
    answer = await desk.ask("DELETE", "/orders", client, [*ids, "0x12"])
    assert answer[1]["canceled"] == ids
    assert list(answer[1]["not_canceled"]) == ["0x12"]


async def test_a_thousand_ids_are_the_most(desk: Desk, client: Client) -> None:
    error = "Too many orders in payload: 1001, max allowed: 1000"
    answer = await desk.ask("DELETE", "/orders", client, ["0x1"] * 1001)
    assert answer == (400, {"error": error})


async def test_cancelling_all_spares_other_keys(desk: Desk, client: Client) -> None:
    second = await desk.log_in(SECOND_KEY)
    mine = await posted(desk, client)
    _, theirs = await desk.post(second, Asked(TOKEN), SECOND_KEY)
    answer = await desk.ask("DELETE", "/cancel-all", client)
    assert answer == (200, {"canceled": [mine], "not_canceled": {}})
    assert desk.venue.records[theirs["orderID"]].status is OrderStatus.LIVE


async def test_a_markets_or_a_tokens_orders_are_cancelled(desk: Desk, client: Client) -> None:
    yes, no = await posted(desk, client), await posted(desk, client, Asked(OTHER))
    path = "/cancel-market-orders"
    answer = await desk.ask("DELETE", path, client, {"market": "", "asset_id": OTHER})
    assert answer[1]["canceled"] == [no]
    answer = await desk.ask("DELETE", path, client, {"market": "0x77", "asset_id": TOKEN})
    assert answer[1]["canceled"] == []
    answer = await desk.ask("DELETE", path, client, {"market": CONDITION})
    assert answer[1]["canceled"] == [yes]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/order", b"{}"),
        ("DELETE", "/order", b'{"orderID":5}'),
        ("DELETE", "/order", b'{"orderID":""}'),
        ("DELETE", "/order", b"nonsense"),
        ("DELETE", "/orders", b"{}"),
        ("DELETE", "/orders", b"[5]"),
        ("DELETE", "/cancel-market-orders", b"{}"),
        ("DELETE", "/cancel-market-orders", b'{"market":["a"]}'),
        ("POST", "/v1/heartbeats", b'{"heartbeat_id":5}'),
        ("POST", "/v1/heartbeats", b""),
    ],
)
async def test_a_malformed_request_is_refused(
    desk: Desk, client: Client, method: str, path: str, body: bytes
) -> None:
    assert await desk.ask(method, path, client, body) == INVALID


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/order"),
        ("POST", "/orders"),
        ("DELETE", "/order"),
        ("DELETE", "/orders"),
        ("DELETE", "/cancel-all"),
        ("DELETE", "/cancel-market-orders"),
        ("POST", "/v1/heartbeats"),
        ("GET", "/data/orders"),
        ("GET", "/data/trades"),
        ("GET", "/balance-allowance"),
    ],
)
async def test_nothing_is_done_without_a_key(desk: Desk, method: str, path: str) -> None:
    assert await desk.ask(method, path) == (401, {"error": "Unauthorized/Invalid api key"})


@pytest.mark.parametrize("path", ["/v1/heartbeats", "/heartbeats"])
async def test_a_heartbeat_names_the_one_before(desk: Desk, client: Client, path: str) -> None:
    status, first = await desk.ask("POST", path, client, {"heartbeat_id": ""})
    assert status == 200
    status, second = await desk.ask("POST", path, client, first)
    assert status == 200
    answer = await desk.ask("POST", path, client, first)
    expected = second["heartbeat_id"]
    assert answer == (400, {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": expected})
    assert (await desk.ask("POST", path, client, {"heartbeat_id": expected}))[0] == 200
