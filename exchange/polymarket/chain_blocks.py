"""When blocks were mined, and whether the chain goes on from the block that we knew."""

from collections import OrderedDict
from datetime import UTC, datetime

from exchange.polymarket.wire_chain import HeadRow

BLOCKS_MAX = 1000


class ChainBlocks:
    """The newest blocks as one node told them."""

    def __init__(self) -> None:
        """Start with no block known."""
        self._times: OrderedDict[int, datetime] = OrderedDict()
        self._hashes: OrderedDict[int, str] = OrderedDict()

    def time_of(self, block: int) -> datetime | None:
        """Return when a block was mined, None when that is not known (any more)."""
        return self._times.get(block)

    def learn(self, block: int, timestamp_s: int) -> None:
        """Remember when a block was mined."""
        self._times[block] = datetime.fromtimestamp(timestamp_s, UTC)
        _bound(self._times)

    def take(self, head: HeadRow) -> bool:
        """Remember a new block; return whether it replaces one, or follows one we do not know."""
        known = self._hashes.get(head.number, head.hash)
        parent = self._hashes.get(head.number - 1, head.parent_hash)
        self._hashes[head.number] = head.hash
        _bound(self._hashes)
        self.learn(head.number, head.timestamp)
        return known != head.hash or parent != head.parent_hash


def _bound(kept: OrderedDict[int, datetime] | OrderedDict[int, str]) -> None:
    if len(kept) > BLOCKS_MAX:
        kept.popitem(last=False)
