"""Tests of the tape on the wall clock."""

from decimal import Decimal
from pathlib import Path

import pytest

from paper.model import Dialect
from paper.playback import Play, Playback, TapeClock, listing_of
from paper.tape import Tape, open_tape
from tests.paper.engine_room import START
from tests.paper.tiny_tape import TINY_ONE, TINY_START, TINY_TWO, write_tiny_tape

PLAY = Play("abcd1234", "tiny", None, START, START, TINY_START)


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return open_tape(write_tiny_tape(tmp_path / "tiny.tape"))


def test_the_clock_compresses_time_by_its_speed() -> None:
    clock = TapeClock(PLAY, Decimal("2.5"))
    assert clock.wall(TINY_START + 5_000) == START + 2_000
    assert clock.tape(START + 2_000) == TINY_START + 5_000


def test_events_come_when_they_are_due_and_once(tape: Tape) -> None:
    playback = Playback(tape, PLAY)
    assert len(list(playback.due(TINY_START, 100))) == 2
    assert list(playback.due(TINY_START, 100)) == []
    assert len(list(playback.due(TINY_START + 5_000, 3))) == 3
    assert len(list(playback.due(TINY_START + 5_000, 100))) == 8
    assert playback.position == 13
    assert not playback.is_over
    list(playback.due(TINY_START + 100_000, 1_000))
    assert playback.is_over


def test_winding_ends_at_a_position_with_the_last_snapshots(tape: Tape) -> None:
    playback = Playback(tape, PLAY)
    snapshots = playback.wind(13)
    assert playback.position == 13
    assert {recorded_id: s.at for recorded_id, s in snapshots.items()} == {
        TINY_ONE: TINY_START + 5_000,
        TINY_TWO: TINY_START + 5_000,
    }
    playback.wind(10**6)
    assert playback.is_over


def test_a_play_may_be_of_the_first_markets_only(tape: Tape) -> None:
    play = Play("abcd1234", "tiny", 1, START, START, TINY_START)
    events = list(Playback(tape, play).due(TINY_START + 100_000, 1_000))
    assert {event.condition_id for event in events} == {TINY_ONE}


def test_a_market_is_listed_under_new_ids_and_on_the_wall_clock(tape: Tape) -> None:
    clock = TapeClock(PLAY, Decimal(20))
    listing = listing_of(tape.markets[0], PLAY, clock, is_v1=False)
    assert listing.market.condition_id != TINY_ONE
    assert listing.market.slug == tape.markets[0].slug
    assert (listing.market.starts_at, listing.market.ends_at) == (START, START + 3_000)
    assert listing.resolves_at == START + 3_050
    assert listing.result == tape.markets[0].payouts
    assert listing.market.payouts is None
    assert not listing.market.accepting_orders


def test_the_v1_dialect_is_for_clob_markets(tape: Tape) -> None:
    clock = TapeClock(PLAY, Decimal(1))
    dialects = [listing_of(m, PLAY, clock, is_v1=True).market.dialect for m in tape.markets]
    assert dialects == [Dialect.V1, Dialect.PROTOCOL_V2]
