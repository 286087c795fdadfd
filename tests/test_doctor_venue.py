"""What the venue says is judged by its numbers."""

from datetime import timedelta
from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from doctor_findings import Level
from doctor_venue import (
    judge_allowances,
    judge_api_key,
    judge_balance,
    judge_clock,
    look_at_http,
    look_at_nodes,
)
from exchange.polymarket.contracts import EXCHANGES
from trading.types import ZERO, Usd

TEN = Usd(Decimal(10))


@pytest.mark.parametrize(
    ("ms", "level"),
    [
        (0, Level.GREEN),
        (1000, Level.GREEN),
        (1001, Level.AMBER),
        (-3000, Level.AMBER),
        (3001, Level.RED),
        (-3001, Level.RED),
    ],
)
def test_a_clock_is_amber_above_one_second_and_red_above_three(ms: int, level: Level) -> None:
    assert judge_clock("clock", timedelta(milliseconds=ms)).level is level


def test_an_allowance_below_the_cash_is_amber_and_none_at_all_is_red() -> None:
    every = dict.fromkeys(EXCHANGES, TEN)
    assert judge_allowances(TEN, every).level is Level.GREEN
    short = every | {EXCHANGES[0]: Usd(Decimal("9.99"))}
    assert judge_allowances(TEN, short).level is Level.AMBER
    assert EXCHANGES[0][:10] in judge_allowances(TEN, short).found
    assert judge_allowances(TEN, {}).level is Level.RED
    assert judge_allowances(Usd(ZERO), {}).level is Level.RED


def test_an_empty_wallet_is_amber() -> None:
    assert judge_balance(Usd(ZERO)).level is Level.AMBER
    assert judge_balance(TEN).found == "$10.00"


def test_a_key_that_is_not_among_the_accounts_is_red() -> None:
    assert judge_api_key("k", ["a", "k"]).level is Level.GREEN
    assert judge_api_key("k", ["a"]).level is Level.RED


@pytest.fixture
async def node() -> TestServer:
    async def right(_request: web.Request) -> web.Response:
        return web.json_response({"result": "0x89"})

    async def ethereum(_request: web.Request) -> web.Response:
        return web.json_response({"result": "0x1"})

    async def words(_request: web.Request) -> web.Response:
        return web.Response(text="not found", status=404)

    async def down(_request: web.Request) -> web.Response:
        return web.Response(status=502)

    app = web.Application()
    for name, handler in {"right": right, "other": ethereum, "words": words}.items():
        app.router.add_post(f"/{name}", handler)
    app.router.add_get("/down", down)
    server = TestServer(app)
    await server.start_server()
    return server


async def test_one_good_node_is_enough_and_none_is_red(node: TestServer) -> None:
    def urls(*names: str) -> list[str]:
        return [str(node.make_url(f"/{name}")) for name in names]

    async with aiohttp.ClientSession() as session:
        mixed = await look_at_nodes(
            session, [*urls("right", "other", "words"), "http://127.0.0.1:9"]
        )
        levels = [each.level for each in mixed]
        assert levels == [Level.GREEN, Level.AMBER, Level.AMBER, Level.AMBER, Level.GREEN]
        assert mixed[1].found == "HTTP 200, chain 0x1"
        assert mixed[0].expected.endswith("/[redacted]")
        alone = await look_at_nodes(session, urls("right"))
        assert [each.level for each in alone] == [Level.GREEN, Level.AMBER]
        for useless in (urls("other"), []):
            bad = await look_at_nodes(session, useless)
            assert {each.level for each in bad} == {Level.RED}
        broken = await look_at_http(session, "gamma", str(node.make_url("/down")))
        assert broken[0].level is Level.RED
    await node.close()
