"""Speaks TLS in front of a server that cannot, for as long as a test lasts."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.certificates import HOST, Certificates

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""The first words of a client of PostgreSQL that wants TLS."""


def server_context(certificates: Certificates, *, wants_client: bool = False) -> ssl.SSLContext:
    """Return what a server shows; with `wants_client` it lets in only whom the authority signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server_cert, certificates.server_key)
    context.set_alpn_protocols(["h2"])
    if wants_client:
        context.load_verify_locations(certificates.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@asynccontextmanager
async def tls_proxy(
    behind: str, context: ssl.SSLContext, *, greets: bool = False
) -> AsyncIterator[int]:
    """Serve TLS on a free port for what answers at `behind`, host:port or a socket's path.

    With `greets` a client asks first whether TLS is spoken here, as those of PostgreSQL do.
    """
    open_lines: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_lines.add(task)
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                if greets:
                    assert await reader.readexactly(8) == SSL_REQUEST, "expected TLS to be wanted"
                    writer.write(b"S")
                    await writer.drain()
                    await writer.start_tls(context)
                await _join(reader, writer, behind)
        finally:
            open_lines.discard(task)

    server = await asyncio.start_server(carry, HOST, 0, ssl=None if greets else context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        lines = list(open_lines)
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, behind: str) -> None:
    if behind.startswith("/"):
        to_read, to_write = await asyncio.open_unix_connection(behind)
    else:
        host, _, port = behind.rpartition(":")
        to_read, to_write = await asyncio.open_connection(host, int(port))
    ways = [
        asyncio.ensure_future(_pour(reader, to_write)),
        asyncio.ensure_future(_pour(to_read, writer)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in (writer, to_write):
            end.transport.abort()


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(65_536):
        sink.write(chunk)
        await sink.drain()
