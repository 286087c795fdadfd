"""Our own orders' news: the user stream's evidence, folded and rung for whoever waits."""

from collections.abc import Callable
from datetime import datetime

import structlog

from exchange.port import AccountEvent, OrderGateway, Quarantined, StreamReset
from ingest.health import FeedHealth
from storage.port import FactStore, OrderStore
from trading.orders import VenueOrder, VenueTrade

log = structlog.get_logger()

FEED = "account"


class AccountListener:
    """Folds the user stream into the orders; orders that are not ours are reported."""

    def __init__(
        self,
        gateway: OrderGateway,
        orders: OrderStore,
        facts: FactStore,
        health: FeedHealth,
        clock: Callable[[], datetime],
    ) -> None:
        self._gateway = gateway
        self._orders = orders
        self._facts = facts
        self._health = health
        self._clock = clock

    async def run(self) -> None:
        """Listen until cancelled; the stream reconnects by itself."""
        async for event in self._gateway.stream_account():
            self._health.heard(FEED)
            await self._take(event)

    async def _take(self, event: AccountEvent) -> None:
        match event:
            case VenueOrder() | VenueTrade():
                await self._fold(event)
            case StreamReset():
                await self._catch_up()
            case Quarantined():
                self._health.refused(FEED)
                await self._facts.quarantine(event.feed, event.why, event.payload, self._clock())

    async def _fold(self, evidence: VenueOrder | VenueTrade) -> None:
        order_hash = evidence.order_hash
        if not await self._orders.is_ours(order_hash):
            log.warning("foreign_order_seen", order_hash=order_hash)
            return
        await self._orders.fold(order_hash, [evidence], self._clock())

    async def _catch_up(self) -> None:
        """Wake everybody who waits for an order: what was missed is asked for over REST."""
        for order_hash in await self._orders.list_unresolved(limit=1000):
            await self._orders.fold(order_hash, [], self._clock())
