from typing import Any

import pytest
from eth_abi.abi import decode
from polymarket._internal.actions.relayer.approvals import get_trading_approvals_state
from polymarket._internal.environment import PRODUCTION_CONFIG
from polymarket._internal.eoa.rpc import JsonRpcClient
from polymarket.clients._transport import AsyncTransport

from tests.paper.feed_desk import FeedDesk, open_feeds
from tests.paper.told_venue import CLIENT


async def post(desk: FeedDesk, body: object) -> Any:
    response = await desk.http.post("/rpc", json=body)
    assert response.status == 200
    return await response.json()


async def test_a_request_is_answered_under_its_id() -> None:
    async with open_feeds() as desk:
        answer = await post(desk, {"jsonrpc": "2.0", "id": 7, "method": "eth_chainId"})
        assert answer == {"jsonrpc": "2.0", "id": 7, "result": "0x89"}


async def test_a_batch_is_answered_in_order() -> None:
    async with open_feeds() as desk:
        names = ("net_version", "eth_blockNumber", "no_such_method")
        answers = await post(desk, [{"id": n, "method": m} for n, m in enumerate(names)])
        assert [answer["id"] for answer in answers] == [0, 1, 2]
        assert [answer.get("result") for answer in answers] == ["137", "0x3e8", None]
        assert answers[2]["error"]["code"] == -32601


async def test_subscriptions_need_a_websocket() -> None:
    async with open_feeds() as desk:
        answer = await post(desk, {"id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
        assert answer["error"]["code"] == -32601


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b""])
async def test_what_is_not_json_is_a_parse_error(body: bytes) -> None:
    async with open_feeds() as desk:
        response = await desk.http.post("/rpc", data=body)
        assert (await response.json())["error"]["code"] == -32700


async def test_the_official_client_reads_the_chain() -> None:
    async with open_feeds() as desk:
        transport = AsyncTransport(base_url=f"{desk.url}/rpc")
        client = JsonRpcClient(transport)
        await client.verify_chain_id(137)
        assert await client.eth_get_latest_block_timestamp() > 1_700_000_000
        desk.venue.balances[CLIENT, None] = 5_000_000
        data = "0x70a08231" + CLIENT[2:].rjust(64, "0")
        cash = await client.eth_call(to=PRODUCTION_CONFIG.collateral_token, data=data)
        assert decode(["uint256"], bytes.fromhex(cash[2:])) == (5_000_000,)
        await client.close()


async def test_the_official_client_finds_every_approval_granted() -> None:
    async with open_feeds() as desk:
        client = JsonRpcClient(AsyncTransport(base_url=f"{desk.url}/rpc"))
        state = await get_trading_approvals_state(client, wallet=CLIENT, config=PRODUCTION_CONFIG)
        assert state.is_fully_approved
        await client.close()
