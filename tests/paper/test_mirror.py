"""What is traded at a mirroring venue is what the mirrored one offers at that instant."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from py_clob_client_v2.clob_types import OrderType
from py_clob_client_v2.exceptions import PolyApiException

from paper.mirror import STALE, Mirror
from paper.model import MICROS, Level, OrderStatus
from paper.upstream import Upstream, UpstreamUrls
from paper.upstream_rows import FoundBook
from tests.paper.mirror_desk import OWNER, MirrorDesk, open_mirror_desk
from tests.paper.open_venue import BIDS
from tests.paper.still_venue import CONDITION, OTHER, TOKEN, TOKEN_V3

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # the client's pool is a global
HANG = {"at": "read_book", "fault": "hang"}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[MirrorDesk]:
    async with open_mirror_desk(tmp_path) as opened:
        yield opened


async def until(is_so: Callable[[], bool]) -> None:
    """Wait up to ten seconds."""
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - both venues run in this loop
            await asyncio.sleep(0.02)


async def test_an_order_meets_the_book_of_its_own_instant(desk: MirrorDesk) -> None:
    await desk.get(f"/book?token_id={TOKEN}")  # as it was before
    desk.there.venue.set_book(CONDITION, BIDS, (Level(470_000, 30 * MICROS),))
    answer = await desk.buy(TOKEN, 0.5)
    assert answer["status"] == "matched"
    [trade] = desk.here.venue.trades()
    assert (trade.price, trade.size) == (470_000, 10 * MICROS)
    assert desk.there.venue.trades() == []


async def test_the_second_outcome_mirrors_the_first(desk: MirrorDesk) -> None:
    answer = await desk.buy(OTHER, 0.6)
    assert answer["status"] == "matched"
    [trade] = desk.here.venue.trades()
    assert trade.price == MICROS - 430_000


async def test_what_was_taken_here_is_not_offered_here_again(desk: MirrorDesk) -> None:
    desk.there.venue.set_book(CONDITION, BIDS, (Level(450_000, 15 * MICROS),))
    await desk.buy(TOKEN, 0.45)
    await desk.buy(TOKEN, 0.45)
    assert [trade.size for trade in desk.here.venue.trades()] == [10 * MICROS, 5 * MICROS]
    with pytest.raises(PolyApiException, match="no orders found"):
        await desk.buy(TOKEN, 0.45)


async def test_a_resting_order_is_filled_when_the_market_comes_to_it(desk: MirrorDesk) -> None:
    answer = await desk.buy(TOKEN, 0.44, OrderType.GTC)
    assert answer["status"] == "live"
    desk.there.venue.set_book(CONDITION, (), (Level(440_000, 50 * MICROS),))
    record = desk.here.venue.order(answer["orderID"])
    assert record is not None
    await until(lambda: record.status is OrderStatus.MATCHED)


async def test_nothing_is_matched_with_a_stale_book(desk: MirrorDesk) -> None:
    await desk.buy(TOKEN, 0.5)
    await desk.fault(**HANG)
    began_at = time.monotonic()
    with pytest.raises(PolyApiException) as refused:
        await desk.buy(TOKEN, 0.5)
    assert (refused.value.status_code, refused.value.error_msg) == (425, {"error": STALE})
    assert time.monotonic() - began_at < 4
    await asyncio.sleep(0.3)
    assert (await desk.get(f"/book?token_id={TOKEN}"))[0] == 425
    assert len(desk.here.venue.orders()) == 1
    await desk.fault()
    assert (await desk.buy(TOKEN, 0.5))["status"] == "matched"


async def test_a_market_that_takes_no_orders_there_takes_none_here(desk: MirrorDesk) -> None:
    market = desk.there.venue.market(CONDITION)
    assert market is not None
    desk.there.venue.revise_market(replace(market, accepting_orders=False))
    with pytest.raises(PolyApiException, match="not yet ready"):
        await desk.buy(TOKEN, 0.5)


async def test_a_changed_tick_size_holds_here_too(desk: MirrorDesk) -> None:
    await desk.get(f"/book?token_id={TOKEN}")
    market = desk.there.venue.market(CONDITION)
    assert market is not None
    desk.there.venue.revise_market(replace(market, tick_size=1_000))
    assert (await desk.buy(TOKEN, 0.461))["status"] == "matched"


@pytest.mark.parametrize("payouts", [(MICROS, 0), (MICROS // 2, MICROS // 2)])
async def test_a_result_there_pays_here(desk: MirrorDesk, payouts: tuple[int, int]) -> None:
    await desk.buy(TOKEN, 0.45)
    venue = desk.here.venue
    await until(lambda: venue.balance(OWNER, TOKEN) == 10 * MICROS)
    cash = venue.balance(OWNER, None)
    desk.there.venue.resolve_market(CONDITION, payouts)
    await until(lambda: venue.balance(OWNER, TOKEN) == 0)
    assert venue.balance(OWNER, None) == cash + 10 * payouts[0]


async def test_a_book_that_was_overtaken_by_the_result_opens_no_market_again(
    desk: MirrorDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names another tick size, too, which would be a change of terms."""
    venue, there = desk.here.venue, desk.there
    upstream = Upstream(UpstreamUrls(there.clob, there.urls["gamma"], there.urls["data"]))
    await desk.get(f"/book?token_id={TOKEN}")

    async def overtaken(token_id: str) -> FoundBook:
        assert token_id == TOKEN
        venue.resolve_market(CONDITION, (MICROS, 0))
        return FoundBook((), (Level(450_000, MICROS),), 1_000, None)

    monkeypatch.setattr(upstream, "fetch_book", overtaken)
    async with upstream.opened():
        await Mirror(venue, upstream).freshen(TOKEN)
    market = venue.market(CONDITION)
    assert market is not None
    assert (market.closed, market.payouts) == (True, (MICROS, 0))


async def test_a_market_of_the_third_exchange_is_found_by_its_position(desk: MirrorDesk) -> None:
    status, book = await desk.get(f"/book?token_id={TOKEN_V3}")
    assert (status, book["asset_id"]) == (200, TOKEN_V3)


async def test_a_token_of_nobody_has_no_book(desk: MirrorDesk) -> None:
    status, answer = await desk.get("/book?token_id=123456789")
    assert (status, answer["error"]) == (404, "No orderbook exists for the requested token id")
