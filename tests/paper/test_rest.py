"""Tests of what every route has in common."""

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from paper.rest import venue_errors
from tests.paper.client_desk import open_desk


async def move(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/elsewhere")


async def break_down(_: web.Request) -> web.StreamResponse:
    raise web.HTTPServiceUnavailable


async def test_a_redirect_is_no_error() -> None:
    app = web.Application(middlewares=[venue_errors])
    app.router.add_get("/move", move)
    app.router.add_get("/break", break_down)
    async with TestClient(TestServer(app)) as http:
        moved = await http.get("/move", allow_redirects=False)
        assert (moved.status, moved.headers["Location"]) == (302, "/elsewhere")
        broken = await http.get("/break")
        assert (broken.status, await broken.json()) == (503, {"error": "service unavailable"})


async def test_answers_are_json() -> None:
    async with open_desk() as desk:
        response = await desk.http.get("/time")
        assert response.content_type == "application/json"


async def test_an_escaped_path_is_signed_as_it_is_sent() -> None:
    async with open_desk() as desk:
        client = await desk.log_in()
        assert await desk.get("/data/order/a%20b", client) == (200, None)
