"""Tests of the few words of PostgreSQL's protocol."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from embedded.pgwire import SOCKET_NAME, PostgresAnswerError, execute
from tests.servers import DatabaseServer


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


READY = _message(b"Z", b"I")
ERROR = _message(b"E", b"SERROR\0C42601\0Msyntax error\0\0")


@pytest.fixture
async def answering(tmp_path: Path) -> AsyncIterator[Callable[[bytes], None]]:
    answer = b""

    def say(words: bytes) -> None:
        nonlocal answer
        answer = words

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_unix_server(serve, str(tmp_path / SOCKET_NAME))
    yield say
    server.close()
    await server.wait_closed()


async def test_a_statement_is_run(database_server: DatabaseServer) -> None:
    await execute(database_server.server.socket_dir, "postgres", "SELECT 1")


async def test_a_wrong_statement_is_answered_with_its_code(
    database_server: DatabaseServer,
) -> None:
    with pytest.raises(PostgresAnswerError, match="syntax error") as caught:
        await execute(database_server.server.socket_dir, "postgres", "SELEC 1")
    assert caught.value.code == "42601"


async def test_a_missing_database_is_answered_with_its_code(
    database_server: DatabaseServer,
) -> None:
    with pytest.raises(PostgresAnswerError, match="does not exist") as caught:
        await execute(database_server.server.socket_dir, "nowhere")
    assert caught.value.code == "3D000"


async def test_nothing_at_the_socket_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await execute(tmp_path, "postgres")


async def test_an_error_counts_although_the_session_goes_on(
    tmp_path: Path, answering: Callable[[bytes], None]
) -> None:
    answering(ERROR + READY)
    with pytest.raises(PostgresAnswerError, match="42601"):
        await execute(tmp_path, "postgres")


async def test_a_server_that_hangs_up_is_an_error_of_the_system(
    tmp_path: Path, answering: Callable[[bytes], None]
) -> None:
    answering(READY[:3])
    with pytest.raises(ConnectionError, match="closed the connection"):
        await execute(tmp_path, "postgres")


async def test_an_error_without_fields_is_still_told(
    tmp_path: Path, answering: Callable[[bytes], None]
) -> None:
    answering(_message(b"E", b"\0") + READY)
    with pytest.raises(PostgresAnswerError, match=r"no message \(SQLSTATE \?\?\?\?\?\)"):
        await execute(tmp_path, "postgres")
