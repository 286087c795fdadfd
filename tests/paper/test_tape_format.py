"""Tests of the bytes of a tape."""

import gzip
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper.model import Level
from paper.tape_format import (
    END,
    EVENTS,
    TABLES,
    Cursor,
    Head,
    Steps,
    compact_json,
    put_changes,
    put_number,
    read_blocks,
    read_head,
    take_changes,
    write_file,
)

STEPS = Steps(price=10, size=100)
SIDES = st.dictionaries(st.integers(1, 99_999), st.integers(1, 10**9), max_size=30).map(
    lambda sizes: {p * 10: Level(p * 10, s * 100) for p, s in sizes.items()}
)


@given(st.lists(st.integers(0, 2**64)))
def test_numbers_are_read_as_they_were_put(numbers: list[int]) -> None:
    out = bytearray()
    for number in numbers:
        put_number(out, number)
    cursor = Cursor(bytes(out))
    assert [cursor.number() for _ in numbers] == numbers
    assert cursor.is_at_end


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="zero or more, got -1"):
        put_number(bytearray(), -1)


def test_a_number_cut_short_is_refused() -> None:
    with pytest.raises(ValueError, match="ends with the block"):
        Cursor(b"\x80").number()


def test_an_endless_number_is_refused() -> None:
    with pytest.raises(ValueError, match="70 bits at most"):
        Cursor(b"\xff" * 20).number()


def test_skipping_past_the_end_is_refused() -> None:
    cursor = Cursor(b"\x01\x02\x03")
    cursor.skip(2)
    assert cursor.number() == 3
    with pytest.raises(ValueError, match="1 more bytes"):
        cursor.skip(1)


@given(SIDES, SIDES)
def test_changes_turn_one_book_side_into_the_other(
    before: dict[int, Level], after: dict[int, Level]
) -> None:
    out = bytearray()
    put_changes(out, before, after, STEPS)
    levels = dict(before)
    take_changes(Cursor(bytes(out)), levels, STEPS)
    assert levels == after


def test_an_unchanged_side_takes_one_byte() -> None:
    out = bytearray()
    side = {10: Level(10, 100)}
    put_changes(out, side, dict(side), STEPS)
    assert out == b"\x00"


def test_a_price_outside_the_range_is_refused() -> None:
    out = bytearray()
    put_changes(out, {}, {1_000_000: Level(1_000_000, 100)}, STEPS)
    with pytest.raises(ValueError, match="found 1000000"):
        take_changes(Cursor(bytes(out)), {}, STEPS)


def test_a_level_that_goes_without_having_been_there_is_refused() -> None:
    out = bytearray()
    put_changes(out, {10: Level(10, 100)}, {}, STEPS)
    with pytest.raises(ValueError, match="never there"):
        take_changes(Cursor(bytes(out)), {}, STEPS)


BLOCKS = [(TABLES, b"{}"), (EVENTS, b"x" * 300_000), (END, b"")]


def test_blocks_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    write_file(path, b'{"a":1}', BLOCKS)
    head = read_head(path)
    assert head.header == b'{"a":1}\n'
    assert list(read_blocks(path, head)) == BLOCKS
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tape"]


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_file(tmp_path / name, b"{}", BLOCKS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda b: b"PAR1" + b, "expected a first line 'whalecopy-tape 1"),
        (lambda _: b"", "expected a first line"),
        (lambda b: b.replace(b"tape 1 ", b"tape 2 ", 1), "expected tape version 1, found 2"),
        (lambda b: b.replace(b"tape 1 ", b"tape 1 x", 1), "expected length and checksum"),
        (lambda b: b[:-5], "bytes after the header, found"),
        (lambda b: b + b"!", "bytes after the header, found"),
        (lambda b: b[:-5] + b"!" + b[-4:], "expected checksum"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, damage: object, expected: str) -> None:
    path = tmp_path / "a.tape"
    write_file(path, b"{}", BLOCKS)
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=expected):
        read_head(path)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"not gzip at all", "damaged"),
        (gzip.compress(struct.pack(">cI", b"E", 4) + b"four")[:-6], "damaged"),
        (gzip.compress(struct.pack(">cI", b"E", 1 << 30)), "expected blocks of"),
        (gzip.compress(struct.pack(">cI", b"E", 9) + b"short"), "a block of 9 bytes, found 5"),
        (gzip.compress(b"E"), "a block's start"),
    ],
    ids=["no gzip", "cut", "huge block", "short block", "short start"],
)
def test_a_damaged_body_is_refused(tmp_path: Path, body: bytes, expected: str) -> None:
    path = tmp_path / "a.tape"
    path.write_bytes(body)
    with pytest.raises(ValueError, match=expected):
        list(read_blocks(path, Head(b"", 0)))


def test_json_becomes_one_line_with_sorted_keys() -> None:
    assert compact_json(b'{"b": 1,\n "a": [2]}') == b'{"a":[2],"b":1}'
