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
from paper.model import MICROS, Level, OrderRefusedError, OrderStatus
from paper.upstream import Upstream, UpstreamUrls
from paper.upstream_rows import FoundBook
from tests.paper.mirror_desk import OWNER, MirrorDesk, open_mirror_desk
from tests.paper.open_venue import BIDS
from tests.paper.still_venue import CONDITION, OTHER, TOKEN, TOKEN_V3

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # the client's pool is a global
HANG = {"at": "read_book", "fault": "hang"}


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MirrorDesk]:
    monkeypatch.setattr("paper.mirror.RESULTS_EVERY_S", 0.5)
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


class SlowUpstream(Upstream):
    """The mirrored venue, whose books come when they are let."""

    def __init__(self, desk: MirrorDesk) -> None:
        there = desk.there
        super().__init__(UpstreamUrls(there.clob, there.urls["gamma"], there.urls["data"]))
        self.asked = 0
        self.let = asyncio.Semaphore(0)

    async def fetch_book(self, token_id: str) -> FoundBook | None:
        self.asked += 1
        await self.let.acquire()
        return await super().fetch_book(token_id)


@pytest.fixture
async def slow(desk: MirrorDesk) -> AsyncIterator[tuple[Mirror, SlowUpstream]]:
    """A mirror of its own, whose market is listed."""
    upstream = SlowUpstream(desk)
    async with upstream.opened():
        upstream.let.release()
        mirror = Mirror(desk.here.venue, upstream)
        await mirror.freshen(TOKEN)
        upstream.asked = 0
        yield mirror, upstream
        await mirror.close()


async def next_instant(desk: MirrorDesk) -> int:
    """Return the time, ms, once no book was asked for at it or later."""
    now = desk.here.venue.now()
    await until(lambda: desk.here.venue.now() > now)
    return desk.here.venue.now()


async def all_end(tasks: list[asyncio.Task[None]]) -> list[object]:
    async with asyncio.timeout(10):
        return list(await asyncio.gather(*tasks, return_exceptions=True))


async def test_who_needs_a_book_at_one_time_shares_a_request_and_who_comes_later_the_next(
    desk: MirrorDesk, slow: tuple[Mirror, SlowUpstream]
) -> None:
    mirror, upstream = slow
    now = await next_instant(desk)
    first = [asyncio.create_task(mirror.freshen(TOKEN, since=now)) for _ in range(20)]
    await until(lambda: upstream.asked == 1)
    later = await next_instant(desk)
    second = [asyncio.create_task(mirror.freshen(OTHER, since=later)) for _ in range(20)]
    upstream.let.release()
    assert await all_end(first) == [None] * 20
    await until(lambda: upstream.asked == 2)
    assert not any(task.done() for task in second)
    upstream.let.release()
    assert await all_end(second) == [None] * 20
    assert upstream.asked == 2


async def test_all_who_wait_for_a_book_that_does_not_come_are_refused_together(
    slow: tuple[Mirror, SlowUpstream], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other they would wait for six seconds."""
    mirror, upstream = slow
    monkeypatch.setattr("paper.mirror.ORDER_WAIT_S", 0.2)
    began_at = time.monotonic()
    later = 1 << 60
    waiting = [asyncio.create_task(mirror.freshen(TOKEN, since=later)) for _ in range(30)]
    refused = await all_end(waiting)
    assert time.monotonic() - began_at < 3
    assert [type(error) for error in refused] == [OrderRefusedError] * 30
    assert upstream.asked == 1


async def test_who_gives_up_leaves_the_request_to_the_others(
    desk: MirrorDesk, slow: tuple[Mirror, SlowUpstream], monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror, upstream = slow
    monkeypatch.setattr("paper.mirror.ORDER_WAIT_S", 0.05)
    now = await next_instant(desk)
    with pytest.raises(OrderRefusedError, match="stale"):
        await mirror.freshen(TOKEN, since=now)
    upstream.let.release()
    monkeypatch.setattr("paper.mirror.ORDER_WAIT_S", 5)
    await mirror.freshen(TOKEN, since=now)
    assert upstream.asked == 1


async def test_several_books_are_waited_for_in_the_time_of_one(
    slow: tuple[Mirror, SlowUpstream], monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror, upstream = slow
    monkeypatch.setattr("paper.mirror.ORDER_WAIT_S", 0.3)
    began_at = time.monotonic()
    with pytest.raises(OrderRefusedError, match="stale"):
        await mirror.freshen_all([TOKEN, TOKEN_V3] * 20, since=1 << 60)
    assert time.monotonic() - began_at < 3
    assert upstream.asked == 2


async def test_it_is_remembered_of_so_many_markets_when_they_were_asked_for(
    slow: tuple[Mirror, SlowUpstream], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens of nobody can be asked for without end; what is on its way is not forgotten."""
    mirror, upstream = slow
    monkeypatch.setattr("paper.mirror.ASKED_MAX", 3)
    waiting = asyncio.create_task(mirror.freshen(TOKEN, since=1 << 60))
    await until(lambda: upstream.asked == 1)
    for token in range(1_000, 1_010):
        await mirror.freshen(str(token))
    assert len(mirror) == 3
    waiting.cancel()
    another = asyncio.create_task(mirror.freshen(TOKEN))
    upstream.let.release()
    await another
    assert upstream.asked == 1


async def test_a_mirror_that_closes_leaves_no_request(
    slow: tuple[Mirror, SlowUpstream],
) -> None:
    mirror, upstream = slow
    waiting = asyncio.create_task(mirror.freshen(TOKEN, since=1 << 60))
    await until(lambda: upstream.asked == 1)
    await mirror.close()
    (ended,) = await all_end([waiting])
    assert isinstance(ended, asyncio.CancelledError)
