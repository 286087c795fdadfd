"""Writes tapes: checks every record, then packs it as `paper.tape` reads it."""

from collections.abc import Iterable, Iterator, Sequence
from math import gcd
from pathlib import Path

from pydantic import TypeAdapter

from paper.model import Level, Side
from paper.tape import (
    Snapshot,
    TapeError,
    TapeEvent,
    TapeHeader,
    TapeMarket,
    TapeTables,
    TapeWallet,
    WhaleOrder,
    check_order,
    check_snapshot,
    check_tables,
)
from paper.tape_format import (
    BLOCK_BYTES,
    END,
    EVENTS,
    TABLES,
    Steps,
    compact_json,
    put_changes,
    put_number,
    write_file,
)


def write_tape(
    path: Path,
    header: TapeHeader,
    markets: Sequence[TapeMarket],
    wallets: Sequence[TapeWallet],
    events: Iterable[TapeEvent],
) -> None:
    """Write a tape; equal input gives equal bytes. All events are held in memory meanwhile.

    Args:
        path: The file to write or to replace; it appears only when it is complete.
        header: `format_version` must be the one this module writes.
        markets: In the order of `starts_at`.
        wallets: Every wallet that orders name.
        events: In the order of `at`, inside the header's start and end.

    Raises:
        TapeError: Something in it could not be read back.
    """
    kept = list(events)
    steps = _steps(kept)
    tables = TapeTables(tuple(markets), tuple(wallets), steps.price, steps.size)
    check_tables(header, tables)
    packer = _Packer(header, tables, steps)
    head = compact_json(TypeAdapter(TapeHeader).dump_json(header))
    body = compact_json(TypeAdapter(TapeTables).dump_json(tables))
    write_file(path, head, _blocks(body, packer, kept))


def _steps(events: Sequence[TapeEvent]) -> Steps:
    price = size = 0
    for event in events:
        levels = event.fills if isinstance(event, WhaleOrder) else event.bids + event.asks
        price = gcd(price, *(level.price for level in levels))
        size = gcd(size, *(level.size for level in levels))
    return Steps(price or 1, size or 1)


def _blocks(
    tables: bytes, packer: "_Packer", events: Sequence[TapeEvent]
) -> Iterator[tuple[bytes, bytes]]:
    yield TABLES, tables
    block = bytearray()
    for event in events:
        block += packer.pack(event)
        if len(block) >= BLOCK_BYTES:
            yield EVENTS, bytes(block)
            block.clear()
    yield EVENTS, bytes(block)
    yield END, b""


class _Packer:
    def __init__(self, header: TapeHeader, tables: TapeTables, steps: Steps) -> None:
        self._markets = {m.condition_id: i for i, m in enumerate(tables.markets)}
        self._wallets = {w.address: i for i, w in enumerate(tables.wallets)}
        self._steps = steps
        self._at = header.starts_at
        self._ends_at = header.ends_at
        self._number = -1
        self._books: list[tuple[dict[int, Level], dict[int, Level]]] = [
            ({}, {}) for _ in tables.markets
        ]

    def pack(self, event: TapeEvent) -> bytes:
        index = self._markets.get(event.condition_id)
        if index is None:
            raise TapeError(f"expected a market of the tape, found {event.condition_id}")
        if not self._at <= event.at <= self._ends_at:
            allowed = f"[{self._at}, {self._ends_at}]"
            raise TapeError(f"expected the next event inside {allowed}, found one at {event.at}")
        match event:
            case WhaleOrder():
                body, tag = self._order(event), 1
            case Snapshot():
                body, tag = self._snapshot(event, index), 0
        out = bytearray()
        put_number(out, 2 * index + tag)
        put_number(out, event.at - self._at)
        put_number(out, len(body))
        self._at = event.at
        return bytes(out + body)

    def _snapshot(self, snapshot: Snapshot, index: int) -> bytearray:
        check_snapshot(snapshot)
        bids = {level.price: level for level in snapshot.bids}
        asks = {level.price: level for level in snapshot.asks}
        body = bytearray()
        put_changes(body, self._books[index][0], bids, self._steps)
        put_changes(body, self._books[index][1], asks, self._steps)
        self._books[index] = (bids, asks)
        return body

    def _order(self, order: WhaleOrder) -> bytearray:
        check_order(order)
        wallet = self._wallets.get(order.wallet)
        if wallet is None:
            raise TapeError(f"expected a wallet of the tape, found {order.wallet}")
        if order.number <= self._number:
            raise TapeError(f"expected a number above {self._number}, found {order.number}")
        self._number = order.number
        body = bytearray()
        put_number(body, order.number)
        put_number(body, wallet)
        put_number(body, order.outcome_index | 2 * (order.side is Side.SELL) | 4 * order.is_maker)
        put_number(body, len(order.fills))
        for fill in order.fills:
            put_number(body, fill.price // self._steps.price)
            put_number(body, fill.size // self._steps.size)
        return body
