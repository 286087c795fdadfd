"""Find out what became of an order, by its hash: the venue's order, its trades, the chain."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import activity

from exchange.port import Chain, OrderGateway, UnavailableError
from storage.port import OrderStore
from trading.orders import Evidence, Intent, OrderProgress, Ruling
from trading.rules import OrderRules
from trading.types import OrderState

LOOK_BACK = timedelta(minutes=1)
"""How far before the intent the trades are asked for, against clocks that disagree."""


class Detective:
    """Collects evidence on one order; never takes silence of one witness for proof."""

    def __init__(
        self,
        gateway: OrderGateway,
        chain: Chain,
        orders: OrderStore,
        rules: OrderRules,
        clock: Callable[[], datetime],
    ) -> None:
        self._gateway = gateway
        self._chain = chain
        self._orders = orders
        self._rules = rules
        self._clock = clock

    async def look(self, intent: Intent) -> OrderProgress:
        """Ask the venue for the order and its trades and fold what it says."""
        order_hash = intent.order.order_hash
        evidence: list[Evidence] = []
        _tell_alive()
        try:
            since = intent.created_at - LOOK_BACK
            trades = await self._gateway.fetch_trades(intent.condition_id, since)
            evidence.extend(t for t in trades if t.order_hash == order_hash)
            _tell_alive()
            order = await self._gateway.fetch_order(order_hash)
            if order is not None:
                evidence.append(order)
        except UnavailableError:
            pass  # what was seen counts, the rest is asked again at the next look
        return await self._orders.fold(order_hash, evidence, self._clock())

    async def rule_on_absence(self, intent: Intent, progress: OrderProgress) -> OrderProgress:
        """Declare an unknown order dead, on proof or once nobody saw it for the quarantine."""
        if self._clock() < intent.created_at + self._rules.retry_until:
            return progress
        if not progress.had_unknown:
            ruling = Ruling(OrderState.REJECTED, f"the venue refused every copy: {progress.text}")
            return await self._orders.fold(progress.order_hash, [ruling], self._clock())
        quarantined_until = intent.created_at + self._rules.retry_until + self._rules.quarantine
        if self._clock() < quarantined_until or await self._is_on_chain(intent):
            return progress
        text = "seen by neither order, trades, user stream nor chain until the quarantine's end"
        ruling = Ruling(OrderState.VOID, text)
        return await self._orders.fold(progress.order_hash, [ruling], self._clock())

    async def _is_on_chain(self, intent: Intent) -> bool:
        """Tell whether the chain knows the order; when it cannot be asked, it may."""
        order = intent.order
        try:
            filled = await self._chain.fetch_filled(order.unsigned, order.order_hash)
        except UnavailableError:
            return True
        return filled is not None


def _tell_alive() -> None:
    """Heartbeat between requests, so that a slow venue is not taken for a dead worker."""
    if activity.in_activity():
        activity.heartbeat()
