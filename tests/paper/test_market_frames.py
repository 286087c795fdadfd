import json

from polymarket.models.clob.market_events import parse_market_event

from paper.market_frames import (
    best_frame,
    book_frame,
    last_trade_frame,
    new_market_frame,
    price_change_frame,
    resolved_frame,
    tick_size_frame,
)
from paper.model import MICROS, Side, TickSizeChanged
from paper.replica import Best, LevelChange, Replica
from tests.paper.told_venue import CONDITION, NO, NOW, YES, ToldVenue, a_market, a_trade


def test_every_frame_is_one_that_the_official_client_reads() -> None:
    venue = ToldVenue()
    resolved = venue.resolve((MICROS, 0))
    change = LevelChange(Side.BUY, 430_000, 0)
    frames = [
        book_frame(a_market(), venue.books[YES]),
        price_change_frame(a_market(), Replica(), [change], NOW),
        best_frame(a_market(), NO, Best(None, None), NOW),
        last_trade_frame(a_trade()),
        tick_size_frame(TickSizeChanged(CONDITION, 10_000, 1_000, NOW), YES),
        new_market_frame(a_market(), "7", NOW),
        resolved_frame(resolved, "7", NOW),
    ]
    kinds = [parse_market_event(json.loads(json.dumps(frame))).type for frame in frames]
    assert kinds == [frame["event_type"] for frame in frames]


def test_best_prices_of_empty_sides_are_0_and_1_in_changes_and_empty_elsewhere() -> None:
    change = LevelChange(Side.BUY, 430_000, 0)
    frame = json.loads(json.dumps(price_change_frame(a_market(), Replica(), [change], NOW)))
    first, second = frame["price_changes"]
    assert (first["best_bid"], first["best_ask"]) == ("0", "1")
    assert (second["side"], second["price"]) == ("SELL", "0.57")
    best = best_frame(a_market(), YES, Best(None, 450_000), NOW)
    assert (best["best_bid"], best["best_ask"], best["spread"]) == ("", "0.45", "")


def test_amounts_are_decimal_text_and_times_milliseconds() -> None:
    frame = last_trade_frame(a_trade())
    assert (frame["price"], frame["size"]) == ("0.446666", "30")
    assert frame["timestamp"] == str(NOW - 60_000)
