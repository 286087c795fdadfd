"""Transactions that a plain key signs and sends itself: read from their bytes, signer recovered."""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from paper.signing import CHAIN_ID, BadSignatureError, recover
from paper.wallet_calls import Call

BYTES_MAX = 20_000
_FIELDS = 9
_SHORT_TEXT, _LONG_TEXT, _SHORT_LIST, _LONG_LIST = 0x80, 0xB7, 0xC0, 0xF7

Item = bytes | list["Item"]


class RawError(Exception):
    """The bytes are no transaction that this chain takes."""


@dataclass(frozen=True, slots=True)
class RawTransaction:
    """A legacy transaction with its chain id (EIP-155)."""

    transaction_hash: str
    sender: str
    nonce: int
    call: Call


def read_raw(raw: bytes) -> RawTransaction:
    """Read a signed transaction; raise RawError where it is malformed or for another chain."""
    if not 0 < len(raw) <= BYTES_MAX:
        raise RawError(f"expected 1 to {BYTES_MAX} bytes, got {len(raw)}")
    item, rest = _take(raw)
    if rest or not isinstance(item, list) or len(item) != _FIELDS:
        raise RawError("expected the nine fields of a legacy transaction")
    fields = [part for part in item if isinstance(part, bytes)]
    if len(fields) != _FIELDS or len(fields[3]) != 20:
        raise RawError("expected plain fields and a contract to call")
    v = int.from_bytes(fields[6])
    if v not in (CHAIN_ID * 2 + 35, CHAIN_ID * 2 + 36):
        raise RawError(f"invalid chain id for signer: expected {CHAIN_ID}")
    unsigned = _pack([*fields[:6], _bytes_of(CHAIN_ID), b"", b""])
    signature = fields[7].rjust(32, b"\0") + fields[8].rjust(32, b"\0")
    signature += bytes([v - CHAIN_ID * 2 - 8])
    try:
        sender = recover(keccak(unsigned), signature)
    except BadSignatureError as error:
        raise RawError(f"invalid sender: {error}") from error
    target = to_checksum_address(fields[3])
    call = Call(target, f"0x{fields[5].hex()}", int.from_bytes(fields[4]))
    return RawTransaction(f"0x{keccak(raw).hex()}", sender, int.from_bytes(fields[0]), call)


def _take(data: bytes) -> tuple[Item, bytes]:
    """Take one item of the recursive length prefix; return it and what follows."""
    if not data:
        raise RawError("the bytes end too early")
    head = data[0]
    if head < _SHORT_TEXT:
        return data[:1], data[1:]
    if head < _SHORT_LIST:
        return _split(data, head, _SHORT_TEXT, _LONG_TEXT)
    body, rest = _split(data, head, _SHORT_LIST, _LONG_LIST)
    items: list[Item] = []
    while body:
        item, body = _take(body)
        items.append(item)
    return items, rest


def _split(data: bytes, head: int, short: int, long: int) -> tuple[bytes, bytes]:
    start = 1 if head <= long else 1 + head - long
    length = head - short if head <= long else int.from_bytes(data[1:start])
    if len(data) < start + length:
        raise RawError("the bytes end too early")
    return data[start : start + length], data[start + length :]


def _pack(items: Sequence[bytes]) -> bytes:
    body = b"".join(_pack_text(item) for item in items)
    return _prefix(len(body), _SHORT_LIST, _LONG_LIST) + body


def _pack_text(text: bytes) -> bytes:
    if len(text) == 1 and text[0] < _SHORT_TEXT:
        return text
    return _prefix(len(text), _SHORT_TEXT, _LONG_TEXT) + text


def _prefix(length: int, short: int, long: int) -> bytes:
    if short + length <= long:
        return bytes([short + length])
    size = _bytes_of(length)
    return bytes([long + len(size)]) + size


def _bytes_of(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)
