"""Our own orders' news: the user stream's evidence, folded and rung for whoever waits."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog

from exchange.port import AccountEvent, OrderGateway, Quarantined, StreamReset
from ingest.health import FeedHealth
from ingest.listen import listen
from ingest.stored import until_stored
from storage.port import FactStore, OrderStore
from storage.reconcile_port import ACCOUNT_STREAM, Foreigner
from trading.orders import VenueOrder, VenueTrade

FEED = "account"

log = structlog.get_logger()


class AccountRecords(FactStore, Protocol):
    """What is kept of the stream beside the orders."""

    async def record_foreigner(self, foreigner: Foreigner, now: datetime) -> bool:
        """Halt all entries for a foreign order, and put it before a person; once for each."""


class AccountListener:
    """Folds the user stream into the orders; one that is not ours halts all entries."""

    def __init__(
        self,
        gateway: OrderGateway,
        orders: OrderStore,
        facts: AccountRecords,
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
        await listen(FEED, self._gateway.stream_account, self._take, self._health)

    async def _take(self, event: AccountEvent) -> None:
        match event:
            case VenueOrder() | VenueTrade():
                await self._take_evidence(event)
            case StreamReset():
                await self._tell_connected()
            case Quarantined():
                self._health.refused(FEED)
                await until_stored(
                    lambda: self._facts.quarantine(
                        event.feed, event.why, event.payload, self._clock()
                    ),
                    self._health,
                    "quarantine",
                )

    async def _tell_connected(self) -> None:
        """Have everything compared: what happened meanwhile was not heard."""
        now = self._clock()
        log.info("account_connected")
        await until_stored(
            lambda: self._facts.save_cursor(ACCOUNT_STREAM, now.isoformat(), now),
            self._health,
            "evidence",
        )

    async def _take_evidence(self, evidence: VenueOrder | VenueTrade) -> None:
        order_hash = evidence.order_hash
        is_ours = await until_stored(
            lambda: self._orders.is_ours(order_hash), self._health, "evidence"
        )
        if is_ours is False:
            log.warning("foreign_order_seen", order_hash=order_hash)
            foreigner = Foreigner(order_hash, "told by the stream of our own orders")
            await until_stored(
                lambda: self._facts.record_foreigner(foreigner, self._clock()),
                self._health,
                "evidence",
            )
        elif is_ours:
            await until_stored(
                lambda: self._orders.fold(order_hash, [evidence], self._clock()),
                self._health,
                "evidence",
            )
