"""Tests of how a venue is put together from what an earlier one has left."""

from dataclasses import replace
from pathlib import Path

import pytest

from paper.store import StoreError
from paper.tape import Tape, open_tape
from paper.tape_writer import write_tape
from paper.venue import Venue
from tests.paper.engine_room import QUIET, Clock, Wish, levels, open_room, playing, view
from tests.paper.tiny_tape import (
    tiny_events,
    tiny_header,
    tiny_markets,
    tiny_wallets,
    write_tiny_tape,
)


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return open_tape(write_tiny_tape(tmp_path / "tiny.tape"))


def test_without_a_play_to_resume_one_begins(tmp_path: Path, tape: Tape) -> None:
    with playing(tape, tmp_path / "home", Clock(), resume=True) as venue:
        assert venue.play is not None
        assert venue.play.position == 0


def test_a_play_is_not_resumed_with_another_tape(tmp_path: Path, tape: Tape) -> None:
    with playing(tape, tmp_path / "home", Clock()):
        pass
    header = replace(tiny_header(), name="other")
    path = tmp_path / "other.tape"
    write_tape(path, header, tiny_markets(), tiny_wallets(), tiny_events())
    with pytest.raises(StoreError, match="of the tape 'tiny' and cannot be resumed with 'other'"):
        Venue(open_tape(path), QUIET, home=tmp_path / "home", resume=True)
    with playing(tape, tmp_path / "home", Clock(), resume=True):
        pass  # the refusal has let go of the home


def test_a_resumed_play_keeps_to_its_markets(tmp_path: Path, tape: Tape) -> None:
    with playing(tape, tmp_path / "home", Clock(), market_limit=1) as venue:
        condition_ids = [market.condition_id for market in venue.markets()]
    with playing(tape, tmp_path / "home", Clock(), resume=True) as venue:
        assert [market.condition_id for market in venue.markets()] == condition_ids


def test_what_was_taken_stays_away_over_a_restart(tmp_path: Path) -> None:
    room = open_room(tmp_path)
    room.book(asks=levels(("0.40", "100")))
    room.post(Wish(price="0.40", size="60"))
    room.venue.close()
    again = Venue(None, QUIET, home=tmp_path, clock=room.clock)
    listing = again._company.floor.registry.all()[0]
    assert [size for _, _, size in listing.book.taken()] == [60_000_000]
    assert view(again).asks == ()
    again.close()
