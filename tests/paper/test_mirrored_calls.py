"""What a mirroring venue answers itself, and what it passes on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.paper.mirror_desk import OWNER, MirrorDesk, open_mirror_desk
from tests.paper.still_venue import CONDITION, OTHER, TOKEN

STRANGER = "0x" + "42" * 20
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # the client's pool is a global


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[MirrorDesk]:
    async with open_mirror_desk(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    "path",
    [
        f"/gamma/markets/keyset?clob_token_ids={TOKEN}",
        f"/clob-markets/{CONDITION}",
        f"/prices-history?market={TOKEN}&interval=1h",
        f"/data/v2/positions?user={STRANGER}",
        "/data/v2/leaderboard?limit=3",
        "/gamma/markets/keyset?limit=no",
    ],
)
async def test_questions_about_the_market_and_strangers_are_passed_on(
    desk: MirrorDesk, path: str
) -> None:
    async with desk.http.get(f"{desk.there.clob}{path}") as response:
        expected = response.status, await response.json()
    assert await desk.get(path) == expected


async def test_questions_about_our_own_wallet_are_answered_here(desk: MirrorDesk) -> None:
    await desk.buy(TOKEN, 0.5)
    path = f"/data/v2/positions?user={OWNER}"
    async with asyncio.timeout(20):  # the Data API tells of a trade seconds after it
        while not (rows := (await desk.get(path))[1]["data"]):  # noqa: ASYNC110 - served here
            await asyncio.sleep(0.1)
    assert len(rows) == 1
    assert TOKEN in rows[0].values()
    async with desk.http.get(f"{desk.there.clob}/data/v2/positions?user={OWNER}") as response:
        assert (await response.json())["data"] == []


async def test_several_books_are_read_at_once(desk: MirrorDesk) -> None:
    body = [{"token_id": TOKEN}, {"token_id": OTHER}, {"token_id": "5"}]
    async with desk.http.post(f"{desk.here.clob}/books", json=body) as response:
        books = await response.json()
    assert [book["asset_id"] for book in books] == [TOKEN, OTHER]


async def test_the_terms_of_a_market_are_known_before_its_book_was_asked_for(
    desk: MirrorDesk,
) -> None:
    assert await desk.get(f"/tick-size?token_id={TOKEN}") == (200, {"minimum_tick_size": 0.01})


@pytest.mark.parametrize("body", [b"no json", b"[" * 5000, b'{"order": 3}', b"[[1]]"])
async def test_an_order_that_cannot_be_read_is_refused_by_its_route(
    desk: MirrorDesk, body: bytes
) -> None:
    async with desk.http.post(f"{desk.here.clob}/order", data=body) as response:
        assert response.status == 401  # no credentials, before the body counts


async def test_an_upstream_that_is_gone_is_said_to_be(desk: MirrorDesk) -> None:
    await desk.fault(at="read_book", fault="error")
    assert (await desk.get(f"/book?token_id={TOKEN}"))[0] == 425
