import asyncio

import pytest
from prometheus_client import CollectorRegistry

from dashboard.app import Address, PortError, build_site, serving
from tests.dashboard.desk import PATIENCE_S, a_board, a_desk
from tests.dashboard.fake_records import FakeRecords


async def test_a_taken_port_is_said_to_be_taken() -> None:
    async with a_desk() as desk:
        port = int(desk.url.rsplit(":", 1)[1])
        site = build_site(a_board(FakeRecords()), CollectorRegistry(), "127.0.0.1")
        with pytest.raises(PortError, match=f"port {port} of 127.0.0.1 cannot be had"):
            async with serving(site, Address("127.0.0.1", port)):
                pass


async def test_a_wildcard_is_reached_by_loopback() -> None:
    site = build_site(a_board(FakeRecords()), CollectorRegistry(), "0.0.0.0")
    async with serving(site, Address("0.0.0.0", 0)) as url:
        assert url.startswith("http://127.0.0.1:")


async def test_open_streams_do_not_hold_the_end_up() -> None:
    loop = asyncio.get_running_loop()
    async with a_desk() as desk:
        response = await desk.session.get(desk.url + "/events")
        started = loop.time()
    assert loop.time() - started < PATIENCE_S / 2
    response.close()
