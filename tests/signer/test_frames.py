"""Frames are whole, short and in time, or nothing."""

import asyncio

import pytest

from signer.frames import FRAME_MAX, FrameError, pack, read_frame


def reader_of(*chunks: bytes, ends: bool = True) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    for chunk in chunks:
        reader.feed_data(chunk)
    if ends:
        reader.feed_eof()
    return reader


async def test_what_is_packed_is_read_one_after_the_other() -> None:
    reader = reader_of(pack({"a": 1}), pack({"b": "é"}))
    assert await read_frame(reader, 1) == {"a": 1}
    assert await read_frame(reader, 1) == {"b": "é"}
    assert await read_frame(reader, 1) is None


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x00\x00\x02",
        b"\x00\x00",
        (FRAME_MAX + 1).to_bytes(4, "big") + b"{}",
        b"\x00\x00\x00\x02[]",
        b"\x00\x00\x00\x02{]",
        b"\x00\x00\x00\x02\xff\xfe",
    ],
)
async def test_anything_else_is_refused(sent: bytes) -> None:
    with pytest.raises(FrameError):
        await read_frame(reader_of(sent), 1)


async def test_who_begins_a_frame_must_end_it_in_time() -> None:
    with pytest.raises(FrameError, match="cut off"):
        await read_frame(reader_of(b"\x00", ends=False), 0.01)


async def test_deep_nesting_is_no_crash() -> None:
    body = b'{"a":' + b"[" * 15_000 + b"]" * 10
    with pytest.raises(FrameError):
        await read_frame(reader_of(len(body).to_bytes(4, "big") + body), 1)
