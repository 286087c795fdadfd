"""Counts whale fills that only the public record told of: what the fast feeds missed."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

import structlog

from ingest.health import FeedHealth
from ingest.stored import until_stored
from storage.holding_port import HoldingStore
from storage.port import Event, FactStore
from trading.types import Side, TokenId, Wallet, WhaleFill

AFTER = timedelta(seconds=30)
"""How much later than the record the fast feeds may still tell of a fill."""
EXPECTED_MAX = 10_000

_Key = tuple[str, Wallet, TokenId, Side]

log = structlog.get_logger()


class MissedFills:
    """Remembers what the record told, and looks later who else has told it."""

    def __init__(
        self,
        holdings: HoldingStore,
        facts: FactStore,
        health: FeedHealth,
        clock: Callable[[], datetime],
    ) -> None:
        self._holdings = holdings
        self._facts = facts
        self._health = health
        self._clock = clock
        self._expected: OrderedDict[_Key, WhaleFill] = OrderedDict()
        self._began_at = clock()

    def __len__(self) -> int:
        """Return how many fills are waited for."""
        return len(self._expected)

    def expect(self, fills: Iterable[WhaleFill]) -> None:
        """Wait for others to tell these fills too; what was before we listened is not missed."""
        for fill in fills:
            if fill.traded_at > self._began_at:
                self._expected.setdefault(_key_of(fill), fill)
        while len(self._expected) > EXPECTED_MAX:
            self._expected.popitem(last=False)

    async def look(self) -> int:
        """Count what nobody else told in time, as metrics and as events; return how many."""
        due = [fill for fill in self._expected.values() if self._clock() - fill.seen_at >= AFTER]
        missed = 0
        for fill in due:
            del self._expected[_key_of(fill)]
            ask = partial(self._holdings.is_known_elsewhere, fill)
            is_known = await until_stored(ask, self._health, "missed")
            if is_known is False:
                missed += 1
                await self._tell(fill)
        return missed

    async def _tell(self, fill: WhaleFill) -> None:
        self._health.missed()
        event = Event(
            type="whale_fill_missed",
            severity="WARNING",
            title=f"the fast feeds missed a {fill.side} of {fill.wallet}",
            at=self._clock(),
            ids={"transaction_hash": fill.transaction_hash, "token_id": fill.token_id},
        )
        log.warning("whale_fill_missed", wallet=fill.wallet, tx=fill.transaction_hash)
        await until_stored(lambda: self._facts.record_event(event), self._health, "event")


def _key_of(fill: WhaleFill) -> _Key:
    return fill.transaction_hash, fill.wallet, fill.token_id, fill.side
