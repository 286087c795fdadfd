"""A seeded client trades under the ready-made plans; in the end the books tell one story."""

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.paper.engine_room import YES
from tests.paper.fault_desk import BUY, OWNER, SELL, FaultDesk, asked, open_books, open_fault_desk

ORDERS = 60
POSTS_MAX = 40
FINAL = ("CONFIRMED", "FAILED")


async def put(desk: FaultDesk, profile: str, seed: int) -> None:
    """Put a profile in force, with hangs too short to wait for."""
    _, told = await desk.ask("POST", "/_paper/faults", {"seed": seed, "profile": profile})
    rules = [{key: rule[key] for key in rule if key != "struck"} for rule in told["rules"]]
    for rule in rules:
        if rule["fault"].startswith("hang"):
            rule["delay_s"] = "0.001"
    await desk.plan(*rules, seed=seed)


async def try_once(desk: FaultDesk, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Send a request; return status 0 for one that is lost."""
    try:
        status, text, _ = await desk.raw(method, path, body)
        return status, json.loads(text)
    except (aiohttp.ClientConnectionError, ConnectionError):
        return 0, None


async def trade(desk: FaultDesk, rng: random.Random) -> str:
    """Post one order until its fate is known, and cancel some of those that rest."""
    side, order_type = rng.choice([BUY, SELL]), rng.choice(["FAK", "FOK", "GTC"])
    price = rng.choice(["0.43", "0.44", "0.45", "0.46"])
    body, order_id = desk.signed(asked(price, rng.randint(5, 40), side=side, order_type=order_type))
    for _ in range(POSTS_MAX):
        status, _ = await try_once(desk, "POST", "/order", body)
        if status in (200, 400):
            break
        desk.room.wait("0.5")
    else:
        pytest.fail("no answer at all")
    for path in (f"/data/order/{order_id}", "/data/trades", "/balance-allowance"):
        await try_once(desk, "GET", path)
    if rng.random() < 0.5:
        await try_once(desk, "DELETE", "/order", {"orderID": order_id})
    return order_id


@pytest.mark.parametrize(("profile", "seed"), [("chaos", 1), ("chaos", 2), ("stress", 1)])
async def test_books_are_whole_after_a_bad_day(tmp_path: Path, profile: str, seed: int) -> None:
    rng = random.Random(seed)
    async with open_fault_desk(tmp_path) as desk:
        await put(desk, profile, seed)
        posted = set()
        for _ in range(ORDERS):
            posted.add(await trade(desk, rng))
            open_books(desk.room, str(rng.randint(20, 99)), str(rng.randint(20, 99)))
            desk.room.wait("0.3")
        struck = await desk.struck()
        assert sum(struck) > ORDERS // 4
        await desk.plan()
        desk.room.wait("30")
        await desk.ask("DELETE", "/cancel-all")
        rows = {row["order_id"]: row for row in await desk.orders()}
        fills = await desk.fills()
        assert rows.keys() <= posted
        assert not [row for row in rows.values() if row["status"] in ("LIVE", "DELAYED")]
        assert {fill["status"] for fill in fills} <= set(FINAL)
        for order_id, row in rows.items():
            mine = [Decimal(fill["size"]) for fill in fills if fill["order_id"] == order_id]
            assert sum(mine) == Decimal(row["matched"]) <= Decimal(row["size"])
        assert await holdings(desk) == expected(fills)


async def holdings(desk: FaultDesk) -> tuple[Decimal, Decimal]:
    """Return the client's pUSD and YES tokens."""
    wallets = {row["address"]: row for row in (await desk.get("/_paper/wallets"))[1]}
    mine = wallets[OWNER]
    return Decimal(mine["cash"]), Decimal(mine["tokens"].get(YES, "0"))


def expected(fills: list[dict[str, Any]]) -> tuple[Decimal, Decimal]:
    """Return what the client must hold after its confirmed fills."""
    cash, tokens = Decimal(10_000), Decimal(1_000)
    for fill in fills:
        if fill["status"] == "CONFIRMED":
            sign = 1 if fill["side"] == BUY else -1
            cash -= sign * Decimal(fill["cost"]) + Decimal(fill["fee"])
            tokens += sign * Decimal(fill["size"])
    return cash, tokens
