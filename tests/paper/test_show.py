"""Tests of how the tape and the clock open, feed and resolve markets."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from paper.model import (
    MarketOpened,
    MarketResolved,
    OrderRefusedError,
    OrderType,
    Traded,
    VenueSettings,
)
from paper.redemption import REDEEMED_AFTER_MS
from paper.tape import Tape, open_tape
from paper.venue import Venue
from tests.paper.engine_room import ANNA, QUIET, Clock, Wish, is_balanced, playing, view
from tests.paper.tiny_tape import SHARP, write_tiny_tape


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return open_tape(write_tiny_tape(tmp_path / "tiny.tape"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def venue(tmp_path: Path, tape: Tape, clock: Clock) -> Iterator[Venue]:
    with playing(tape, tmp_path / "home", clock) as venue:
        yield venue


def turn(venue: Venue, clock: Clock, seconds: str, step_ms: int = 250) -> None:
    until = clock.at + int(Decimal(seconds) * 1000)
    while clock.at < until:
        clock.at += step_ms
        venue.step()


def test_markets_take_orders_from_their_start_on(venue: Venue, clock: Clock) -> None:
    token_id = venue.markets()[0].token_ids[0]
    venue.open_wallet(ANNA)
    with pytest.raises(OrderRefusedError, match="not yet ready"):
        venue.submit(Wish(token_id=token_id).signed(), OrderType.GTC, owner="a", post_only=False)
    events = venue.subscribe()
    venue.step()
    told = [events.get_nowait() for _ in range(events.qsize())]
    assert sum(isinstance(event, MarketOpened) for event in told) == 2
    assert view(venue, token_id).bids
    order = Wish(token_id=token_id, price="0.55").signed()
    assert venue.submit(order, OrderType.GTC, owner="a", post_only=False).status == "matched"


def test_whales_trade_at_their_moment_of_the_tape(venue: Venue, clock: Clock) -> None:
    turn(venue, clock, "4.75")
    assert not venue.trades()
    turn(venue, clock, "0.25")
    assert [trade.wallet for trade in venue.trades()] == [SHARP]
    assert len(venue.trades()[0].makers) == 3


def test_a_market_is_resolved_at_its_time_and_redeemed_once_its_trades_are_final(
    venue: Venue, clock: Clock
) -> None:
    turn(venue, clock, "58")
    market = venue.markets()[0]
    venue.open_wallet(ANNA)
    order = Wish(token_id=market.token_ids[0], price="0.99").signed()
    turn(venue, clock, "2.75")
    venue.submit(order, OrderType.GTC, owner="a", post_only=False)
    events = venue.subscribe()
    turn(venue, clock, "0.25")
    told = [events.get_nowait() for _ in range(events.qsize())]
    assert sum(isinstance(event, MarketResolved) for event in told) == 2
    assert venue.markets()[0].payouts == (1_000_000, 0)
    turn(venue, clock, str(Decimal(REDEEMED_AFTER_MS) / 1000 - 1))
    assert not venue.redemptions()
    turn(venue, clock, "3")
    assert any(one.wallet == ANNA and one.payout for one in venue.redemptions())
    assert venue.is_done
    assert is_balanced(venue)


def test_a_long_standstill_is_made_up_for_in_portions(venue: Venue, clock: Clock) -> None:
    clock.at += 3_600_000
    for _ in range(3):
        venue.step()
        clock.at += 10_000
    venue.step()
    assert venue.is_done
    assert len(venue.trades()) == 4


def test_fills_of_nobody_are_told_and_not_kept(tmp_path: Path, tape: Tape, clock: Clock) -> None:
    settings = VenueSettings(filler_fills_per_s=Decimal(10))
    with playing(tape, tmp_path / "home", clock, settings=settings) as venue:
        events = venue.subscribe()
        turn(venue, clock, "4")
        told = [events.get_nowait() for _ in range(events.qsize())]
        invented = [e.trade for e in told if isinstance(e, Traded) and e.trade.invented]
        assert 35 < len(invented) <= 40
        assert not venue.trades()


def test_a_resolved_market_of_a_resumed_play_stays_closed(
    tmp_path: Path, tape: Tape, clock: Clock
) -> None:
    home = tmp_path / "home"
    with playing(tape, home, clock) as venue:
        turn(venue, clock, "62", 500)
    with playing(tape, home, clock, resume=True, settings=QUIET) as venue:
        assert all(market.closed for market in venue.markets())
        turn(venue, clock, "8", 500)
        assert venue.is_done
