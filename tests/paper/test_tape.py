"""Tests of reading tapes."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from paper.model import MICROS, Side
from paper.tape import (
    ClosedTrade,
    TapeError,
    TapeHeader,
    TapeMarket,
    TapeTables,
    TapeWallet,
    WhaleOrder,
    check_tables,
    open_tape,
)
from paper.tape_format import END, EVENTS, TABLES, put_number, read_blocks, read_head, write_file
from tests.paper.tiny_tape import (
    TINY_ONE,
    TINY_TWO,
    tiny_events,
    tiny_header,
    tiny_markets,
    tiny_wallets,
    write_tiny_tape,
)

Block = tuple[bytes, bytes]


def test_a_tape_is_read_as_it_was_written(tmp_path: Path) -> None:
    tape = open_tape(write_tiny_tape(tmp_path / "tiny.tape"))
    assert tape.header == tiny_header()
    assert tape.markets == tiny_markets()
    assert tape.wallets == tiny_wallets()
    assert list(tape.events()) == list(tiny_events())


def test_each_reading_begins_anew(tmp_path: Path) -> None:
    tape = open_tape(write_tiny_tape(tmp_path / "tiny.tape"))
    started = tape.events()
    next(started)
    assert list(tape.events()) == list(tape.events())


def test_a_market_limit_leaves_the_other_markets_out(tmp_path: Path) -> None:
    tape = open_tape(write_tiny_tape(tmp_path / "tiny.tape"))
    assert list(tape.events(1)) == [e for e in tiny_events() if e.condition_id == TINY_ONE]
    assert list(tape.events(0)) == []
    assert list(tape.events(9)) == list(tiny_events())


def test_the_tiny_tape_holds_what_tests_rely_on() -> None:
    orders = [e for e in tiny_events() if isinstance(e, WhaleOrder)]
    assert {o.condition_id for o in orders} == {TINY_ONE, TINY_TWO}
    notionals = [sum(f.price * f.size for f in o.fills) // MICROS for o in orders]
    assert min(notionals) >= 1_000 * MICROS
    assert {o.side for o in orders} == {Side.BUY, Side.SELL}
    assert any(o.is_maker for o in orders)
    assert any(len(o.fills) >= 10 for o in orders)


@pytest.mark.parametrize("content", [b"", b"hello\n", b"PK\x03\x04", b"whalecopy-tape 9 new\n"])
def test_a_file_that_is_no_tape_is_named_in_the_refusal(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.file"
    path.write_bytes(content)
    with pytest.raises(TapeError, match=r"other\.file: expected"):
        open_tape(path)


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(TapeError, match=str(path)):
            open_tape(path)


def test_a_truncated_tape_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    path = write_tiny_tape(tmp_path / "tiny.tape")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(TapeError, match="bytes after the header"):
        open_tape(path)


def rewritten(path: Path, header: bytes | None, change: Callable[[list[Block]], None]) -> Path:
    """Write the tiny tape with changed blocks and a checksum that fits them."""
    write_tiny_tape(path)
    head = read_head(path)
    blocks = list(read_blocks(path, head))
    change(blocks)
    write_file(path, head.header.strip() if header is None else header, blocks)
    return path


def with_table(key: str, value: object) -> Callable[[list[Block]], None]:
    def change(blocks: list[Block]) -> None:
        tables = json.loads(blocks[0][1])
        tables[key] = value
        blocks[0] = (TABLES, json.dumps(tables).encode())

    return change


@pytest.mark.parametrize(
    ("header", "change", "expected"),
    [
        (b"not json", list.copy, "expected a tape's header and tables"),
        (b"{}", list.copy, "expected a tape's header and tables"),
        (None, list.clear, "the tables as first block, found b''"),
        (None, lambda blocks: blocks.pop(0), "the tables as first block, found b'E'"),
        (None, with_table("price_step", "10"), "expected a tape's header and tables"),
        (None, with_table("price_step", 0), "a price step in micros"),
        (None, with_table("size_step", -1), "a positive size step"),
        (None, with_table("markets", []), "expected a market"),
        (None, with_table("wallets", [{"address": 1}]), "expected a tape's header and tables"),
    ],
)
def test_wrong_tables_are_refused_when_the_tape_is_opened(
    tmp_path: Path, header: bytes | None, change: Callable[[list[Block]], None], expected: str
) -> None:
    path = rewritten(tmp_path / "a", header, change)
    with pytest.raises(TapeError, match=expected):
        open_tape(path)


def record(*numbers: int) -> Block:
    out = bytearray()
    for number in numbers:
        put_number(out, number)
    return EVENTS, bytes(out)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (record(4, 0, 1, 0), "one of 2 entries, found number 2"),
        (record(1, 0, 9, 1, 7, 0, 0), "one of 2 entries, found number 7"),
        (record(1, 0, 9, 1, 0, 0, 0), "expected a fill"),
        (record(1, 0, 9, 1, 0, 0, 1, 0, 5), "a price inside"),
        (record(0, 0, 9, 1, 5_000, 1, 0), "a price inside"),
        (record(0, 0, 9, 1, 500, 1, 1, 400, 1), "a best bid below the best ask"),
        (record(0, 0, 9, 1), "ends with the block"),
        (record(0, 0, 9, 1, 7, 0, 0), "never there"),
    ],
)
def test_damaged_events_are_refused_when_they_are_reached(
    tmp_path: Path, block: Block, expected: str
) -> None:
    def change(blocks: list[Block]) -> None:
        blocks[1:] = [block, (END, b"")]

    tape = open_tape(rewritten(tmp_path / "a", None, change))
    with pytest.raises(TapeError, match=expected):
        list(tape.events())


def test_a_tape_without_its_end_is_refused_after_its_last_event(tmp_path: Path) -> None:
    tape = open_tape(rewritten(tmp_path / "a", None, lambda blocks: blocks.pop() and None))
    events = tape.events()
    seen = [next(events) for _ in tiny_events()]
    assert seen == list(tiny_events())
    with pytest.raises(TapeError, match="expected an end block"):
        next(events)


def test_a_file_that_vanishes_is_a_tape_error(tmp_path: Path) -> None:
    path = write_tiny_tape(tmp_path / "a")
    tape = open_tape(path)
    path.unlink()
    with pytest.raises(TapeError, match="No such file"):
        list(tape.events())


ONE, TWO = tiny_markets()
SHARP_WALLET, DULL_WALLET = tiny_wallets()
PAST = SHARP_WALLET.history[0]


def tables(
    markets: tuple[TapeMarket, ...] = (ONE, TWO),
    wallets: tuple[TapeWallet, ...] = (SHARP_WALLET, DULL_WALLET),
) -> TapeTables:
    return TapeTables(markets, wallets, price_step=1_000, size_step=10_000)


def with_past(past: ClosedTrade) -> TapeTables:
    return tables(wallets=(replace(SHARP_WALLET, history=(past,)),))


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (tables(markets=(replace(ONE, condition_id="0x11"),)), "a condition id"),
        (tables(markets=(replace(ONE, tick_size=0),)), "a tick size in micros"),
        (tables(markets=(replace(ONE, tick_size=30_000),)), "a tick that divides 1"),
        (tables(markets=(replace(ONE, min_size=0),)), "a positive minimum size"),
        (tables(markets=(replace(ONE, fee_rate=Decimal(1)),)), "a fee rate inside"),
        (tables(markets=(replace(ONE, fee_exponent=-1),)), "a fee exponent"),
        (tables(markets=(replace(ONE, resolves_at=0),)), "start < end <= resolution"),
        (tables(markets=(replace(ONE, payouts=(1, 0)),)), "payouts of 1"),
        (tables(markets=(ONE, ONE)), "each market once"),
        (tables(markets=(ONE, replace(TWO, starts_at=0))), "markets by start"),
        (tables(wallets=(replace(SHARP_WALLET, address="0x1"),)), "a wallet's address"),
        (with_past(replace(PAST, closed_at=0)), "opening before closing"),
        (with_past(replace(PAST, notional=0)), "a positive notional"),
        (with_past(replace(PAST, pnl=-PAST.notional - 1)), "no loss above the stake"),
    ],
)
def test_tables_that_make_no_sense_are_refused(broken: TapeTables, expected: str) -> None:
    with pytest.raises(TapeError, match=expected):
        check_tables(tiny_header(), broken)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (replace(tiny_header(), format_version=2), "format version 1, found 2"),
        (replace(tiny_header(), ends_at=0), "a start before the end"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(header: TapeHeader, expected: str) -> None:
    with pytest.raises(TapeError, match=expected):
        check_tables(header, tables())
