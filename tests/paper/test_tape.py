"""Tests of reading tapes, the shipped one included."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from paper.model import MICROS, Dialect, Side
from paper.tape import (
    ClosedTrade,
    Snapshot,
    Tape,
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
from paper.tapes.build import SHIPPED
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
    assert all(notional(o) >= 1_000 * MICROS for o in orders)
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


def notional(order: WhaleOrder) -> int:
    return sum(fill.price * fill.size for fill in order.fills) // MICROS


@cache
def shipped() -> Tape:
    return open_tape(SHIPPED)


@cache
def shipped_orders() -> tuple[tuple[WhaleOrder, Snapshot, Snapshot], ...]:
    """Each order of the shipped tape with its market's books before and after it."""
    return tuple(_with_books())


def _with_books() -> Iterator[tuple[WhaleOrder, Snapshot, Snapshot]]:
    books: dict[str, Snapshot] = {}
    waiting: dict[str, WhaleOrder] = {}
    for event in shipped().events():
        if isinstance(event, WhaleOrder):
            assert event.condition_id not in waiting, "an order stands just before its book"
            waiting[event.condition_id] = event
            continue
        order = waiting.pop(event.condition_id, None)
        if order is not None:
            yield order, books[event.condition_id], event
        books[event.condition_id] = event
    assert not waiting


def skill_of(order: WhaleOrder) -> str:
    return next(w.skill for w in shipped().wallets if w.address == order.wallet)


def market_of(order: WhaleOrder) -> TapeMarket:
    return next(m for m in shipped().markets if m.condition_id == order.condition_id)


def test_the_shipped_tape_is_small_and_says_what_is_invented() -> None:
    assert SHIPPED.stat().st_size <= 5_000_000
    header = shipped().header
    assert "Resolved Markets" in header.attribution
    assert header.licence.startswith("CC BY 4.0")
    text = " ".join(header.invented)
    words = ("wallet", "skill", "token ids", "fees", "tick", "maker", "past trades", "bought")
    assert [word for word in words if word not in text] == []


def test_the_shipped_tape_holds_eighteen_resolved_markets_in_five_hours() -> None:
    tape = shipped()
    assert len(tape.markets) == 18
    assert 4.5 * 3600 < (tape.header.ends_at - tape.header.starts_at) / 1000 < 5.1 * 3600
    assert all(sorted(m.payouts) == [0, MICROS] for m in tape.markets)
    assert tape.header.ends_at == max(m.resolves_at for m in tape.markets)
    assert sum(m.dialect is Dialect.PROTOCOL_V2 for m in tape.markets) >= 2
    assert sum(m.neg_risk for m in tape.markets) >= 3
    assert sum(m.dialect is Dialect.CLOB_V2 and not m.neg_risk for m in tape.markets) > 9


def test_every_shipped_book_fits_its_market() -> None:
    markets = {m.condition_id: m for m in shipped().markets}
    seen: Counter[str] = Counter()
    at = shipped().header.starts_at
    for event in shipped().events():
        market = markets[event.condition_id]
        assert at <= event.at <= market.resolves_at
        assert market.starts_at <= event.at
        at = event.at
        if isinstance(event, Snapshot):
            seen[event.condition_id] += 1
            assert all(x.price % market.tick_size == 0 for x in event.bids + event.asks)
            assert max(len(event.bids), len(event.asks)) <= 20
    assert sum(seen.values()) > 19_000
    assert min(seen[condition_id] for condition_id in markets) > 850


def test_shipped_whale_orders_took_only_what_disappeared() -> None:
    for order, before, after in shipped_orders():
        is_ask_side = (order.side is Side.BUY) == (order.outcome_index == 0)
        if order.is_maker:
            is_ask_side = not is_ask_side
        old = {x.price: x.size for x in (before.asks if is_ask_side else before.bids)}
        new = {x.price: x.size for x in (after.asks if is_ask_side else after.bids)}
        taken: Counter[int] = Counter()
        for fill in order.fills:
            taken[fill.price if order.outcome_index == 0 else MICROS - fill.price] += fill.size
        for price, size in taken.items():
            assert size <= old[price] - new.get(price, 0), order
        assert after.at - before.at <= 2_500
        assert order.at == after.at


