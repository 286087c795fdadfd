"""Decides when a dead service is started again, and when it has died too often."""

import random
from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How often and how fast a service may be started again.

    Attributes:
        restarts_max: restarts allowed within `window_s` seconds.
        delay_first_s: wait before the first restart, doubled for each further one.
        delay_max_s: no wait is longer than this.
    """

    restarts_max: int = 10
    window_s: float = 60.0
    delay_first_s: float = 0.1
    delay_max_s: float = 5.0


@dataclass(slots=True)
class RestartBudget:
    """The restarts of one service within the window."""

    policy: RestartPolicy
    rng: random.Random
    restarted_at_s: deque[float] = field(default_factory=deque)

    def next_delay_s(self, now_s: float) -> float | None:
        """Take one restart from the budget.

        Args:
            now_s: seconds of a monotonic clock.

        Returns:
            Seconds to wait, between half and all of the doubled delay so that services which died
            together do not come back together; None when the budget is used up.
        """
        while self.restarted_at_s and self.restarted_at_s[0] <= now_s - self.policy.window_s:
            self.restarted_at_s.popleft()
        used = len(self.restarted_at_s)
        if used >= self.policy.restarts_max:
            return None
        self.restarted_at_s.append(now_s)
        delay_s = min(self.policy.delay_first_s * 2.0**used, self.policy.delay_max_s)
        return delay_s * (0.5 + self.rng.random() / 2)
