"""Tests of the routes that lay the venue's books open."""

import dataclasses

from paper.playback import Play
from paper.tape import TapeHeader
from tests.paper.client_desk import OWNER, open_desk
from tests.paper.posted_orders import Asked
from tests.paper.still_venue import CONDITION, START, TOKEN, StillVenue
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


async def test_a_venue_without_a_tape_plays_nothing() -> None:
    async with open_desk() as desk:
        answer = await desk.get("/_paper/play")
    assert answer == (200, {"now": START, "speed": "20", "done": False})


async def test_the_play_says_what_in_it_is_invented() -> None:
    venue = StillVenue()
    venue.playing = Play("0a1b2c3d", "tiny", 2, START, START, 7_000)
    venue.header = TapeHeader("tiny", 1, "somebody", "CC BY 4.0", ("wallets", "fees"), 5, 9)
    async with open_desk(venue=venue) as desk:
        _, play = await desk.get("/_paper/play")
    assert play == {
        "now": START,
        "speed": "20",
        "done": False,
        "play_id": "0a1b2c3d",
        "started_at": START,
        "tape_time": 7_000,
        "markets": 2,
        "tape": "tiny",
        "tape_starts_at": 5,
        "tape_ends_at": 9,
        "attribution": "somebody",
        "licence": "CC BY 4.0",
        "invented": ["wallets", "fees"],
    }
