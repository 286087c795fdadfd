"""Keeps few trades at once on the way to their first order, so that the first ones get through."""

import asyncio
import contextlib

from trading.rules import PaceRules
from trading.types import SignalId


class Pace:
    """Counts young trades: started here, and neither sent nor ended yet.

    When many signals come at once and all of them start at once, all of them are late. So whoever
    starts trades asks for room first, and takes the oldest signals that there is room for. A trade
    that is not heard of for a while is young no more: another process may have taken it over.
    """

    def __init__(self, rules: PaceRules) -> None:
        self._rules = rules
        self._young: dict[SignalId, float] = {}  # until when, on the loop's clock
        self._left = asyncio.Event()

    @property
    def room(self) -> int:
        """Return how many more trades may start now."""
        now_s = _now_s()
        for signal_id in [each for each, until_s in self._young.items() if until_s <= now_s]:
            del self._young[signal_id]
        return max(self._rules.young_max - len(self._young), 0)

    def begin(self, signal_id: SignalId) -> None:
        """Count a trade that starts now."""
        self._young[signal_id] = _now_s() + self._rules.young_for.total_seconds()

    def passed(self, signal_id: SignalId) -> None:
        """Count a trade no more: its first order leaves now, or it ended without one."""
        if self._young.pop(signal_id, None) is not None:
            self._left.set()

    async def wait_for_room(self) -> None:
        """Return once a trade may start."""
        while not self.room:
            self._left.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(min(self._young.values())):
                    await self._left.wait()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
