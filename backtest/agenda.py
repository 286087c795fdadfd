"""What is to be done at which time, in order; equal times in the order in which they were set."""

import heapq
from collections.abc import Callable
from datetime import datetime

Action = Callable[[datetime], None]


class Agenda:
    """Runs actions at their times. An action may set others, never one in the past."""

    def __init__(self) -> None:
        self._queue: list[tuple[datetime, int, Action]] = []
        self._count = 0
        self._now: datetime | None = None

    def at(self, when: datetime, action: Action) -> None:
        """Do something at a time; it is told that time."""
        assert self._now is None or when >= self._now, f"expected {self._now} or later: {when}"
        self._count += 1
        heapq.heappush(self._queue, (when, self._count, action))

    def run_before(self, until: datetime) -> None:
        """Do all that is due before a time."""
        while self._queue and self._queue[0][0] < until:
            when, _, action = heapq.heappop(self._queue)
            self._now = when
            action(when)
        self._now = until if self._now is None else max(self._now, until)
