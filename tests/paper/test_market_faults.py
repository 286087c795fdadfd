"""Tests of books that cannot be."""

from paper.faults import Fault, FaultPlan, Point
from paper.market_faults import false_book, truth_after_s
from paper.model import MICROS, Book, BookChanged, Level
from tests.paper.feed_desk import frames_until_pong, next_frame, open_feeds
from tests.paper.told_venue import CONDITION, NO, NOW, YES

SUBSCRIBE = {"type": "market", "assets_ids": [YES, NO]}
CHANGE = BookChanged(CONDITION, (Level(440_000, 7 * MICROS),), (), NOW + 5)
BID, ASK = Level(430_000, MICROS), Level(450_000, 2 * MICROS)


def a_rule(name: str, **changes: object) -> Fault:
    return Fault(at=Point.MARKET_STREAM, fault=name, **changes)  # type: ignore[arg-type]


def a_book(bids: tuple[Level, ...] = (BID,), asks: tuple[Level, ...] = (ASK,)) -> Book:
    return Book(YES, CONDITION, bids, asks, NOW)


def crossed(book: Book, tick_size: int = 10_000) -> Book:
    return false_book(book, a_rule("crossed"), tick_size)


def test_a_crossed_book_bids_above_its_best_ask() -> None:
    assert crossed(a_book()).bids == (Level(460_000, 2 * MICROS), BID)
    top = Level(990_000, MICROS)
    assert crossed(a_book(asks=(top,))).bids[0].price == 990_000


def test_a_book_without_asks_is_crossed_from_the_other_side() -> None:
    assert crossed(a_book(asks=())).asks == (Level(420_000, MICROS),)
    assert crossed(a_book((), ())) == a_book((), ())


def test_an_empty_book_has_no_levels() -> None:
    assert false_book(a_book(), a_rule("empty"), 10_000) == a_book((), ())


def test_the_truth_comes_after_a_second_unless_the_rule_says_when() -> None:
    assert truth_after_s(a_rule("empty")) == 1
    assert truth_after_s(a_rule("empty", delay_ms=50)) == 0.05


async def test_a_client_sees_a_crossed_book_in_place_of_a_change_and_then_the_true_one() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", SUBSCRIBE)
        await next_frame(socket)
        desk.venue.faults.replace(FaultPlan((a_rule("crossed", count=1, delay_ms=50),)))
        desk.venue.tell(CHANGE)
        for books, is_crossed in ((await next_frame(socket), True), (await next_frame(socket), 0)):
            assert [book["asset_id"] for book in books] == [YES, NO]
            best = [(book["bids"][-1]["price"], book["asks"][-1]["price"]) for book in books]
            assert all((bid >= ask) == is_crossed for bid, ask in best)


async def test_a_client_sees_an_empty_book_at_the_start_and_then_the_true_one() -> None:
    async with open_feeds() as desk:
        desk.venue.faults.replace(FaultPlan((a_rule("empty", count=1, delay_ms=50),)))
        socket = await desk.socket("/ws/market", SUBSCRIBE)
        empty, true = await next_frame(socket), await next_frame(socket)
        assert [(book["bids"], book["asks"]) for book in empty] == [([], []), ([], [])]
        assert all(book["bids"] for book in true)


async def test_the_truth_is_kept_from_who_left_meanwhile() -> None:
    async with open_feeds() as desk:
        desk.venue.faults.replace(FaultPlan((a_rule("empty", count=1, delay_ms=50),)))
        socket = await desk.socket("/ws/market", {**SUBSCRIBE, "assets_ids": [YES]})
        await next_frame(socket)
        await socket.send_json({"operation": "unsubscribe", "assets_ids": [YES]})
        await socket.send_json({"operation": "subscribe", "assets_ids": [NO]})
        [book] = await next_frame(socket)
        assert book["asset_id"] == NO
        desk.venue.tell(CHANGE)
        assert (await next_frame(socket))["event_type"] == "price_change"


async def test_a_subscriber_gets_no_snapshot_of_a_token() -> None:
    async with open_feeds() as desk:
        rule = a_rule("no_snapshot", match={"token_id": NO})
        desk.venue.faults.replace(FaultPlan((rule,)))
        socket = await desk.socket("/ws/market", SUBSCRIBE)
        [book] = await next_frame(socket)
        assert book["asset_id"] == YES
        assert await frames_until_pong(socket) == []
        desk.venue.tell(CHANGE)
        assert (await next_frame(socket))["event_type"] == "price_change"
