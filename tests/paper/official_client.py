"""The official client, unmodified, pointed at the feeds of a told venue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from polymarket import AsyncPublicClient
from polymarket._internal.environment import PRODUCTION_CONFIG, create_environment

from tests.paper.feed_desk import FeedDesk


@asynccontextmanager
async def official_client(desk: FeedDesk) -> AsyncIterator[AsyncPublicClient]:
    config = replace(
        PRODUCTION_CONFIG,
        clob_url=desk.url,
        gamma_url=f"{desk.url}/gamma",
        data_url=f"{desk.url}/data",
        rpc_url=f"{desk.url}/rpc",
        relayer_url=f"{desk.url}/relayer",
        clob_market_ws_url=f"{desk.url.replace('http', 'ws')}/ws/market",
        clob_user_ws_url=f"{desk.url.replace('http', 'ws')}/ws/user",
    )
    client = AsyncPublicClient(create_environment(name="local", config=config))
    try:
        yield client
    finally:
        await client.close()
