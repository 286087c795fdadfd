"""Start one workflow per committed signal; the signal's row is the lock, the id the second one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from temporalio.client import Client
from temporalio.common import (
    Priority,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from exchange.port import ExchangeError
from ingest.pace import Pace
from storage.port import (
    Bell,
    FactStore,
    StorageError,
    StorageUnavailableError,
    StoredSignal,
)
from trading.rules import OrderRules
from trading.types import Market, Side, SignalId, Significance, TokenId, WhaleSignal
from trading.whales import significance
from workflows import names
from workflows.copy_trade import CopyTradeWorkflow

POLL = timedelta(seconds=1)
PAUSE_S = 0.5
STARTING_MAX = 40  # at once, while Temporal answers slowly
TRY_FOR_S = 1.5  # less than a claim lasts
MARKET_TIMEOUT_S = 1.0  # a trade is worth more than its name
_PRIORITIES = {Significance.HIGH: 1, Significance.MEDIUM: 3, Significance.LOW: 5}

log = structlog.get_logger()


class SignalQueue(Protocol):
    """The signals that wait for their trade."""

    async def claim_signals(
        self, claimant: str, limit: int, now: datetime
    ) -> Sequence[StoredSignal]:
        """Claim waiting signals (or expired claims) for 2 s, oldest first, skipping locked rows."""

    async def release_claim(self, signal_id: SignalId, claimant: str) -> None:
        """Mark a claimed signal RUNNING for good: its workflow exists."""

    async def expire_signals(self, rules: OrderRules, now: datetime) -> int:
        """End entries that were never claimed and are too old by now; return how many."""


@dataclass(frozen=True, slots=True)
class DispatchPorts:
    """What the dispatcher reads, and the client that starts workflows in its own worker.

    `find_market` asks the venue for a market that the records do not know yet, and records it.
    `pace` says how many trades may start; it hears elsewhere when one was sent or ended.
    """

    signals: SignalQueue
    facts: FactStore
    bell: Bell
    temporal: Client
    find_market: Callable[[TokenId], Awaitable[Market | None]]
    pace: Pace


class Dispatcher:
    """Claims waiting signals and starts their workflows, eagerly in this process's worker.

    Oldest first, and no more than its pace has room for: the others wait in the records, where
    any worker may claim them, until they are too old and end without having cost anything.
    """

    def __init__(
        self,
        ports: DispatchPorts,
        claimant: str,
        rules: OrderRules,
        clock: Callable[[], datetime],
    ) -> None:
        self._ports = ports
        self._claimant = claimant
        self._rules = rules
        self._clock = clock
        self._starting = asyncio.Semaphore(STARTING_MAX)

    async def run(self) -> None:
        """Dispatch until cancelled; while database or Temporal are away, signals wait."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._ports.pace.wait_for_room()
                try:
                    is_full = await self._dispatch(group)
                except StorageUnavailableError as error:
                    log.warning("dispatch_paused", error=str(error))
                    await asyncio.sleep(PAUSE_S)
                    continue
                if not is_full:
                    await self._ports.bell.wait("signals", "", POLL)

    async def _dispatch(self, group: asyncio.TaskGroup) -> bool:
        """Begin to start as many trades as there is room for; tell whether the room was filled."""
        now, room = self._clock(), self._ports.pace.room
        expired = await self._ports.signals.expire_signals(self._rules, now)
        if expired:
            log.info("signals_expired", count=expired)
        claimed = await self._ports.signals.claim_signals(self._claimant, room, now)
        for stored in claimed:
            if stored.signal.side is Side.BUY:  # a whale's sale is sold by the position's owner
                self._ports.pace.begin(stored.signal.signal_id)
            await self._starting.acquire()
            group.create_task(self._start(stored.signal))
        return len(claimed) == room

    async def _start(self, signal: WhaleSignal) -> None:
        """Start one trade; what fails for a while is left for the claim to expire."""
        give_up_at_s = asyncio.get_running_loop().time() + TRY_FOR_S
        try:
            while not await self._is_started(signal):
                if asyncio.get_running_loop().time() >= give_up_at_s:
                    self._ports.pace.passed(signal.signal_id)
                    return
                await asyncio.sleep(PAUSE_S)
        finally:
            self._starting.release()
        log.info("trade_started", signal_id=signal.signal_id)

    async def _is_started(self, signal: WhaleSignal) -> bool:
        try:
            await self._start_workflow(signal)
            await self._ports.signals.release_claim(signal.signal_id, self._claimant)
        except (RPCError, StorageError) as error:
            log.warning("dispatch_failed", signal_id=signal.signal_id, error=str(error))
            return False
        return True

    async def _start_workflow(self, signal: WhaleSignal) -> None:
        market = await self._market(signal.token_id)
        try:
            await self._ports.temporal.start_workflow(
                CopyTradeWorkflow.run,
                signal.signal_id,
                id=names.copy_trade_id(signal.signal_id),
                task_queue=names.TASK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                request_eager_start=True,
                task_timeout=timedelta(seconds=2),
                rpc_timeout=timedelta(seconds=2),
                static_summary=_summary(signal, market),
                search_attributes=_attributes(signal, market),
                priority=await self._priority(signal),
            )
        except WorkflowAlreadyStartedError:
            self._ports.pace.passed(signal.signal_id)  # it is under way, here or elsewhere
            log.info("trade_already_started", signal_id=signal.signal_id)

    async def _market(self, token_id: TokenId) -> Market | None:
        """Return the market, by which people search; the trade starts without it if need be."""
        known = await self._ports.facts.load_market(token_id)
        if known is not None:
            return known
        try:
            async with asyncio.timeout(MARKET_TIMEOUT_S):
                return await self._ports.find_market(token_id)
        except (ExchangeError, TimeoutError) as error:
            log.warning("market_not_found", token_id=token_id, error=str(error))
            return None

    async def _priority(self, signal: WhaleSignal) -> Priority:
        whale = await self._ports.facts.load_whale(signal.wallet)
        if whale is None:
            return Priority(priority_key=_PRIORITIES[Significance.LOW])
        rank = significance(whale.standing.quality_score, signal.notional)
        return Priority(priority_key=_PRIORITIES[rank])


def _summary(signal: WhaleSignal, market: Market | None) -> str:
    whale = f"{signal.wallet[:6]}…{signal.wallet[-4:]}"
    outcome = market.outcome_of(signal.token_id) if market is not None else "?"
    question = market.question if market is not None else f"token {signal.token_id[:10]}…"
    sides = f"{signal.side} {signal.size:.0f} {outcome} @ {signal.price:.3f}"
    return f"{whale} {sides} '{question}'"


def _attributes(signal: WhaleSignal, market: Market | None) -> TypedSearchAttributes:
    pairs: list[SearchAttributePair[str] | SearchAttributePair[float]] = [
        SearchAttributePair(names.WHALE, signal.wallet),
        SearchAttributePair(names.TOKEN_ID, signal.token_id),
        SearchAttributePair(names.SIDE, signal.side.value),
        SearchAttributePair(names.TRADE_STATE, "RUNNING"),
        SearchAttributePair(names.NOTIONAL_USD, float(signal.notional)),  # the server's own type
    ]
    if market is not None:
        pairs.append(SearchAttributePair(names.MARKET_SLUG, market.slug))
        pairs.append(SearchAttributePair(names.OUTCOME, market.outcome_of(signal.token_id)))
    return TypedSearchAttributes(pairs)
