"""A plain relay in front of the venue that makes requests wait, as a distant venue would."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CHUNK = 65_536


@dataclass(slots=True)
class Relay:
    """How long requests wait by how they begin, and how long their answers are withheld."""

    port: int
    before_s: Mapping[bytes, float]
    after_s: Mapping[bytes, float] = field(default_factory=dict)
    seen: list[bytes] = field(default_factory=list)  # the first line of every request
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def wait_for(self, begin: bytes) -> None:
        """Return once a request that begins like this has been seen."""
        async with self.news:
            await self.news.wait_for(lambda: any(line.startswith(begin) for line in self.seen))


def delay_of(delays: Mapping[bytes, float], request: bytes) -> float:
    """Return what a request that begins like this has to wait, in seconds."""
    return next((wait for begin, wait in delays.items() if request.startswith(begin)), 0.0)


@asynccontextmanager
async def relayed(venue_port: int, before_s: Mapping[bytes, float]) -> AsyncIterator[Relay]:
    """Relay a free port to the venue's; connections carry one request after the other."""
    relay = Relay(0, before_s)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_venue = await asyncio.open_connection("127.0.0.1", venue_port)
        withheld = [0.0]
        up = asyncio.create_task(_carry_requests(relay, reader, to_venue[1], withheld))
        down = asyncio.create_task(_carry_answers(to_venue[0], writer, withheld))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            for end in (writer, to_venue[1]):
                end.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()


async def _carry_requests(
    relay: Relay,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    withheld: list[float],
) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            if chunk[:5] in (b"GET /", b"POST ", b"DELET"):
                withheld[0] = delay_of(relay.after_s, chunk)
                async with relay.news:
                    relay.seen.append(chunk.split(b"\r\n", 1)[0])
                    relay.news.notify_all()
                await asyncio.sleep(delay_of(relay.before_s, chunk))
            writer.write(chunk)
            await writer.drain()


async def _carry_answers(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, withheld: list[float]
) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            await asyncio.sleep(withheld[0])
            writer.write(chunk)
            await writer.drain()
