"""The words on the signer's socket: JSON documents, each behind its length in four bytes."""

import asyncio
import json

FRAME_MAX = 16_384
"""Bytes of one document; a redemption's envelope is the longest."""
_HEAD = 4

Document = dict[str, object]


class FrameError(Exception):
    """What came is not a frame; the connection is of no more use."""


def pack(document: Document) -> bytes:
    """Return a document as a frame."""
    body = json.dumps(document, separators=(",", ":")).encode()
    assert len(body) <= FRAME_MAX, f"a document of {len(body)} bytes"
    return len(body).to_bytes(_HEAD, "big") + body


async def read_frame(reader: asyncio.StreamReader, rest_within_s: float) -> Document | None:
    """Return the next document, None at the end of the connection.

    Its first byte may take any time; the rest of it must come within `rest_within_s`.

    Raises:
        FrameError: it is too long, too slow, cut off, or no JSON object.
    """
    first = await reader.read(1)
    if not first:
        return None
    try:
        async with asyncio.timeout(rest_within_s):
            head = first + await reader.readexactly(_HEAD - 1)
            length = int.from_bytes(head, "big")
            if length > FRAME_MAX:
                raise FrameError(f"expected {FRAME_MAX} bytes at most, received {length}")
            body = await reader.readexactly(length)
    except (TimeoutError, asyncio.IncompleteReadError) as error:
        raise FrameError("expected a whole frame, it was cut off") from error
    return _read(body)


def _read(body: bytes) -> Document:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FrameError("expected JSON") from error
    if not isinstance(document, dict):
        raise FrameError("expected a JSON object")
    return document
