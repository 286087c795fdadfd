"""Listens on the signer's Unix socket: known users only, one answer a frame, everything bounded."""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from signer.frames import Document, FrameError, pack, read_frame

CONNECTIONS_MAX = 256  # of some thirty workers, who keep theirs open
REST_OF_FRAME_S = 2.0
ANSWER_S = 3.0
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: what the kernel says of the other end

log = logging.getLogger("signer")

Answer = Callable[[Document], Awaitable[Document]]


@dataclass(frozen=True, slots=True)
class SocketPlace:
    """Where the socket lies, whose users may connect, and which group's, if a group may."""

    path: Path
    users: frozenset[int]
    group: int | None = None


@asynccontextmanager
async def serving(place: SocketPlace, answer: Answer) -> AsyncIterator[None]:
    """Serve while the block runs; the directory is ours, the socket 0600, or 0660 with a group.

    Raises:
        OSError: the directory is another user's, or another signer listens there.
    """
    desk = _Door(place.users, answer)
    server = await asyncio.start_unix_server(desk.serve, sock=_open(place))
    try:
        yield
    finally:
        server.close()
        desk.close()
        place.path.unlink(missing_ok=True)


def make_directory(path: Path, group: int | None = None) -> None:
    """Make the socket's directory 0700, or 0710 for a group; raise OSError where it is not ours."""
    _make_owned(path, (os.geteuid(),))
    if group is not None:
        os.chown(path, -1, group)
    path.chmod(0o700 if group is None else 0o710)


def give_directory(path: Path, user: int, group: int) -> None:
    """Make the socket's directory for the user we become, who has it since an earlier start.

    Raises:
        OSError: it is neither ours nor theirs.
    """
    _make_owned(path, (os.geteuid(), user))
    os.chown(path, user, group)


def _make_owned(path: Path, owners: Sequence[int]) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.stat()
    if found.st_uid not in owners:
        users = " or ".join(str(owner) for owner in owners)
        raise OSError(f"expected {path} to be of user {users}, it is of {found.st_uid}")


def _open(place: SocketPlace) -> socket.socket:
    make_directory(place.path.parent, place.group)
    if place.path.exists() and _is_alive(place.path):
        raise OSError(f"another signer listens at {place.path}")
    place.path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(place.path))
    finally:
        os.umask(before)
    if place.group is not None:
        os.chown(place.path, -1, place.group)
        place.path.chmod(0o660)
    return listener


def _is_alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


class _Door:
    """Lets known users in, so many at once."""

    def __init__(self, users: frozenset[int], answer: Answer) -> None:
        self._users = users
        self._answer = answer
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        user = user_of(writer.get_extra_info("socket"))
        if user not in self._users or len(self._open) >= CONNECTIONS_MAX:
            log.warning("connection_refused user=%s open=%s", user, len(self._open))
            writer.close()
            return
        self._open.add(writer)
        try:
            await self._converse(reader, writer)
        except (FrameError, TimeoutError, OSError) as error:
            log.warning("connection_dropped why=%s", type(error).__name__)
        finally:
            self._open.discard(writer)
            writer.close()

    def close(self) -> None:
        for writer in self._open:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (asked := await read_frame(reader, REST_OF_FRAME_S)) is not None:
            async with asyncio.timeout(ANSWER_S):
                writer.write(pack(await self._answer(asked)))
                await writer.drain()


def user_of(connection: socket.socket) -> int:
    """Return which user is at the other end of a Unix socket, as the kernel says; -1: unknown."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:  # not Linux: the modes of socket and directory alone decide
        return os.geteuid()
    told = connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    user: int = _CREDENTIALS.unpack(told)[1]
    return user
