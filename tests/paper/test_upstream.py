"""Another venue is asked within a short time, and its errors are named."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import paper.upstream
from paper.upstream import Upstream, UpstreamUrls
from paper.upstream_rows import UpstreamError


@asynccontextmanager
async def upstream_that(answers: web.Response | None) -> AsyncIterator[Upstream]:
    """Serve one answer to everything, or none at all; /forwarded passes it on."""

    async def serve(request: web.Request) -> web.Response:
        if request.path == "/forwarded":
            return await upstream.forward(f"{url}/asked", request)
        if answers is None:
            await asyncio.sleep(5)
        return web.Response(
            body=None if answers is None else answers.body,
            status=200 if answers is None else answers.status,
            content_type="application/json",
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    async with TestServer(app) as server:
        url = str(server.make_url("/")).rstrip("/")
        upstream = Upstream(UpstreamUrls(url, url, url))
        async with upstream.opened():
            yield upstream


async def test_no_book_is_said_by_404() -> None:
    async with upstream_that(web.Response(status=404)) as upstream:
        assert await upstream.fetch_book("7") is None
        assert await upstream.fetch_market("7") is None
        with pytest.raises(UpstreamError, match="expected the fees of 0xab"):
            await upstream.fetch_fees("0xab")


async def test_other_statuses_and_what_is_no_json_are_errors() -> None:
    async with upstream_that(web.Response(status=503)) as upstream:
        with pytest.raises(UpstreamError, match="received 503"):
            await upstream.fetch_book("7")
    async with upstream_that(web.Response(text="<html>")) as upstream:
        with pytest.raises(UpstreamError, match="expected JSON"):
            await upstream.fetch_book("7")


async def test_an_answer_that_takes_longer_than_a_second_is_none() -> None:
    async with upstream_that(None) as upstream:
        with pytest.raises(UpstreamError, match="TimeoutError"):
            await upstream.fetch_book("7")


async def test_a_long_answer_is_read_and_passed_on_whole() -> None:
    """It comes in many parts."""
    levels = [{"price": "0.4", "size": str(n)} for n in range(1, 20_000)]
    body = json.dumps({"asset_id": "7", "bids": levels}).encode()
    async with upstream_that(web.Response(body=body)) as upstream:
        book = await upstream.fetch_book("7")
        assert book is not None
        assert len(book.bids) == len(levels)
        assert await _ask_for_forwarded(upstream) == (200, body)


async def test_an_answer_without_an_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper.upstream, "ANSWER_BYTES_MAX", 10)
    async with upstream_that(web.Response(text='{"asset_id": "7"}')) as upstream:
        with pytest.raises(UpstreamError, match="expected 10 bytes at most"):
            await upstream.fetch_book("7")
        status, _ = await _ask_for_forwarded(upstream)
        assert status == 502


async def _ask_for_forwarded(upstream: Upstream) -> tuple[int, bytes]:
    url = f"{upstream.urls.clob}/forwarded"
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return answer.status, await answer.read()


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1", "127.0.0.1:80", "http://"])
def test_what_is_no_address_of_a_web_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected an http or https URL"):
        UpstreamUrls(url, url, url)
