"""Who may ask, and what a bad guest can do: nothing."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import signer.server
from signer.frames import Document, pack, read_frame
from signer.server import SocketPlace, give_directory, make_directory, serving, user_of

ME = frozenset({os.geteuid()})


async def echo(asked: Document) -> Document:
    if asked.get("ask") == "slow":
        await asyncio.Event().wait()
    return {"ok": asked}


@asynccontextmanager
async def guest(path: Path) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        yield reader, writer
    finally:
        writer.close()


async def test_a_known_user_is_answered_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "run" / "s"
    async with serving(SocketPlace(path, ME), echo), guest(path) as (reader, writer):
        for number in range(3):
            writer.write(pack({"n": number}))
            assert await read_frame(reader, 5) == {"ok": {"n": number}}
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.exists()


async def test_a_group_may_be_let_in(tmp_path: Path) -> None:
    path = tmp_path / "run" / "s"
    async with serving(SocketPlace(path, ME, os.getegid()), echo):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o710


async def test_an_unknown_user_is_shown_the_door(tmp_path: Path) -> None:
    path = tmp_path / "run" / "s"
    strangers = SocketPlace(path, frozenset({os.geteuid() + 1}))
    async with serving(strangers, echo), guest(path) as (reader, _):
        assert await reader.read() == b""


async def test_the_kernel_says_who_is_at_the_other_end() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert user_of(one) == os.geteuid()


async def test_a_bad_frame_ends_its_own_connection_only(tmp_path: Path) -> None:
    path = tmp_path / "run" / "s"
    async with serving(SocketPlace(path, ME), echo), guest(path) as (good, writer):
        async with guest(path) as (bad, rude):
            rude.write(b"\xff\xff\xff\xff")
            assert await bad.read() == b""
        writer.write(pack({"a": 1}))
        assert await read_frame(good, 5) == {"ok": {"a": 1}}


async def test_so_many_guests_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signer.server, "CONNECTIONS_MAX", 1)
    path = tmp_path / "run" / "s"
    async with serving(SocketPlace(path, ME), echo), guest(path) as (first, writer):
        writer.write(pack({}))
        assert await read_frame(first, 5) == {"ok": {}}
        async with guest(path) as (second, _):
            assert await second.read() == b""


async def test_an_answer_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signer.server, "ANSWER_S", 0.01)
    path = tmp_path / "run" / "s"
    async with serving(SocketPlace(path, ME), echo), guest(path) as (reader, writer):
        writer.write(pack({"ask": "slow"}))
        assert await reader.read() == b""


async def test_two_signers_do_not_share_a_socket_and_a_dead_ones_is_taken_over(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run" / "s"
    async with serving(SocketPlace(path, ME), echo):
        with pytest.raises(OSError, match="another signer"):
            async with serving(SocketPlace(path, ME), echo):
                pass
        async with guest(path) as (reader, writer):  # the look of the second is over by then
            writer.write(pack({}))
            assert await read_frame(reader, 5) == {"ok": {}}
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with serving(SocketPlace(path, ME), echo), guest(path) as (reader, writer):
        writer.write(pack({}))
        assert await read_frame(reader, 5) == {"ok": {}}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_another_users_directory_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, -1)
    with pytest.raises(OSError, match="to be of user"):
        make_directory(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_is_given_to_another_user_at_every_start(tmp_path: Path) -> None:
    path = tmp_path / "run"
    for _ in range(2):
        give_directory(path, 65534, os.getegid())
        assert path.stat().st_uid == 65534
    with pytest.raises(OSError, match="to be of user 0 or 65533"):
        give_directory(path, 65533, os.getegid())
