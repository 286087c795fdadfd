"""A held play stands still and is dated from its start."""

from decimal import Decimal
from pathlib import Path

from paper.model import VenueSettings
from paper.tape import open_tape
from paper.venue import Venue
from tests.paper.tiny_tape import write_tiny_tape


async def test_a_held_play_begins_when_it_is_told(tmp_path: Path) -> None:
    tape = tmp_path / "tiny.tape"
    write_tiny_tape(tape)
    now = 1_800_000_000_000
    venue = Venue(
        open_tape(tape),
        VenueSettings(),
        home=tmp_path / "home",
        speed=Decimal(10),
        is_held=True,
        clock=lambda: now,
    )
    before = venue.markets()
    now += 60_000
    venue.start()
    after = venue.markets()
    assert [m.condition_id for m in after] == [m.condition_id for m in before]
    assert [m.ends_at for m in after] == [m.ends_at + 60_000 for m in before]
    assert venue.play is not None
    assert venue.play.started_at == now
    venue.start()
    assert [m.ends_at for m in venue.markets()] == [m.ends_at for m in after]
    venue.close()
