"""The chain's word on an order: never seen, or exactly so many shares."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from eth_abi.abi import encode

from exchange.polymarket.contracts import EXCHANGE_V2
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.settlement import STATUS_SELECTOR, PolygonChain
from exchange.polymarket.wire_chain import ORDER_FILLED
from exchange.port import UnavailableError
from tests.exchange.chain_logs import FillTerms, log_row
from tests.exchange.fake_venue import Asked, FakeHttp, serving
from tests.exchange.samples import HASH, OTHER_HASH, draft
from tests.exchange.test_client import gateway
from trading.orders import UnsignedOrder
from trading.types import OrderHash

BLOCK = 80_000_000
SECOND_MS = 1_000
ORDER = gateway().prepare(draft()).unsigned
OUR_HASH = OrderHash(HASH)


class Node:
    """A node with one order's status and logs, whose newest block was mined with the order."""

    def __init__(
        self, status: tuple[bool, int], *logs: dict[str, object], block_ms: int = 2 * SECOND_MS
    ) -> None:
        self.status = status
        self.logs = logs
        self.block_ms = block_ms
        self.keeps = BLOCK
        self.asked: list[dict[str, Any]] = []

    def answer(self, asked: Asked) -> object:
        call = json.loads(asked.body)
        self.asked.append(call)
        results: dict[str, Callable[..., object]] = {
            "eth_blockNumber": lambda: hex(BLOCK),
            "eth_getBlockByNumber": self.block,
            "eth_call": lambda *_: "0x" + encode(["bool", "uint256"], list(self.status)).hex(),
            "eth_getLogs": lambda *_: list(self.logs),
        }
        result = results[call["method"]](*call["params"])
        return {"jsonrpc": "2.0", "id": call["id"], "result": result}

    def block(self, number: str, _with_transactions: bool) -> object:
        behind = BLOCK - int(number, 16)
        mined_s = (ORDER.timestamp_ms - behind * self.block_ms) // SECOND_MS
        return {"timestamp": hex(mined_s)} if behind <= self.keeps else None

    def asked_for(self, method: str) -> list[dict[str, Any]]:
        return [call for call in self.asked if call["method"] == method]


async def filled(node: Node, order: UnsignedOrder = ORDER) -> Decimal | None:
    async with serving(FakeHttp({"/rpc": node.answer})) as access:
        return await PolygonChain(access).fetch_filled(order, OUR_HASH)


async def test_an_order_that_the_exchange_never_saw_is_none() -> None:
    node = Node((False, 0))
    assert await filled(node) is None
    (call,) = node.asked
    assert call["params"] == [{"to": EXCHANGE_V2, "data": STATUS_SELECTOR + HASH[2:]}, "latest"]


@pytest.mark.parametrize("status", [(True, 0), (False, 1_000_000)])
async def test_settled_shares_are_summed_from_the_logs(status: tuple[bool, int]) -> None:
    logs = [
        log_row(FillTerms(cost="4", size="10.5")),
        log_row(FillTerms(cost="2", size="5")),
        log_row(FillTerms(), removed=True),
        log_row(FillTerms(), topics=[ORDER_FILLED, OTHER_HASH, OTHER_HASH, OTHER_HASH]),
    ]
    node = Node(status, *logs)
    assert await filled(node) == Decimal("15.5")
    (call,) = node.asked_for("eth_getLogs")
    expected = {
        "address": EXCHANGE_V2,
        "topics": [ORDER_FILLED, HASH],
        "fromBlock": hex(BLOCK - 100),
        "toBlock": hex(BLOCK),
    }
    assert call["params"] == [expected]


@pytest.mark.parametrize(
    ("block_ms", "blocks"), [(1_500, 100), (250, 200), (100, 400), (2, 25_600)]
)
async def test_however_fast_blocks_come_the_order_s_own_are_read(
    block_ms: int, blocks: int
) -> None:
    node = Node((True, 0), log_row(), block_ms=block_ms)
    assert await filled(node) is not None
    first = node.asked_for("eth_getLogs")[0]
    assert first["params"][0]["fromBlock"] == hex(BLOCK - blocks)


async def test_a_node_that_keeps_no_older_block_is_asked_from_there() -> None:
    node = Node((True, 0), log_row(), block_ms=1)
    node.keeps = 150
    assert await filled(node) is not None
    first = node.asked_for("eth_getLogs")[0]
    assert first["params"][0]["fromBlock"] == hex(BLOCK - 200)


async def test_logs_since_the_order_was_made_are_read_in_pages() -> None:
    old = replace(ORDER, timestamp_ms=ORDER.timestamp_ms - 3_600_000)
    node = Node((True, 0))
    with pytest.raises(UnavailableError, match="not there yet"):
        await filled(node, old)
    assert len(node.asked_for("eth_getLogs")) == 2


async def test_an_order_of_last_week_is_not_summed_in_part() -> None:
    week_ms = int(timedelta(days=7).total_seconds()) * 1000
    with pytest.raises(UnavailableError, match="expected an order younger"):
        await filled(Node((True, 0)), replace(ORDER, timestamp_ms=ORDER.timestamp_ms - week_ms))


async def test_fills_tell_exact_cost_and_fee() -> None:
    node = Node((True, 0), log_row())
    async with serving(FakeHttp({"/rpc": node.answer})) as access:
        (fill,) = await PolygonChain(access).fetch_fills(ORDER, OUR_HASH)
    assert (fill.cost, fill.fee) == (Decimal(10), Decimal("0.25"))


async def _with_two_nodes(access: VenueAccess, first: str) -> int:
    good = access.endpoints.rpc_http[0]
    endpoints = replace(access.endpoints, rpc_http=(first, good))
    return await PolygonChain(replace(access, endpoints=endpoints)).fetch_block_number()


async def test_the_next_node_answers_when_one_cannot() -> None:
    node = Node((True, 0))
    broken = {"id": 1, "error": {"code": -32005, "message": "limit exceeded"}}
    fake = FakeHttp({"/rpc": node.answer, "/broken": broken, "/locked": {}}, {"/locked": 401})
    async with serving(fake) as access:
        base = access.endpoints.clob
        for path in ("/broken", "/locked", "/missing"):
            assert await _with_two_nodes(access, base + path) == BLOCK
        assert await _with_two_nodes(access, "http://127.0.0.1:1") == BLOCK
        alone = replace(access.endpoints, rpc_http=(base + "/broken",))
        chain = PolygonChain(replace(access, endpoints=alone))
        with pytest.raises(UnavailableError, match="no node answered"):
            await chain.fetch_block_number()
