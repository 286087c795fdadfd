"""Tests of writing tapes."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from paper.model import Level
from paper.tape import Snapshot, TapeError, TapeEvent, WhaleOrder, open_tape
from paper.tape_format import read_blocks, read_head
from paper.tape_writer import write_tape
from tests.paper.tiny_tape import (
    DULL,
    SHARP,
    TINY_ONE,
    TINY_START,
    tiny_events,
    tiny_header,
    tiny_markets,
    tiny_wallets,
    write_tiny_tape,
)


def write(path: Path, events: Iterable[TapeEvent]) -> None:
    write_tape(path, tiny_header(), tiny_markets(), tiny_wallets(), events)


def a_snapshot() -> Snapshot:
    return Snapshot(
        at=TINY_START,
        condition_id=TINY_ONE,
        bids=(Level(490_000, 1), Level(480_000, 7)),
        asks=(Level(510_000, 3),),
    )


def an_order() -> WhaleOrder:
    return next(event for event in tiny_events() if isinstance(event, WhaleOrder))


def test_two_writings_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = (write_tiny_tape(tmp_path / name) for name in "ab")
    assert one.read_bytes() == other.read_bytes()


def test_a_book_that_shares_no_step_is_kept_to_the_micro(tmp_path: Path) -> None:
    odd = replace(a_snapshot(), bids=(Level(490_001, 1_000_003),))
    write(tmp_path / "a", [odd])
    assert list(open_tape(tmp_path / "a").events()) == [odd]


def test_a_tape_without_events_or_levels_can_be_written(tmp_path: Path) -> None:
    empty = replace(a_snapshot(), bids=(), asks=())
    for events in ([], [empty]):
        write(tmp_path / "a", events)
        assert list(open_tape(tmp_path / "a").events()) == events


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (replace(a_snapshot(), condition_id="0xabc"), "a market of the tape, found 0xabc"),
        (replace(a_snapshot(), at=TINY_START - 1), "the next event inside"),
        (replace(a_snapshot(), at=TINY_START + 10**6), "the next event inside"),
        (replace(a_snapshot(), bids=(Level(0, 1),)), "a price inside"),
        (replace(a_snapshot(), asks=(Level(1_000_000, 1),)), "a price inside"),
        (replace(a_snapshot(), asks=(Level(510_000, 0),)), "a positive size"),
        (replace(a_snapshot(), asks=(Level(510_000, -4),)), "a positive size"),
        (replace(a_snapshot(), bids=a_snapshot().bids[::-1]), "levels best first"),
        (replace(a_snapshot(), asks=a_snapshot().asks * 2), "levels best first"),
        (replace(a_snapshot(), asks=(Level(490_000, 1),)), "a best bid below the best ask"),
        (replace(an_order(), wallet="0x" + "99" * 20), "a wallet of the tape"),
        (replace(an_order(), outcome_index=2), "outcome 0 or 1"),
        (replace(an_order(), fills=()), "expected a fill"),
        (replace(an_order(), fills=(Level(500_000, 0),)), "a positive size"),
        (replace(an_order(), number=-1), "a number above"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(
    tmp_path: Path, event: TapeEvent, expected: str
) -> None:
    with pytest.raises(TapeError, match=expected):
        write(tmp_path / "a", [event])
    assert not (tmp_path / "a").exists()


def test_order_numbers_must_rise(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="a number above 1, found 1"):
        write(tmp_path / "a", [an_order(), replace(an_order(), wallet=DULL)])


def test_time_must_not_run_backwards(tmp_path: Path) -> None:
    later = replace(a_snapshot(), at=TINY_START + 2)
    with pytest.raises(TapeError, match=f"found one at {TINY_START}"):
        write(tmp_path / "a", [later, a_snapshot()])


def test_a_refused_tape_leaves_the_old_one_alone(tmp_path: Path) -> None:
    path = write_tiny_tape(tmp_path / "a")
    before = path.read_bytes()
    with pytest.raises(TapeError):
        write(path, [replace(a_snapshot(), at=0)])
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_the_tables_are_checked_too(tmp_path: Path) -> None:
    twice = (*tiny_wallets(), replace(tiny_wallets()[1], address=SHARP))
    with pytest.raises(TapeError, match="each wallet once"):
        write_tape(tmp_path / "a", tiny_header(), tiny_markets(), twice, [])


def test_a_tape_of_several_blocks_is_read_whole(tmp_path: Path) -> None:
    books = [
        replace(
            a_snapshot(),
            at=TINY_START + i,
            bids=tuple(Level(490_000 - 1_000 * k, 1_000_003 * (i + k + 1)) for k in range(40)),
        )
        for i in range(700)
    ]
    write(tmp_path / "a", books)
    head = read_head(tmp_path / "a")
    assert len(list(read_blocks(tmp_path / "a", head))) > 3
    assert list(open_tape(tmp_path / "a").events()) == books
