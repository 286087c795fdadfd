"""Tests of what silence does to open orders."""

import asyncio
import contextlib

import pytest

from paper.heartbeats import SILENCE_MS, Heartbeats, StaleHeartbeatError, open_order_ids
from paper.model import OrderStatus, OrderType, Side, SignedOrder
from tests.paper.still_venue import TOKEN, StillVenue


def resting_order(venue: StillVenue, order_id: str, owner: str) -> None:
    order = SignedOrder(
        order_id=order_id,
        salt=1,
        maker="0x1",
        signer="0x1",
        token_id=TOKEN,
        maker_amount=5_000_000,
        taker_amount=10_000_000,
        side=Side.BUY,
        signature_type=0,
        timestamp=1,
        metadata="0x",
        builder="0x",
        signature="0x",
    )
    venue.submit(order, OrderType.GTC, owner=owner, post_only=False)


def test_silence_cancels_every_order_of_the_key_and_no_other() -> None:
    venue = StillVenue()
    heartbeats = Heartbeats(venue)
    for order_id, owner in (("a", "mine"), ("b", "mine"), ("c", "theirs")):
        resting_order(venue, order_id, owner)
    heartbeats.beat("mine", "")
    venue.at += SILENCE_MS
    assert heartbeats.cancel_silent() == []
    venue.at += 1
    assert heartbeats.cancel_silent() == ["a", "b"]
    assert open_order_ids(venue, "theirs") == ["c"]


def test_silence_ends_the_promise() -> None:
    venue = StillVenue()
    heartbeats = Heartbeats(venue)
    heartbeats.beat("mine", "")
    venue.at += SILENCE_MS + 1
    heartbeats.cancel_silent()
    resting_order(venue, "later", "mine")
    venue.at += SILENCE_MS + 1
    assert heartbeats.cancel_silent() == []
    assert heartbeats.beat("mine", "anything")


def test_a_heartbeat_in_time_keeps_the_orders() -> None:
    venue = StillVenue()
    heartbeats = Heartbeats(venue)
    resting_order(venue, "a", "mine")
    heartbeat_id = ""
    for _ in range(5):
        heartbeat_id = heartbeats.beat("mine", heartbeat_id)
        venue.at += SILENCE_MS
        assert heartbeats.cancel_silent() == []


def test_a_stale_heartbeat_does_not_count() -> None:
    venue = StillVenue()
    heartbeats = Heartbeats(venue)
    resting_order(venue, "a", "mine")
    expected = heartbeats.beat("mine", "")
    venue.at += SILENCE_MS
    with pytest.raises(StaleHeartbeatError) as caught:
        heartbeats.beat("mine", "")
    assert caught.value.expected == expected
    venue.at += 1
    assert heartbeats.cancel_silent() == ["a"]


async def test_the_watch_cancels_by_itself() -> None:
    venue = StillVenue()
    heartbeats = Heartbeats(venue)
    resting_order(venue, "a", "mine")
    heartbeats.beat("mine", "")
    venue.at += SILENCE_MS + 1
    watch = asyncio.create_task(heartbeats.watch())
    await asyncio.sleep(0)
    assert venue.records["a"].status is OrderStatus.CANCELED
    watch.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watch
