"""Fetches a market when its token is seen, so that a signal finds it described as it is now."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import structlog

from exchange.port import ExchangeError, FillEvent, MarketData, WalletSet, WhaleFeed
from ingest.health import FeedHealth
from storage.port import FactStore, StorageError
from trading.types import TokenId, WhaleFill

KNOWN_MAX = 10_000
QUEUE_MAX = 1_000
FRESH_FOR = timedelta(minutes=1)
"""How long a market counts as described: it may close or be resolved any time."""

log = structlog.get_logger()


class MarketScout:
    """Describes tokens beside the path of a trade; what it misses, the assessment asks for."""

    def __init__(
        self,
        market_data: MarketData,
        facts: FactStore,
        health: FeedHealth,
        clock: Callable[[], datetime],
    ) -> None:
        self._market_data = market_data
        self._facts = facts
        self._health = health
        self._clock = clock
        self._seen: dict[TokenId, datetime] = {}
        self._wanted: asyncio.Queue[TokenId] = asyncio.Queue(QUEUE_MAX)

    def beside(self, feed: WhaleFeed) -> "ScoutedFeed":
        """Return the feed, its tokens noticed as they pass."""
        return ScoutedFeed(feed, self)

    def notice(self, token_id: TokenId) -> None:
        """Ask for a token's market unless that was done of late; never waits."""
        now, last = self._clock(), self._seen.get(token_id)
        if self._wanted.full() or (last is not None and now < last + FRESH_FOR):
            return
        self._seen[token_id] = now
        if len(self._seen) > KNOWN_MAX:
            del self._seen[next(iter(self._seen))]
        self._wanted.put_nowait(token_id)

    async def run(self) -> None:
        """Fetch what was noticed until cancelled."""
        while True:
            await self._fetch(await self._wanted.get())

    async def _fetch(self, token_id: TokenId) -> None:
        try:
            market = await self._market_data.fetch_market(token_id)
            if market is not None:
                await self._facts.save_market(market, self._clock())
        except (ExchangeError, StorageError) as error:
            self._seen.pop(token_id, None)  # asked again at its next fill
            self._health.failed("scout")
            log.warning("market_not_fetched", token_id=token_id, error=str(error))


class ScoutedFeed:
    """A whale feed whose tokens a scout notices."""

    def __init__(self, feed: WhaleFeed, scout: MarketScout) -> None:
        self._feed = feed
        self._scout = scout

    @property
    def name(self) -> str:
        """Return the feed's own name."""
        return self._feed.name

    async def stream_fills(self, wallets: WalletSet) -> AsyncIterator[FillEvent]:
        """Yield the feed's events as they are."""
        async for event in self._feed.stream_fills(wallets):
            if isinstance(event, WhaleFill):
                self._scout.notice(event.token_id)
            yield event
