import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientSession, WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from paper.sockets import OpenSockets, Outlet, SocketRules, serve_socket

Client = TestClient[web.Request, web.Application]


@dataclass(eq=False)
class Echo:
    outlet: Outlet
    heard: list[str] = field(default_factory=list)

    def receive(self, text: str) -> None:
        self.heard.append(text)
        self.outlet.send(text)


@asynccontextmanager
async def serve(session: Echo, rules: SocketRules | None = None) -> AsyncIterator[Client]:
    sockets: OpenSockets[Echo] = OpenSockets()

    async def handler(request: web.Request) -> web.StreamResponse:
        with sockets.opened(session):
            return await serve_socket(request, session, rules or SocketRules())

    app = web.Application()
    app.router.add_get("/", handler)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_frames_go_in_and_out_in_order() -> None:
    session = Echo(Outlet())
    async with serve(session) as client:
        socket = await client.ws_connect("/")
        for text in ("a", "b", "c"):
            await socket.send_str(text)
        assert [await socket.receive_str(timeout=5) for _ in "abc"] == ["a", "b", "c"]


@pytest.mark.parametrize(("ping", "pong"), [("PING", "PONG"), ("ping", "pong")])
async def test_pings_are_answered_and_not_handed_on(ping: str, pong: str) -> None:
    session = Echo(Outlet())
    async with serve(session) as client:
        socket = await client.ws_connect("/")
        await socket.send_str(ping)
        assert await socket.receive_str(timeout=5) == pong
        assert session.heard == []


async def test_a_silent_client_is_let_go() -> None:
    async with serve(Echo(Outlet()), SocketRules(idle_s=0.05)) as client:
        socket = await client.ws_connect("/")
        message = await socket.receive(timeout=5)
        assert (message.type, message.extra) == (WSMsgType.CLOSE, "idle")


async def test_binary_frames_end_the_socket() -> None:
    async with serve(Echo(Outlet())) as client:
        socket = await client.ws_connect("/")
        await socket.send_bytes(b"x")
        assert (await socket.receive(timeout=5)).type is WSMsgType.CLOSE


async def test_the_server_can_end_a_socket() -> None:
    session = Echo(Outlet())
    async with serve(session) as client:
        socket = await client.ws_connect("/")
        session.outlet.close("enough")
        session.outlet.close("again")
        message = await socket.receive(timeout=5)
        assert (message.data, message.extra) == (1008, "enough")


async def test_a_line_can_break_without_a_close_frame() -> None:
    session = Echo(Outlet())
    async with serve(session) as client:
        socket = await client.ws_connect("/")
        await socket.send_str("hello")
        await socket.receive_str(timeout=5)
        session.outlet.cut()
        session.outlet.cut()
        message = await socket.receive(timeout=5)
        assert message.type in {WSMsgType.CLOSED, WSMsgType.ERROR}
        assert session.outlet.reason == "cut"


async def test_a_client_that_leaves_ends_its_session() -> None:
    session = Echo(Outlet())
    async with serve(session) as client:
        socket = await client.ws_connect("/")
        await socket.close()
        await asyncio.wait_for(session.outlet.wait_closed(), 5)
        assert session.outlet.reason == "client left"


async def test_a_full_outlet_closes_its_socket() -> None:
    outlet = Outlet(capacity=2)
    for text in ("1", "2", "3", "4"):
        outlet.send(text)
    assert (outlet.is_closed, outlet.reason) == (True, "slow consumer")


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    session = Echo(Outlet(capacity=50))
    async with serve(session, SocketRules(idle_s=None)) as client:
        socket = await client.ws_connect("/")
        await socket.send_str("hello")
        await socket.receive_str(timeout=5)
        while not session.outlet.is_closed:
            session.outlet.send("x" * 500_000)
            await asyncio.sleep(0)
        assert session.outlet.reason == "slow consumer"
        kinds = []
        while not socket.closed:
            kinds.append((await socket.receive(timeout=5)).type)
        assert kinds[-1] is not WSMsgType.TEXT


async def test_all_sockets_of_a_feed_can_be_closed_at_once() -> None:
    sockets: OpenSockets[Echo] = OpenSockets()
    first, second = Echo(Outlet()), Echo(Outlet())
    with sockets.opened(first), sockets.opened(second):
        sockets.close_all("bye")
    assert (first.outlet.reason, second.outlet.reason) == ("bye", "bye")
    assert not sockets.sessions


async def test_a_session_ends_with_its_client_where_handlers_are_not_cancelled() -> None:
    ended: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        session = Echo(Outlet())
        response = await serve_socket(request, session, SocketRules())
        ended.append(session.outlet.reason)
        return response

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession() as client:
        socket = await client.ws_connect(f"http://127.0.0.1:{runner.addresses[0][1]}/")
        await socket.close()
    await runner.cleanup()
    assert ended == ["client left"]
