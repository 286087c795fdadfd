"""Tells the owners of positions what they must know, until they are reached."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from ingest.health import FeedHealth
from storage.port import PositionRecord
from trading.types import ExitReason, ExitRequest, PositionId
from workflows import names

AGAIN_AFTER = timedelta(seconds=2)
RPC_TIMEOUT = timedelta(seconds=2)
RETRY_S = 0.5
TRIES_MAX = 100
AT_ONCE = 8
WAITING_MAX = 10_000
RESOLVED, ENDED = -1, -2  # stand for the exit epoch where an owner is told of something else
DOUBLINGS_MAX = 8

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Word:
    """One thing that one owner must know."""

    position: PositionRecord
    signal: str
    request: ExitRequest | None = None
    tries: int = 0


class OwnerLine:
    """Signals owners beside everything else; the same thing at most every two seconds.

    That a market has ended may stay true for days: it is told ever more rarely. An owner whose
    position a person holds does nothing: it is told of a crossed level once in each hold.
    `may_tell` is asked right before: a position that is over or watched by another is left alone.
    """

    def __init__(
        self,
        temporal: Client,
        may_tell: Callable[[PositionRecord], bool],
        clock: Callable[[], datetime],
        health: FeedHealth,
    ) -> None:
        self._temporal = temporal
        self._may_tell = may_tell
        self._clock = clock
        self._health = health
        self._words: asyncio.Queue[_Word] = asyncio.Queue(WAITING_MAX)
        self._told: dict[tuple[PositionId, int], tuple[datetime, int]] = {}
        self._told_held: dict[PositionId, tuple[int, datetime]] = {}

    def request_exit(
        self, position: PositionRecord, reason: ExitReason, held_at: datetime | None = None
    ) -> None:
        """Have the owner leave its position; it may just not have acted yet.

        `held_at`: since when a person holds it, None when nobody does.
        """
        if held_at is not None and not self._is_new_hold(position, held_at):
            return
        why = f"two valid reads of the bid crossed the {reason.lower().replace('_', ' ')}"
        request = ExitRequest(reason, who="price watch", why=why)
        if self._is_new(position, position.exit_epoch):
            self._put(_Word(position, names.REQUEST_EXIT, request))

    def tell_resolved(self, position: PositionRecord) -> None:
        """Have the owner see that its market is resolved."""
        if self._is_new(position, RESOLVED):
            self._put(_Word(position, names.FILLS_CHANGED))

    def tell_ended(self, position: PositionRecord) -> None:
        """Have the owner see whether its market, whose end has passed, is resolved."""
        if self._is_new(position, ENDED):
            self._put(_Word(position, names.FILLS_CHANGED))

    def keep_only(self, open_ids: frozenset[PositionId]) -> None:
        """Forget what was told about positions that are over."""
        for key in [key for key in self._told if key[0] not in open_ids]:
            del self._told[key]
        for position_id in self._told_held.keys() - open_ids:
            del self._told_held[position_id]

    async def run(self) -> None:
        """Signal until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._work())

    def _is_new(self, position: PositionRecord, about: int) -> bool:
        key, now = (position.position_id, about), self._clock()
        told_at, times = self._told.get(key, (None, 0))
        doublings = min(max(times - 1, 0), DOUBLINGS_MAX) if about == ENDED else 0
        if told_at is not None and now < told_at + AGAIN_AFTER * 2**doublings:
            return False
        self._told[key] = (now, times + 1)
        return True

    def _is_new_hold(self, position: PositionRecord, held_at: datetime) -> bool:
        hold = (position.exit_epoch, held_at)
        if self._told_held.get(position.position_id) == hold:
            return False
        self._told_held[position.position_id] = hold
        return True

    def _put(self, word: _Word) -> None:
        try:
            self._words.put_nowait(word)
        except asyncio.QueueFull:
            self._health.failed("owner")
            log.error("owner_not_told", position_id=word.position.position_id)  # noqa: TRY400 - no bug

    async def _work(self) -> None:
        while True:
            word = await self._words.get()
            if not self._may_tell(word.position) or await self._signal(word):
                continue
            if word.tries < TRIES_MAX:
                again = replace(word, tries=word.tries + 1)
                asyncio.get_running_loop().call_later(RETRY_S, self._put, again)

    async def _signal(self, word: _Word) -> bool:
        position_id = word.position.position_id
        handle = self._temporal.get_workflow_handle(names.position_workflow_id(position_id))
        args = () if word.request is None else (word.request,)
        try:
            await handle.signal(word.signal, args=args, rpc_timeout=RPC_TIMEOUT)
        except (RPCError, RuntimeError) as error:  # RuntimeError: Temporal was never reached yet
            self._health.failed("owner")
            log.warning("owner_not_reached", position_id=position_id, error=str(error))
            return False
        if word.request is not None:
            log.info("exit_requested", position_id=position_id, reason=word.request.reason)
        return True
