"""What public nodes of Polygon and Ethereum answered, and which limit they meant."""

import pytest

from exchange.polymarket.chain_limits import PAUSE_S_MAX, Limit, limit_of, named_pause_s

RATE: list[object] = [
    {"code": 429, "message": "Your app has exceeded its compute units per second capacity."},
    {"code": 429, "message": ""},
    {"code": -32000, "message": "Monthly capacity limit exceeded. Visit the dashboard."},
    {"code": -32005, "message": "rate limit exceeded"},
    {"code": -32005, "message": "daily request count exceeded, request rate limited"},
    {"code": -32005, "message": "project ID request rate exceeded"},
    {"code": -32005, "message": "Request limit exceeded."},
    {"code": -32005, "message": "You've exceeded the RPS limit available on the current plan."},
    {"code": -32007, "message": "50/second request limit reached - reduce calls per second"},
    {"code": -32012, "message": "credits limited to 6000/sec"},
    {"code": -32016, "message": "over rate limit"},
    {"code": -32000, "message": '429 Too Many Requests: {"code":-32016}'},
    {
        "code": -32090,
        "message": "Too many requests, reason: call rate limit exhausted, retry in 10s",
    },
    {"code": 15, "message": "Too many request, try again later"},
    "Too Many Requests",
]
RANGE: list[object] = [
    {"code": -32005, "message": "query returned more than 10000 results"},
    {"code": -32005, "message": "query timeout exceeded"},
    {"code": -32005, "message": "eth_getLogs block range too large, range: 99991, max: 3500"},
    {"code": -32005, "message": "query exceeds max block range"},
    {"code": -32602, "message": "range 1000000 exceeds limit of 10000"},
    {"code": -32602, "message": "query exceeds max results 20000, retry with the range 1-2"},
    {"code": -32602, "message": "Log response size exceeded. Limit some parameters and try again."},
    {"code": -32600, "message": "You can make eth_getLogs requests with up to a 500 block range."},
    {"code": -32600, "message": "block range too high"},
    {"code": -32614, "message": "eth_getLogs is limited to a 10,000 range"},
    {"code": -32000, "message": "block range is larger than max block range"},
    {"code": -32000, "message": "exceed maximum block range: 50000"},
    {"code": -32000, "message": "Block range limit exceeded."},
    {"code": 35, "message": "ranges over 10000 blocks are not supported on freetier"},
    {"code": 30, "message": "Request timeout on the free tier, please upgrade your tier"},
]
UNCLEAR: list[object] = [
    {"code": -32005, "message": "limit exceeded"},
    {"code": -32005, "message": ""},
    {"message": "limit exceeded"},
    "limit exceeded",
]
NONE: list[object] = [
    {"code": -32603, "message": "Internal error"},
    {"code": -32000, "message": "header not found"},
    {"code": -32601, "message": "method not found", "data": "range rate limit"},
    {},
    [],
    17,
]
CASES = {Limit.RATE: RATE, Limit.RANGE: RANGE, Limit.UNCLEAR: UNCLEAR, Limit.NONE: NONE}


@pytest.mark.parametrize(("limit", "error"), [(k, e) for k, told in CASES.items() for e in told])
def test_what_nodes_answer_is_taken_for_the_limit_it_means(limit: Limit, error: object) -> None:
    assert limit_of(error) is limit


@pytest.mark.parametrize(
    ("error", "pause_s"),
    [
        ({"message": "call rate limit exhausted, retry in 10s"}, 10),
        ({"message": "rate", "data": {"rate": {"allowed_rps": 1, "backoff_seconds": 30}}}, 30),
        ({"message": "retry in 86400 s"}, PAUSE_S_MAX),
        ({"message": "query exceeds max results, retry with the range 1-2"}, 0),
        ("limit exceeded", 0),
    ],
)
def test_a_node_names_the_pause_that_it_wants(error: object, pause_s: int) -> None:
    assert named_pause_s(error) == pause_s
