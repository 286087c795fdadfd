"""Fills that an earlier listener stored but never counted wait for the rest of their order."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from trading.types import WhaleFill

GRACE = timedelta(seconds=2)
"""How long after a start the feeds may take to tell what was missed; then nothing is waited for."""


class Resumed:
    """Stored fills without a mark, until their order's next fill comes or the grace is over.

    Counted at once, they would become a signal before the gap is filled, and the rest of the same
    whale order a second one.
    """

    def __init__(self, fills: Iterable[WhaleFill] = (), due_at: datetime | None = None) -> None:
        self._fills = list(fills)
        self._due_at = due_at

    @property
    def next_due_at(self) -> datetime | None:
        """Return when what still waits is to be counted, None when nothing does."""
        return self._due_at if self._fills else None

    def beside(self, fill: WhaleFill) -> list[WhaleFill]:
        """Take out what waits of the same wallet and token, in the order in which it was stored."""
        return self._take([f for f in self._fills if _is_beside(f, fill)])

    def due(self, now: datetime) -> list[WhaleFill]:
        """Take out what has waited long enough."""
        is_due = self._due_at is None or now >= self._due_at
        return self._take(self._fills if is_due else [])

    def _take(self, taken: list[WhaleFill]) -> list[WhaleFill]:
        self._fills = [fill for fill in self._fills if fill not in taken]
        return taken


def _is_beside(waiting: WhaleFill, fill: WhaleFill) -> bool:
    return (waiting.wallet, waiting.token_id) == (fill.wallet, fill.token_id)
