"""Speaks just enough of PostgreSQL's protocol 3.0 to ask a trusting local server one thing.

Message layout: https://www.postgresql.org/docs/18/protocol-message-formats.html
"""

import asyncio
import struct
from pathlib import Path

PROTOCOL_3_0 = 196_608
SOCKET_NAME = ".s.PGSQL.5432"


class PostgresAnswerError(OSError):
    """The server answered with an error; `code` is its SQLSTATE."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} (SQLSTATE {code})")
        self.code = code


async def execute(socket_dir: Path, database: str, statement: str = "") -> None:
    """Connect as `postgres` without a password and run one statement, or none.

    Raises:
        PostgresAnswerError: the server refused the connection or the statement.
        OSError: nothing answers on the socket, or it answers no PostgreSQL.
    """
    reader, writer = await asyncio.open_unix_connection(str(socket_dir / SOCKET_NAME))
    try:
        await _talk(reader, writer, database, statement)
    except asyncio.IncompleteReadError as error:
        raise ConnectionError("the server closed the connection") from error
    finally:
        writer.close()


async def _talk(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, database: str, statement: str
) -> None:
    names = f"user\0postgres\0database\0{database}\0\0".encode()
    writer.write(struct.pack("!ii", len(names) + 8, PROTOCOL_3_0) + names)
    await _until_ready(reader)
    if statement:
        query = statement.encode() + b"\0"
        writer.write(b"Q" + struct.pack("!i", len(query) + 4) + query)
        await _until_ready(reader)
    writer.write(b"X" + struct.pack("!i", 4))


async def _until_ready(reader: asyncio.StreamReader) -> None:
    failure: PostgresAnswerError | None = None
    while True:
        kind = await reader.readexactly(1)
        (size,) = struct.unpack("!i", await reader.readexactly(4))
        body = await reader.readexactly(size - 4)
        if kind == b"E":
            failure = _parse_error(body)
            if failure.code.startswith(
                ("28", "3D", "53", "57")
            ):  # no connection, so no ReadyForQuery
                raise failure
        if kind == b"Z":
            break
    if failure is not None:
        raise failure


def _parse_error(body: bytes) -> PostgresAnswerError:
    fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    return PostgresAnswerError(fields.get(b"C", "?????"), fields.get(b"M", "no message"))
