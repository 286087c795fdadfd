"""Keeps few trades at once on the way to their first order, so that the first ones get through."""

import asyncio
import contextlib
from collections import OrderedDict

from trading.orders import Intent
from trading.rules import PaceRules
from trading.types import OrderHash, SignalId

SENT_MAX = 10_000


class Pace:
    """Counts young trades: started here, and neither sent nor ended yet.

    When many signals come at once and all of them start at once, all of them are late. So whoever
    starts trades asks for room first, and takes the oldest signals that there is room for. A trade
    that is not heard of for a while is young no more: another process may have taken it over.
    What has been sent can wait a moment for its fills, and gives way to what has not.
    """

    def __init__(self, rules: PaceRules) -> None:
        self._rules = rules
        self._young: dict[SignalId, float] = {}  # until when, on the loop's clock
        self._sent: OrderedDict[OrderHash, None] = OrderedDict()
        self._left = asyncio.Event()

    @property
    def room(self) -> int:
        """Return how many more trades may start now."""
        return max(self._rules.young_max - self._count_young(), 0)

    def begin(self, signal_id: SignalId) -> None:
        """Count a trade that starts now."""
        self._young[signal_id] = _now_s() + self._rules.young_for.total_seconds()

    def passed(self, signal_id: SignalId) -> None:
        """Count a trade no more: its first order leaves now, or it ended without one."""
        if self._young.pop(signal_id, None) is not None:
            self._left.set()

    def sent(self, intent: Intent) -> None:
        """Hear of an order that leaves now; exits are none of our business."""
        if intent.signal_id is None:
            return
        self.passed(intent.signal_id)
        self._sent[intent.order.order_hash] = None
        while len(self._sent) > SENT_MAX:
            self._sent.popitem(last=False)

    async def wait_for_room(self) -> None:
        """Return once a trade may start."""
        while not self.room:
            await self._next_change(min(self._young.values()))

    async def give_way(self, order_hash: OrderHash, *, is_last: bool) -> None:
        """Return once no crowd of young trades is left, at once for other orders than our entries.

        It takes two seconds at most; after the `is_last` time the order gives way no more.
        """
        if order_hash not in self._sent:
            return
        until_s = _now_s() + self._rules.way_given_for.total_seconds()
        while self._count_young() >= self._rules.crowd and _now_s() < until_s:
            await self._next_change(min(until_s, *self._young.values()))
        if is_last:
            self._sent.pop(order_hash, None)

    def _count_young(self) -> int:
        now_s = _now_s()
        for signal_id in [each for each, until_s in self._young.items() if until_s <= now_s]:
            del self._young[signal_id]
        return len(self._young)

    async def _next_change(self, until_s: float) -> None:
        self._left.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until_s):
                await self._left.wait()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
