"""Frames of the market stream are told apart by their kind."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.polymarket.wire_clob import BookRow
from exchange.polymarket.wire_market import (
    LastTradeFrame,
    PriceChangeFrame,
    ResolvedFrame,
    TickSizeFrame,
    read_market_frame,
)
from exchange.port import WireError
from tests.exchange.samples import AT, CONDITION, NO, YES, book_row
from trading.types import Side

CHANGE = {"asset_id": YES, "price": "0.51", "side": "BUY", "size": "150.0", "hash": "0xhash001"}
FRAMES: list[dict[str, object]] = [
    book_row(),
    {
        "event_type": "price_change",
        "market": CONDITION,
        "price_changes": [{**CHANGE, "best_bid": "0.51", "best_ask": "0.52"}],
        "timestamp": "1795348800123",
    },
    {
        "event_type": "last_trade_price",
        "market": CONDITION,
        "asset_id": YES,
        "price": "0.965",
        "size": "7",
        "fee_rate_bps": "0",
        "side": "BUY",
        "timestamp": "1795348800123",
        "transaction_hash": "0xb021",
    },
    {
        "event_type": "tick_size_change",
        "market": CONDITION,
        "asset_id": YES,
        "old_tick_size": "0.1",
        "new_tick_size": "0.01",
        "timestamp": "1795348800123",
    },
    {
        "event_type": "market_resolved",
        "id": "1031769",
        "market": CONDITION,
        "assets_ids": [YES, NO],
        "winning_asset_id": YES,
        "winning_outcome": "Yes",
        "timestamp": "1795348800123",
        "tags": ["stocks"],
    },
]
_NONSENSE: st.SearchStrategy[object] = st.sampled_from(
    [None, True, "NaN", -1, [], {}, [None], "x", 1 << 70]
)
KINDS = [BookRow, PriceChangeFrame, LastTradeFrame, TickSizeFrame, ResolvedFrame]


@pytest.mark.parametrize(("frame", "kind"), list(zip(FRAMES, KINDS, strict=True)))
def test_every_kind_of_frame_is_read(frame: dict[str, object], kind: type) -> None:
    read = read_market_frame(frame)
    assert type(read) is kind
    assert read is not None
    assert read.timestamp == AT


def test_a_level_change_carries_the_levels_new_size() -> None:
    frame = read_market_frame(FRAMES[1])
    assert isinstance(frame, PriceChangeFrame)
    (change,) = frame.price_changes
    assert (change.asset_id, change.side) == (YES, Side.BUY)
    assert (change.price, change.size) == (Decimal("0.51"), Decimal(150))


@pytest.mark.parametrize("kind", ["best_bid_ask", "new_market", "tomorrow's", None, 5, ["book"]])
def test_kinds_that_we_do_not_use_are_passed_over(kind: object) -> None:
    assert read_market_frame({"event_type": kind}) is None


@given(st.sampled_from(FRAMES), st.data())
def test_a_damaged_frame_is_read_or_refused(frame: dict[str, object], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(frame)))
    value: object = data.draw(_NONSENSE)
    with contextlib.suppress(WireError):
        read_market_frame({**frame, key: value})
