"""The bytes of a tape: its first lines, its compressed blocks, its numbers and level changes."""

import gzip
import json
import re
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from paper.model import MICROS, Level

VERSION = 1
TABLES, EVENTS, END = b"T", b"E", b"Z"
BLOCK_BYTES = 1 << 16

_FIRST_LINE = re.compile(rb"whalecopy-tape (\d{1,6})(?: (\d{1,15}) ([0-9a-f]{8}))?.*\n", re.DOTALL)
_BLOCK = struct.Struct(">cI")
_BLOCK_BYTES_MAX = 1 << 26
_LINE_BYTES_MAX = 1 << 20
_NUMBER_BITS_MAX = 70


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the compressed body: the header as JSON, and where the body begins."""

    header: bytes
    body_at: int


@dataclass(frozen=True, slots=True)
class Steps:
    """The largest steps, in micros, of which every price and every size is a multiple."""

    price: int
    size: int


class Cursor:
    """Reads numbers from one block; raises ValueError where the bytes make no sense."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        """Tell whether every byte was read."""
        return self._at >= len(self._data)

    def number(self) -> int:
        """Read one unsigned number: 7 bits a byte, lowest first, the high bit says "more"."""
        result = shift = 0
        while shift < _NUMBER_BITS_MAX:
            if self._at >= len(self._data):
                raise ValueError("a number ends with the block")
            byte = self._data[self._at]
            self._at += 1
            result |= (byte & 127) << shift
            if byte < 128:
                return result
            shift += 7
        raise ValueError(f"expected numbers of {_NUMBER_BITS_MAX} bits at most, found a longer one")

    def skip(self, count: int) -> None:
        """Step over `count` bytes."""
        if count > len(self._data) - self._at:
            raise ValueError(f"expected {count} more bytes in the block, found fewer")
        self._at += count


def put_number(out: bytearray, number: int) -> None:
    """Append one unsigned number as `Cursor.number` reads it."""
    if number < 0:
        raise ValueError(f"expected a number of zero or more, got {number}")
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def put_changes(
    out: bytearray, before: Mapping[int, Level], after: Mapping[int, Level], steps: Steps
) -> None:
    """Append how the levels (by price) changed: a count, then pairs of price gap and new size."""
    changed = sorted(p for p in before.keys() | after.keys() if before.get(p) != after.get(p))
    put_number(out, len(changed))
    previous = 0
    for price in changed:
        put_number(out, (price - previous) // steps.price)
        put_number(out, after[price].size // steps.size if price in after else 0)
        previous = price


def take_changes(cursor: Cursor, levels: dict[int, Level], steps: Steps) -> None:
    """Read what `put_changes` wrote and apply it to `levels`."""
    price = 0
    for _ in range(cursor.number()):
        price += cursor.number() * steps.price
        size = cursor.number() * steps.size
        if not 0 < price < MICROS:
            raise ValueError(f"expected a price inside (0, {MICROS}) micros, found {price}")
        if size:
            levels[price] = Level(price, size)
        elif levels.pop(price, None) is None:
            raise ValueError(f"a level at {price} goes that was never there")


def write_file(path: Path, header: bytes, blocks: Iterable[tuple[bytes, bytes]]) -> None:
    """Write a whole tape beside `path`, then move it there; equal input gives equal bytes."""
    new_path = path.with_name(path.name + ".new")
    try:
        with tempfile.TemporaryFile(dir=path.parent) as body, new_path.open("wb") as new:
            with gzip.GzipFile("", "wb", 9, body, mtime=0) as stream:
                for kind, payload in blocks:
                    stream.write(_BLOCK.pack(kind, len(payload)) + payload)
            new.write(b"whalecopy-tape %d %d %08x\n" % (VERSION, *_checksum(body, 0)))
            new.write(header + b"\n")
            body.seek(0)
            shutil.copyfileobj(body, new)
        new_path.replace(path)
    finally:
        new_path.unlink(missing_ok=True)


def read_head(path: Path) -> Head:
    """Read the first two lines and check version, length and checksum; raise ValueError."""
    with path.open("rb") as file:
        first = file.readline(64)
        found = _FIRST_LINE.fullmatch(first)
        if found is None:
            raise ValueError(f"expected a first line 'whalecopy-tape {VERSION} …', found {first!r}")
        if int(found[1]) != VERSION:
            raise ValueError(f"expected tape version {VERSION}, found {int(found[1])}")
        if found[2] is None:
            raise ValueError(f"expected length and checksum in the first line, found {first!r}")
        header = file.readline(_LINE_BYTES_MAX)
        body_at = file.tell()
        size, checksum = _checksum(file, body_at)
    if size != int(found[2]):
        raise ValueError(f"expected {int(found[2])} bytes after the header, found {size}")
    if checksum != int(found[3], 16):
        raise ValueError(f"expected checksum {found[3].decode()}, found {checksum:08x}")
    return Head(header, body_at)


def read_blocks(path: Path, head: Head) -> Iterator[tuple[bytes, bytes]]:
    """Yield (kind, payload) of each block, one in memory at a time; raise ValueError."""
    with path.open("rb") as file:
        file.seek(head.body_at)
        with gzip.GzipFile(fileobj=file) as stream:
            while start := _read(stream, _BLOCK.size):
                if len(start) != _BLOCK.size:
                    raise ValueError(f"expected a block's start of 5 bytes, found {start!r}")
                kind, size = _BLOCK.unpack(start)
                if size > _BLOCK_BYTES_MAX:
                    raise ValueError(f"expected blocks of {_BLOCK_BYTES_MAX} bytes, found {size}")
                payload = _read(stream, size)
                if len(payload) != size:
                    raise ValueError(f"expected a block of {size} bytes, found {len(payload)}")
                yield kind, payload


def compact_json(text: bytes) -> bytes:
    """Return the same JSON in one line, keys sorted."""
    return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")).encode()


def _read(stream: gzip.GzipFile, size: int) -> bytes:
    try:
        found = stream.read(size)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"the compressed body is damaged: {error}") from error
    return found


def _checksum(file: IO[bytes], start: int) -> tuple[int, int]:
    file.seek(start)
    size = checksum = 0
    while chunk := file.read(BLOCK_BYTES):
        size += len(chunk)
        checksum = zlib.crc32(chunk, checksum)
    return size, checksum
