"""Runs a Valkey that holds only what may vanish, on a Unix socket that only this user can reach."""

import asyncio
import os
from pathlib import Path
from urllib.parse import quote

from embedded.binaries import find_valkey_server
from embedded.home import make_socket_dir
from embedded.services import Service, Stage

NAME = "valkey"
SOCKET_NAME = "valkey.sock"
MEMORY_MAX = "128mb"


def valkey_service(home: Path) -> tuple[Service, str]:
    """Describe a Valkey without persistence that forgets the least used keys first.

    Args:
        home: absolute state directory.

    Returns:
        The service, and its address for `redis.asyncio.Redis.from_url`.
    """
    socket_dir = make_socket_dir(home, NAME, (os.geteuid(), os.getegid()))
    socket_path = socket_dir / SOCKET_NAME
    command = (
        str(find_valkey_server()),
        *("--port", "0", "--unixsocket", str(socket_path), "--unixsocketperm", "700"),
        *("--save", "", "--appendonly", "no", "--dir", str(socket_dir)),
        *("--maxmemory", MEMORY_MAX, "--maxmemory-policy", "allkeys-lru"),
    )
    service = Service(
        name=NAME,
        command=command,
        env={"LC_ALL": "C", "TZ": "UTC"},
        ready=lambda: _answers_ping(socket_path),
        stage=Stage.SERVER,
        stop_timeout_s=5.0,
    )
    return service, f"unix://{quote(str(socket_path), safe='/')}"


async def _answers_ping(socket_path: Path) -> bool:
    reader, writer = await asyncio.open_unix_connection(str(socket_path))
    try:
        writer.write(b"PING\r\n")
        return await reader.readline() == b"+PONG\r\n"
    finally:
        writer.close()
