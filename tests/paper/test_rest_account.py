"""Tests of what an account is told about its orders, trades and balances."""

import dataclasses
from collections.abc import AsyncIterator

import pytest

from paper.model import MakerFill, OrderStatus, Side, Trade, TradeStatus, VenueSettings
from paper.rest_account import PAGE
from paper.wallets import wallet_of
from tests.paper.client_desk import OWNER, SECOND_KEY, Desk, open_desk
from tests.paper.posted_orders import V1, V2, V2_NEG_RISK, V3, Asked, Client
from tests.paper.still_venue import CONDITION, OTHER, START, TOKEN

UNLIMITED = str(2**256 - 1)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


@pytest.fixture
async def client(desk: Desk) -> Client:
    return await desk.log_in()


def a_trade(number: int, taker: str, maker: str = "", token_id: str = TOKEN) -> Trade:
    return Trade(
        trade_id=f"trade-{number}",
        taker_order_id="0xtaker",
        owner=taker,
        wallet="0xTakerWallet",
        condition_id=CONDITION,
        token_id=token_id,
        outcome="Yes",
        side=Side.BUY,
        size=25_500_000,
        price=440_000,
        cost=11_220_000,
        fee=439_824,
        status=TradeStatus.MATCHED,
        matched_at=START + number * 1000,
        updated_at=START + number * 1000,
        makers=(
            MakerFill(
                order_id="0xmaker",
                owner=maker,
                wallet="0xMakerWallet",
                token_id=token_id,
                outcome="Yes",
                side=Side.SELL,
                size=25_500_000,
                price=440_000,
            ),
        ),
    )


async def test_an_open_order_is_told_in_shares_and_seconds(desk: Desk, client: Client) -> None:
    _, answer = await desk.post(client, Asked(TOKEN, expiration="1795349999", order_type="GTD"))
    order_id = answer["orderID"]
    desk.venue.records[order_id].matched = 2_500_000
    desk.venue.records[order_id].trade_ids.append("trade-1")
    row = {
        "id": order_id,
        "status": "LIVE",
        "owner": client.key,
        "maker_address": OWNER,
        "market": CONDITION,
        "asset_id": TOKEN,
        "side": "BUY",
        "original_size": "10",
        "size_matched": "2.5",
        "price": "0.5",
        "outcome": "Yes",
        "expiration": "1795349999",
        "order_type": "GTD",
        "associate_trades": ["trade-1"],
        "created_at": START // 1000,
    }
    assert await desk.get(f"/data/order/{order_id}", client) == (200, row)
    assert (await desk.get("/data/orders", client))[1]["data"] == [row]


async def test_an_unknown_or_foreign_order_is_null(desk: Desk, client: Client) -> None:
    second = await desk.log_in(SECOND_KEY)
    _, answer = await desk.post(second, Asked(TOKEN), SECOND_KEY)
    assert await desk.get("/data/order/0x12", client) == (200, None)
    assert await desk.get(f"/data/order/{answer['orderID']}", client) == (200, None)
    assert (await desk.get("/data/orders", client))[1]["data"] == []


@pytest.mark.parametrize(("order_type", "is_told"), [("GTC", True), ("FAK", False)])
async def test_a_finished_order_is_told_only_if_it_rested(
    desk: Desk, client: Client, order_type: str, is_told: bool
) -> None:
    _, answer = await desk.post(client, Asked(TOKEN, order_type=order_type))
    desk.venue.records[answer["orderID"]].status = OrderStatus.MATCHED
    _, row = await desk.get(f"/data/order/{answer['orderID']}", client)
    assert (row is not None and row["status"] == "MATCHED") is is_told
    assert (await desk.get("/data/orders", client))[1]["data"] == []


async def test_open_orders_are_filtered(desk: Desk, client: Client) -> None:
    ids = [(await desk.post(client, Asked(token)))[1]["orderID"] for token in (TOKEN, OTHER)]
    for query, expected in [
        (f"asset_id={OTHER}", ids[1:]),
        (f"id={ids[0]}", ids[:1]),
        (f"market={CONDITION}", ids),
        ("market=0x12", []),
    ]:
        _, page = await desk.get(f"/data/orders?{query}", client)
        assert [row["id"] for row in page["data"]] == expected


async def test_trades_are_paged_newest_first(desk: Desk, client: Client) -> None:
    desk.venue.made += [a_trade(n, client.key) for n in range(PAGE + 1)]
    _, first = await desk.get("/data/trades?next_cursor=MA==", client)
    assert (first["count"], first["limit"], first["next_cursor"]) == (PAGE, PAGE, "MTAw")
    assert first["data"][0]["id"] == f"trade-{PAGE}"
    _, last = await desk.get("/data/trades?next_cursor=MTAw", client)
    assert [row["id"] for row in last["data"]] == ["trade-0"]
    assert last["next_cursor"] == "LTE="


@pytest.mark.parametrize("cursor", ["LTE=", "nonsense", "bm8=", "MTAwMDAwMDAwMDAwMDAwMDAw"])
async def test_a_wrong_cursor_is_refused(desk: Desk, client: Client, cursor: str) -> None:
    assert (await desk.get(f"/data/trades?next_cursor={cursor}", client))[0] == 400


