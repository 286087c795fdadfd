"""Tests of the routes that lay the venue's books open."""

import dataclasses

from paper.audit import NO_FAULTS
from tests.paper.client_desk import OWNER, open_desk
from tests.paper.posted_orders import Asked
from tests.paper.still_venue import CONDITION, START, TOKEN
from tests.paper.test_rest_account import a_trade


async def test_every_order_ever_posted_is_listed() -> None:
    async with open_desk() as desk:
        client = await desk.log_in()
        _, answer = await desk.post(client, Asked(TOKEN))
        desk.venue.records[answer["orderID"]].posts = 3
        _, orders = await desk.get("/_paper/orders")
    assert orders == [
        {
            "order_id": answer["orderID"],
            "maker": OWNER,
            "token_id": TOKEN,
            "condition_id": CONDITION,
            "side": "BUY",
            "price": "0.5",
            "size": "10",
            "matched": "0",
            "status": "LIVE",
            "order_type": "GTC",
            "owner": client.key,
            "posts": 3,
            "received_at": START,
        }
    ]


async def test_fills_of_clients_are_listed_for_each_side() -> None:
    async with open_desk() as desk:
        desk.venue.made += [
            a_trade(1, "taker-key", "maker-key"),
            dataclasses.replace(a_trade(2, ""), invented=True),
        ]
        _, fills = await desk.get("/_paper/fills")
    taker, maker = fills
    assert (taker["trade_id"], taker["order_id"], taker["fee"]) == (
        "trade-1",
        "0xtaker",
        "0.439824",
    )
    assert (taker["side"], taker["price"], taker["size"], taker["cost"]) == (
        "BUY",
        "0.44",
        "25.5",
        "11.22",
    )
    assert (maker["order_id"], maker["side"], maker["fee"]) == ("0xmaker", "SELL", "0")
    assert (maker["maker"], maker["status"], maker["at"]) == (
        "0xMakerWallet",
        "MATCHED",
        START + 1000,
    )


async def test_every_account_of_the_ledger_is_listed() -> None:
    async with open_desk() as desk:
        await desk.log_in()
        answer = await desk.get("/_paper/wallets")
    row = {"address": OWNER, "cash": "10000", "tokens": {TOKEN: "2.5"}}
    assert answer == (200, [row])


async def test_faults_are_refused_in_clear_words() -> None:
    async with open_desk() as desk:
        assert await desk.ask("POST", "/_paper/faults", body={}) == (501, {"error": NO_FAULTS})
