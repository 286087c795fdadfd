"""Hold the orders that rest on the venue's book against those that should."""

from collections.abc import Callable
from datetime import datetime, timedelta

from activities.evidence import Detective
from activities.reconcile import Judge, ReconcilePorts
from storage.reconcile_port import Foreigner
from trading.own_books import BookOrder
from trading.reconcile import BookKind
from trading.rules import ReconcileRules


class OpenOrderCheck:
    """Finds orders that only one side takes for open, and orders that nobody here has sent."""

    name = "open orders"

    def __init__(
        self,
        ports: ReconcilePorts,
        detective: Detective,
        judge: Judge,
        rules: ReconcileRules,
        clock: Callable[[], datetime],
    ) -> None:
        self._ports = ports
        self._detective = detective
        self._judge = judge
        self._rules = rules
        self._clock = clock

    @property
    def every(self) -> timedelta:
        """Return the pause until the next turn."""
        return self._rules.orders_every

    async def full_turn(self) -> None:
        """Look as always: all open orders are listed every time."""
        await self.turn()

    async def turn(self) -> None:
        """List what rests there, then read our own: an order is on record before it is sent."""
        began = self._clock()
        listed = await self._ports.account.fetch_open_orders()
        own = await self._ports.books.load_own_books(began - self._rules.read_lag, listed)
        for order_hash in sorted(set(listed) - own.orders.keys()):
            foreigner = Foreigner(order_hash, "resting on the venue's book")
            await self._ports.books.record_foreigner(foreigner, self._clock())
        for order_hash in listed:
            order = own.orders.get(order_hash)
            if order is not None and not order.is_open:
                await self._ask(order)
        await self._judge.judge_all(BookKind.ORDER, own.read_orders(listed))

    async def _ask(self, order: BookOrder) -> None:
        """Fold what the venue says of an order that should not rest there: it may be adopted."""
        intent = await self._ports.orders.load_intent(order.order_hash)
        if intent is not None:
            await self._detective.look(intent)
