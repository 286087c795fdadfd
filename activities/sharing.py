"""One answer for all who ask the same thing within a moment."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")

KEPT_MAX = 1000


@dataclass(slots=True)
class _Place(Generic[Answer]):
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    answer: Answer | None = None
    asked_at: datetime | None = None


class Shared(Generic[Key, Answer]):
    """Asks once for everybody who wants to know at the same time or shortly after.

    An answer's age counts from when it was asked for, so nobody gets one older than `kept_for`.
    What fails is shared with nobody. At most 1,000 answers are kept.
    """

    def __init__(
        self,
        fetch: Callable[[Key], Awaitable[Answer]],
        kept_for: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._fetch = fetch
        self._kept_for = kept_for
        self._clock = clock
        self._places: OrderedDict[Key, _Place[Answer]] = OrderedDict()

    async def get(self, key: Key) -> Answer:
        """Return an answer that is young enough; raise what asking for it raises."""
        place = self._places.setdefault(key, _Place())
        self._places.move_to_end(key)
        if len(self._places) > KEPT_MAX:
            self._places.popitem(last=False)
        async with place.asking:
            now = self._clock()
            if place.answer is None or place.asked_at is None or self._is_old(place.asked_at, now):
                place.answer, place.asked_at = None, now
                place.answer = await self._fetch(key)
            return place.answer

    def _is_old(self, asked_at: datetime, now: datetime) -> bool:
        return not asked_at <= now <= asked_at + self._kept_for
