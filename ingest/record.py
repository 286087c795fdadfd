"""Commit what was seen before anything else happens; while the database is away, wait."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

import structlog

from exchange.port import FeedDoubt, Quarantined
from ingest.health import FeedHealth
from ingest.stored import until_stored
from storage.port import Event, FactStore, FillStore, KeptFill
from trading.aggregate import DroppedFills, FoundSignal, TakenBack
from trading.tallies import TallyKey, key_of
from trading.types import ZERO, Price, Shares, Side, Source, TokenId, Wallet, WhaleFill

NUMBERED_MAX = 50_000
POSITION = "chain/block"
"""Cursor: everything up to this block of the chain is stored."""
POSITION_EVERY = timedelta(seconds=10)
REFUSED_PER_MINUTE = 60
"""Refused payloads kept of one feed; a venue that changed its words sends thousands."""

_Terms = tuple[Source, str, Wallet, TokenId, Side, Shares, Price]

log = structlog.get_logger()


class Recorder:
    """Writes fills and signals; repeats each write until it is committed."""

    def __init__(
        self,
        fills: FillStore,
        facts: FactStore,
        health: FeedHealth,
        clock: Callable[[], datetime],
    ) -> None:
        self._fills = fills
        self._facts = facts
        self._health = health
        self._clock = clock
        self._told: OrderedDict[_Terms, int] = OrderedDict()
        self._recalled: Counter[_Terms] = Counter()
        self._recalled_shares: dict[TallyKey, Decimal] = {}  # of the public record
        self._position_at: datetime | None = None
        self._kept: dict[str, tuple[datetime, int]] = {}

    async def recall(self, since: datetime, limit: int) -> Sequence[KeptFill]:
        """Return what is stored of the last fills, in the order in which it was stored.

        The public record tells its last minutes again after every start: what of it was recalled
        is a repetition, and the database is not asked for each row while live fills wait.
        """
        kept = await until_stored(
            lambda: self._fills.list_recent_fills(since, limit), self._health, "recall"
        )
        assert kept is not None, "expected the stored fills to be readable"
        self._know([each.fill for each in kept if each.fill.log_index is None])
        return kept

    async def record_fill(self, fill: WhaleFill) -> WhaleFill | None:
        """Store one whale fill as one source reported it; return what of it is to be counted.

        A report without a log index that an earlier process stored is a repetition and counts no
        more. Where the index is known, whoever counts can tell by itself.
        """
        part = self._beyond_recalled(fill)
        if part is None:
            return None
        ordinal = self._number(part)
        if ordinal < self._recalled[_terms_of(part)]:
            return None
        write = partial(self._fills.record_fill, part, ordinal)
        is_new = await until_stored(write, self._health, "fill")
        if is_new is None:
            await self.quarantine(Quarantined(fill.source.value, "not storable", repr(fill)))
            return None
        return part if is_new or fill.log_index is not None else None

    async def record_signal(self, found: FoundSignal) -> None:
        """Commit a signal with the mark on its fills, and ring for the dispatchers."""
        signal = found.signal
        is_new = await until_stored(
            lambda: self._fills.record_signal(signal, self._clock(), found.fills),
            self._health,
            "signal",
        )
        if is_new:
            log.info(
                "signal_committed",
                signal_id=signal.signal_id,
                wallet=signal.wallet,
                side=signal.side.value,
                notional_usd=f"{signal.notional:.2f}",
                fills=signal.fill_count,
                source=signal.source.value,
            )

    async def skip(self, dropped: DroppedFills) -> None:
        """Mark fills that will not be followed, with the reason."""
        await until_stored(
            lambda: self._fills.skip_fills(dropped.fills, dropped.reason), self._health, "skip"
        )

    async def quarantine(self, refused: Quarantined) -> None:
        """Keep a payload that could not be read; of too many only the number is kept."""
        self._health.refused(refused.feed)
        if not self._has_room(refused.feed):
            return
        await until_stored(
            lambda: self._facts.quarantine(
                refused.feed, refused.why, refused.payload, self._clock()
            ),
            self._health,
            "quarantine",
        )

    async def load_position(self) -> int | None:
        """Return the block up to which everything is stored, None before the first one."""
        found = await until_stored(
            lambda: self._facts.load_cursor(POSITION), self._health, "position"
        )
        return int(found) if found else None

    async def keep_position(self, block: int, at: datetime) -> None:
        """Keep that everything up to a block is stored, at most every ten seconds."""
        if self._position_at is not None and at - self._position_at < POSITION_EVERY:
            return
        self._position_at = at
        await until_stored(
            lambda: self._facts.save_cursor(POSITION, str(block), at), self._health, "position"
        )

    async def tell_doubt(self, doubt: FeedDoubt) -> None:
        """Keep an event for a person: who should tell the same does not."""
        self._health.failed("nodes_disagree")
        event = Event(
            type="sources_disagree",
            severity="WARNING",
            title=f"{doubt.feed}: {doubt.why}",
            at=self._clock(),
            ids={"transaction_hash": doubt.transaction_hash},
        )
        await until_stored(lambda: self._facts.record_event(event), self._health, "event")

    async def tell_taken_back(self, taken: TakenBack) -> None:
        """Keep an event for a person: a fill we acted on was reorganised away."""
        event = Event(
            type="fill_taken_back",
            severity="WARNING",
            title=f"the chain took back a fill of {taken.fill.wallet}",
            at=self._clock(),
            ids={"transaction_hash": taken.fill.transaction_hash},
            metadata={"signal_ids": ",".join(taken.signal_ids)},
        )
        await until_stored(lambda: self._facts.record_event(event), self._health, "event")

    def _know(self, unnamed: Iterable[WhaleFill]) -> None:
        """Know what an earlier process stored of sources without log indexes.

        The socket says each fill once. The record says all again, and how its answers were cut
        into parts is another time different: of it only the shares are known.
        """
        self._recalled.clear()
        self._recalled_shares.clear()
        for fill in unnamed:
            if fill.source is Source.DATA_API:
                lot = key_of(fill)
                self._recalled_shares[lot] = self._recalled_shares.get(lot, ZERO) + fill.size
                self._number(fill)
            else:
                self._recalled[_terms_of(fill)] += 1

    def _beyond_recalled(self, fill: WhaleFill) -> WhaleFill | None:
        """Return the part of a fill that the record did not tell an earlier process."""
        if fill.source is not Source.DATA_API:
            return fill
        lot = key_of(fill)
        known = self._recalled_shares.pop(lot, ZERO)
        rest = fill.size - known
        if rest < 0:
            self._recalled_shares[lot] = -rest
        return replace(fill, size=Shares(rest)) if rest > 0 else None

    def _has_room(self, feed: str) -> bool:
        now = self._clock()
        since, count = self._kept.get(feed, (now, 0))
        if now - since >= timedelta(minutes=1):
            since, count = now, 0
        self._kept[feed] = since, count + 1
        return count < REFUSED_PER_MINUTE

    def _number(self, fill: WhaleFill) -> int:
        """Count identical fills of a source without log indexes; the oldest are forgotten."""
        if fill.log_index is not None:
            return 0
        key = _terms_of(fill)
        number = self._told.pop(key, 0)
        self._told[key] = number + 1
        if len(self._told) > NUMBERED_MAX:
            self._told.popitem(last=False)
        return number


def _terms_of(fill: WhaleFill) -> _Terms:
    return (
        fill.source,
        fill.transaction_hash,
        fill.wallet,
        fill.token_id,
        fill.side,
        fill.size,
        fill.price,
    )
