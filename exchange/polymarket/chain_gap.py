"""Which blocks a node was not asked for yet: in ranges that it answers, until it has answered."""

from collections.abc import Sequence
from dataclasses import dataclass

LOGS_BLOCKS_MAX = 2000
"""Blocks in one request for logs; public nodes refuse more."""
GAP_BLOCKS_MAX = 20_000
"""Blocks asked for after a gap, half a day; what is older is for the venue's history."""
REORG_BLOCKS = 5
"""Blocks asked for again although they were seen: the newest ones may have been replaced."""


@dataclass(frozen=True, slots=True, order=True)
class BlockRange:
    """Blocks from `first` to `last`, both included."""

    first: int
    last: int

    def halves(self) -> Sequence["BlockRange"]:
        """Return the range in two parts, none when it is a single block."""
        if self.first == self.last:
            return ()
        middle = (self.first + self.last) // 2
        return BlockRange(self.first, middle), BlockRange(middle + 1, self.last)


class ChainGap:
    """How far one node is known, and what of it is still asked for.

    What was asked for and not answered before the socket was lost is asked for again.
    """

    def __init__(self, lookback_blocks: int, since: int | None = None) -> None:
        """Begin after block `since`, or with so many blocks before the newest one."""
        self._lookback_blocks = lookback_blocks
        self._seen = since
        self._is_planned = False
        self._pending: set[BlockRange] = set()

    @property
    def complete(self) -> int | None:
        """Return the newest block up to which nothing is missing."""
        if not self._pending:
            return self._seen
        return min(self._pending).first - 1

    def saw(self, block: int) -> None:
        """Note a new block, whose logs come by the subscription; before the plan it is a gap's."""
        if self._is_planned:
            self._seen = max(self._seen or 0, block)

    def lose(self, untold: int | None = None) -> None:
        """Go back to what was complete when the socket was lost, which block `untold` was not."""
        self._seen = self.complete
        if untold is not None and self._seen is not None:
            self._seen = min(self._seen, untold - 1)
        self._pending.clear()
        self._is_planned = False

    def plan(self, newest: int) -> Sequence[BlockRange]:
        """Return what to ask for: all since what was seen, a few blocks of it again."""
        behind = self._lookback_blocks
        if self._seen is not None and self._seen <= newest:
            behind = newest - self._seen + REORG_BLOCKS
        first = max(newest - min(behind, GAP_BLOCKS_MAX), 0)
        ranges = [
            BlockRange(start, min(start + LOGS_BLOCKS_MAX - 1, newest))
            for start in range(first, newest + 1, LOGS_BLOCKS_MAX)
        ]
        self._pending.update(ranges)
        self._seen, self._is_planned = newest, True
        return ranges

    def answered(self, blocks: BlockRange) -> None:
        """Note that a range was answered."""
        self._pending.discard(blocks)

    def refused(self, blocks: BlockRange) -> Sequence[BlockRange]:
        """Return the halves to ask for instead of a range that was too much for the node."""
        halves = blocks.halves()
        if halves:
            self._pending.discard(blocks)
            self._pending.update(halves)
        return halves
