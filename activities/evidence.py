"""Find out what became of an order, by its hash: the venue's order, its trades, the chain."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import activity

from exchange.port import Chain, OrderGateway, UnavailableError
from storage.port import OrderStore
from trading.absence import Silence, contradicts, rule_on_silence
from trading.orders import Evidence, Intent, OrderProgress
from trading.rules import OrderRules
from trading.types import OrderHash, OrderState

LOOK_BACK = timedelta(minutes=1)
"""How far before the intent the trades are asked for, against clocks that disagree."""
HALT_AFTER = timedelta(seconds=3)
"""How long after the quarantine an order may stay unknown before its token is halted."""
SILENCES_MAX = 10_000
"""Orders whose silence is remembered at once."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found; `is_silent`: both answers came and none knew an active order."""

    progress: OrderProgress
    is_silent: bool


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
        self._silent_since: dict[OrderHash, datetime] = {}

    async def look(self, intent: Intent) -> Look:
        """Ask the venue for the order and its trades and fold what it says."""
        order_hash = intent.order.order_hash
        evidence: list[Evidence] = []
        is_silent = False
        tell_alive()
        try:
            order = await self._gateway.fetch_order(order_hash)
            if order is not None:
                evidence.append(order)
            tell_alive()
            since = intent.created_at - LOOK_BACK
            trades = await self._gateway.fetch_trades(intent.condition_id, since)
            evidence.extend(t for t in trades if t.order_hash == order_hash)
            is_silent = order is None
        except UnavailableError:
            pass  # what was seen counts, the rest is asked again at the next look
        progress = await self._orders.fold(order_hash, evidence, self._clock())
        return Look(progress, is_silent)

    async def resolve(self, intent: Intent, *, is_asked_to_die: bool = False) -> OrderProgress:
        """Look, and rule on the venue's silence where it proves something.

        An order that nobody can tell anything about for too long halts its token.
        """
        look = await self.look(intent)
        progress = look.progress
        await self._halt_when_overdue(intent, progress)
        since = self._note_silence(look)
        if since is not None:
            silence = Silence(since, self._clock(), is_asked_to_die)
            ruling = rule_on_silence(intent, progress, silence, self._rules)
            if ruling is not None and not await self._chain_knows_more(intent, progress):
                return await self._orders.fold(progress.order_hash, [ruling], self._clock())
        return progress

    def _note_silence(self, look: Look) -> datetime | None:
        """Return since when the venue has been silent about an order, None when it is not.

        Kept in memory: another process begins to count anew, which only lengthens a grace.
        """
        order_hash = look.progress.order_hash
        if look.is_silent and not look.progress.state.is_terminal:
            while len(self._silent_since) >= SILENCES_MAX:
                del self._silent_since[next(iter(self._silent_since))]
            return self._silent_since.setdefault(order_hash, self._clock())
        self._silent_since.pop(order_hash, None)
        return None

    async def _chain_knows_more(self, intent: Intent, progress: OrderProgress) -> bool:
        """Tell whether the chain has fills we have not seen; when it cannot be asked, it may."""
        order = intent.order
        try:
            filled = await self._chain.fetch_filled(order.unsigned, order.order_hash)
        except UnavailableError:
            return True
        return contradicts(filled, progress)

    async def _halt_when_overdue(self, intent: Intent, progress: OrderProgress) -> None:
        if progress.state is not OrderState.UNKNOWN:
            return
        rules, now = self._rules, self._clock()
        overdue_at = intent.created_at + rules.retry_until + rules.quarantine + HALT_AFTER
        if now >= overdue_at:
            reason = f"order {progress.order_hash} is unknown since {intent.created_at.isoformat()}"
            await self._orders.halt_token(intent.order.unsigned.token_id, reason, now)


def tell_alive() -> None:
    """Heartbeat between requests, so that a slow venue is not taken for a dead worker."""
    if activity.in_activity():
        activity.heartbeat()
