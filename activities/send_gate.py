"""The gate every order of this process passes before it leaves: tokens, and the venue's modes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from trading.rules import ThrottleRules
from trading.submits import SubmitOutcome
from trading.throttle import Bucket, Restriction, full, give_back, rate_of, restrict, take
from trading.types import Side

NO_WAIT = timedelta(0)


async def never(side: Side) -> bool:
    """Hold nothing back."""
    del side
    return False


async def _pause(wait: timedelta) -> None:
    await asyncio.sleep(wait.total_seconds())


class SendGate:
    """Lets orders pass at the venue's pace; exits never stand behind entries."""

    def __init__(
        self,
        rules: ThrottleRules,
        clock: Callable[[], datetime],
        pause: Callable[[timedelta], Awaitable[None]] = _pause,
        brake: Callable[[Side], Awaitable[bool]] = never,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._pause = pause
        self._brake = brake
        self._buckets: dict[Side, Bucket] = {}
        self._restriction: Restriction | None = None

    @property
    def restriction(self) -> Restriction | None:
        """Return what the venue said last of not working orders, None when it works them."""
        return self._restriction

    async def admit(self, side: Side) -> timedelta:
        """Wait for a token and return zero, or return how much later to try instead.

        While the venue works no orders, or a token is further away than `wait_max`, nobody waits
        here: the attempt is tried again later, in sight of an operator.
        """
        now = self._clock()
        if self._restriction is not None and now < self._restriction.until:
            return self._restriction.until - now
        rate = rate_of(side, self._rules)
        bucket = self._buckets.get(side) or full(rate, now)
        bucket, wait = take(bucket, rate, now)
        if wait > self._rules.wait_max:
            self._buckets[side] = give_back(bucket)
            return wait
        self._buckets[side] = bucket
        if wait > NO_WAIT:
            await self._pause(wait)
        return NO_WAIT

    async def holds(self, side: Side) -> bool:
        """Tell whether the kill switch holds an order of this side back now."""
        return await self._brake(side)

    def note(self, outcome: SubmitOutcome) -> None:
        """Learn from an answer whether the venue works orders."""
        self._restriction = restrict(self._restriction, outcome, self._clock(), self._rules)