async def test_a_trade_is_told_to_taker_and_maker_and_to_nobody_else(
    desk: Desk, client: Client
) -> None:
    second, third = await desk.log_in(SECOND_KEY), await desk.log_in(nonce=1)
    desk.venue.made += [a_trade(1, client.key, second.key), a_trade(2, "", "")]
    for reader, sides in [(client, ["TAKER"]), (second, ["MAKER"]), (third, [])]:
        _, page = await desk.get("/data/trades", reader)
        assert [row["trader_side"] for row in page["data"]] == sides
    desk.venue.made.append(a_trade(3, client.key))
    _, page = await desk.get("/data/trades", client)
    assert [row["id"] for row in page["data"]] == ["trade-3", "trade-1"]


async def test_a_trade_is_told_in_the_venues_words(desk: Desk, client: Client) -> None:
    desk.venue.made.append(a_trade(1, client.key))
    _, page = await desk.get("/data/trades", client)
    assert page["data"] == [
        {
            "id": "trade-1",
            "taker_order_id": "0xtaker",
            "market": CONDITION,
            "asset_id": TOKEN,
            "side": "BUY",
            "size": "25.5",
            "fee_rate_bps": "0",
            "price": "0.44",
            "status": "MATCHED",
            "match_time": str((START + 1000) // 1000),
            "last_update": str((START + 1000) // 1000),
            "outcome": "Yes",
            "bucket_index": 0,
            "owner": client.key,
            "maker_address": "0xTakerWallet",
            "transaction_hash": "",
            "maker_orders": [
                {
                    "order_id": "0xmaker",
                    "owner": "",
                    "maker_address": "0xMakerWallet",
                    "matched_amount": "25.5",
                    "price": "0.44",
                    "fee_rate_bps": "0",
                    "asset_id": TOKEN,
                    "outcome": "Yes",
                    "side": "SELL",
                }
            ],
            "trader_side": "TAKER",
        }
    ]


async def test_a_later_status_of_a_trade_is_told(desk: Desk, client: Client) -> None:
    desk.venue.made.append(a_trade(1, client.key))
    await desk.get("/data/trades", client)
    mined = dataclasses.replace(
        desk.venue.made[0], status=TradeStatus.MINED, transaction_hash="0xabc"
    )
    desk.venue.made[0] = mined
    _, page = await desk.get("/data/trades?id=trade-1", client)
    assert (page["data"][0]["status"], page["data"][0]["transaction_hash"]) == ("MINED", "0xabc")


async def test_trades_are_filtered(desk: Desk, client: Client) -> None:
    desk.venue.made += [a_trade(1, client.key), a_trade(2, client.key, token_id=OTHER)]
    at = START // 1000
    for query, expected in [
        ("id=trade-2", ["trade-2"]),
        (f"asset_id={TOKEN}", ["trade-1"]),
        ("market=0x12", []),
        ("maker_address=0xmakerwallet", ["trade-2", "trade-1"]),
        ("maker_address=0xother", []),
        (f"after={at + 2}", ["trade-2"]),
        (f"before={at + 1}", ["trade-1"]),
    ]:
        _, page = await desk.get(f"/data/trades?{query}", client)
        assert [row["id"] for row in page["data"]] == expected


@pytest.mark.parametrize("query", ["after=soon", "before=-1", "after=1e9"])
async def test_a_time_that_is_no_number_is_refused(desk: Desk, client: Client, query: str) -> None:
    assert (await desk.get(f"/data/trades?{query}", client))[0] == 400


@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
async def test_a_balance_is_that_of_the_wallet_behind_the_signature_type(
    desk: Desk, client: Client, signature_type: int
) -> None:
    wallet = wallet_of(OWNER, signature_type)
    query = f"asset_type=COLLATERAL&signature_type={signature_type}"
    allowances = dict.fromkeys(sorted([V2, V2_NEG_RISK, V3]), UNLIMITED)
    answer = await desk.get(f"/balance-allowance?{query}", client)
    assert answer == (200, {"balance": "10000000000", "allowances": allowances})
    desk.venue.cash[wallet] = 42
    assert (await desk.get(f"/balance-allowance?{query}", client))[1]["balance"] == "42"
    assert await desk.get(f"/balance-allowance/update?{query}", client) == (200, "OK")


async def test_a_token_balance_needs_its_token(desk: Desk, client: Client) -> None:
    for kind in ("CONDITIONAL", "CONDITIONAL-V2"):
        path = f"/balance-allowance?asset_type={kind}"
        assert await desk.get(path, client) == (400, {"error": "Invalid token id"})
        assert (await desk.get(f"{path}&token_id={TOKEN}", client))[1]["balance"] == "0"


@pytest.mark.parametrize("query", ["asset_type=GOLD", "signature_type=4", "signature_type=-1"])
async def test_an_impossible_balance_is_refused(desk: Desk, client: Client, query: str) -> None:
    assert (await desk.get(f"/balance-allowance?{query}", client))[0] == 400


async def test_the_first_dialect_allows_its_own_exchanges() -> None:
    async with open_desk(VenueSettings(v1_dialect=True)) as desk:
        client = await desk.log_in()
        _, answer = await desk.get("/balance-allowance", client)
        assert V1 in answer["allowances"]
        assert V2 not in answer["allowances"]


async def test_small_questions_have_small_answers(desk: Desk, client: Client) -> None:
    assert await desk.get("/notifications?signature_type=0", client) == (200, [])
    assert await desk.ask("DELETE", "/notifications?ids=1", client) == (200, "OK")
    assert await desk.get("/order-scoring?order_id=0x1", client) == (200, {"scoring": False})
    assert (await desk.get("/v1/user/rate-limit-tier", client))[1]["tier"] == "Standard"
    assert (await desk.get("/api/geoblock"))[1]["blocked"] is False
