"""Commit what was seen before anything else happens; while the database is away, wait."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

import structlog

from exchange.port import Quarantined
from storage.port import Event, FactStore, SignalStore, StorageUnavailableError
from trading.aggregate import TakenBack
from trading.types import Reason, WhaleFill, WhaleSignal

PAUSE_S = 0.2

T = TypeVar("T")

log = structlog.get_logger()


class Recorder:
    """Writes fills and signals; repeats each write until it is committed."""

    def __init__(
        self, signals: SignalStore, facts: FactStore, clock: Callable[[], datetime]
    ) -> None:
        self._signals = signals
        self._facts = facts
        self._clock = clock

    async def record_fill(self, fill: WhaleFill) -> None:
        """Store one whale fill as one source reported it."""
        await self._until_committed(lambda: self._signals.record_fill(fill))

    async def record_signal(self, signal: WhaleSignal) -> None:
        """Commit a signal and ring for the dispatchers."""
        is_new = await self._until_committed(
            lambda: self._signals.record_signal(signal, self._clock())
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

    async def skip(self, fills: Sequence[WhaleFill], reason: Reason) -> None:
        """Mark fills that will not be followed, with the reason."""
        await self._until_committed(lambda: self._signals.skip_fills(fills, reason))

    async def quarantine(self, refused: Quarantined) -> None:
        """Keep a payload that could not be read."""
        await self._until_committed(
            lambda: self._facts.quarantine(
                refused.feed, refused.why, refused.payload, self._clock()
            )
        )

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
        await self._until_committed(lambda: self._facts.record_event(event))

    async def _until_committed(self, write: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await write()
            except StorageUnavailableError as error:
                log.warning("write_repeated", error=str(error))
                await asyncio.sleep(PAUSE_S)
