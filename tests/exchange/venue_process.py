"""Runs the local venue as a process of its own and tells where it answers."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from exchange.polymarket.endpoints import VenueAccess, VenueEndpoints
from tests.exchange.samples import now
from tests.paper.tiny_tape import write_tiny_tape

START_LIMIT_S = 30


@asynccontextmanager
async def running_venue(
    home: Path, *arguments: str, tape: Path | None = None
) -> AsyncIterator[VenueAccess]:
    """Play the tiny tape from an existing home: two markets of one minute, divided by the speed.

    Another tape may be played instead.
    """
    tape = tape or write_tiny_tape(home / "tiny.tape")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "paper", "--home", str(home), "--tape", str(tape)),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), START_LIMIT_S)
        async with aiohttp.ClientSession() as session:
            yield VenueAccess(_endpoints(json.loads(line)), session, now)
    finally:
        process.terminate()
        await process.wait()


def _endpoints(line: dict[str, str]) -> VenueEndpoints:
    return VenueEndpoints(
        clob=line["clob"],
        gamma=line["gamma"],
        data=line["data"],
        ws_market=line["ws_market"],
        ws_user=line["ws_user"],
        rtds=line["rtds"],
        rpc_http=(line["rpc_http"],),
        rpc_ws=(line["rpc_ws"],),
    )