def test_shipped_whales_are_many_large_and_different() -> None:
    orders = [order for order, _, _ in shipped_orders()]
    assert [o.number for o in orders] == list(range(1, len(orders) + 1))
    assert sum(notional(o) >= 1_000 * MICROS for o in orders) >= 200
    assert len({o.wallet for o in orders}) >= 6
    assert {o.condition_id for o in orders} == {m.condition_id for m in shipped().markets}
    assert sum(o.is_maker for o in orders) >= 20
    assert sum(10 <= len(o.fills) <= 100 for o in orders) >= 20
    assert sum(o.side is Side.SELL for o in orders) >= 10
    prices = [notional(o) * MICROS // sum(f.size for f in o.fills) for o in orders]
    inside = sum(50_000 <= price <= 950_000 for price in prices)
    assert 0.9 * len(orders) < inside < len(orders)
    late = sum(market_of(o).ends_at - o.at < 180_000 for o in orders)
    assert 0 < late < 0.1 * len(orders)


def test_shipped_whales_never_sell_more_than_they_hold() -> None:
    held: Counter[tuple[str, str, int]] = Counter()
    for order, _, _ in shipped_orders():
        key = (order.wallet, order.condition_id, order.outcome_index)
        size = sum(fill.size for fill in order.fills)
        held[key] += size if order.side is Side.BUY else -size
        assert held[key] >= 0
        assert order.at < market_of(order).ends_at or order.side is Side.BUY


def test_skill_shows_in_what_shipped_whales_buy() -> None:
    bought: Counter[str] = Counter()
    won: Counter[str] = Counter()
    for order, _, _ in shipped_orders():
        if order.side is Side.BUY:
            bought[skill_of(order)] += notional(order)
            is_won = market_of(order).payouts[order.outcome_index] > 0
            won[skill_of(order)] += notional(order) if is_won else 0
    share = {skill: won[skill] / bought[skill] for skill in bought}
    assert share["skilful"] > 0.8 > share["mediocre"] > 0.4 > share["bad"]


def test_skill_shows_in_the_past_of_shipped_whales() -> None:
    day = 86_400_000
    starts_at = shipped().header.starts_at
    for wallet in shipped().wallets:
        first, last = wallet.history[0], wallet.history[-1]
        assert last.closed_at < starts_at
        is_long = len(wallet.history) >= 60 and starts_at - first.opened_at >= 90 * day
        assert is_long == (wallet.skill != "unproven")
        gained = sum(t.pnl for t in wallet.history) / sum(t.notional for t in wallet.history)
        if wallet.skill == "skilful":
            assert gained > 0.2
        if wallet.skill == "mediocre":
            assert -0.1 < gained < 0.1
        if wallet.skill == "bad":
            assert gained < -0.1


def test_the_first_two_shipped_markets_make_a_demonstration() -> None:
    demo = {m.condition_id for m in shipped().markets[:2]}
    orders = [o for o in shipped_orders() if o[0].condition_id in demo]
    skilful = [o for o, _, _ in orders if skill_of(o) == "skilful"]
    assert len(orders) >= 12
    assert len({o.wallet for o in skilful}) >= 3
    assert any(o.side is Side.SELL for o in skilful)
    assert any(o.is_maker for o in skilful)
    assert any(len(o.fills) >= 10 for o in skilful)


def test_the_first_order_worth_copying_comes_within_three_minutes() -> None:
    order = next(
        order
        for order, _, after in shipped_orders()
        if skill_of(order) == "skilful"
        and notional(order) >= 1_000 * MICROS
        and all(50_000 <= fill.price <= 950_000 for fill in order.fills)
        and after.asks[0].price - after.bids[0].price <= 30_000
    )
    assert order.at - shipped().header.starts_at <= 180_000
    assert market_of(order).ends_at - order.at > 600_000
