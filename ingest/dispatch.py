"""Start one workflow per committed signal; the signal's row is the lock, the id the second one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

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
from storage.port import (
    Bell,
    FactStore,
    SignalStore,
    StorageError,
    StorageUnavailableError,
    StoredSignal,
)
from trading.types import Market, Significance, TokenId, WhaleSignal
from trading.whales import significance
from workflows import names
from workflows.copy_trade import CopyTradeWorkflow

BATCH = 100
IN_FLIGHT = 40
POLL = timedelta(seconds=1)
PAUSE_S = 0.5
TRY_FOR_S = 4.0  # less than a claim lasts
MARKET_TIMEOUT_S = 1.0  # a trade is worth more than its name
_PRIORITIES = {Significance.HIGH: 1, Significance.MEDIUM: 3, Significance.LOW: 5}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DispatchPorts:
    """What the dispatcher reads, and the client that starts workflows in its own worker.

    `find_market` asks the venue for a market that the records do not know yet, and records it.
    """

    signals: SignalStore
    facts: FactStore
    bell: Bell
    temporal: Client
    find_market: Callable[[TokenId], Awaitable[Market | None]]


class Dispatcher:
    """Claims waiting signals and starts their workflows, eagerly in this process's worker."""

    def __init__(self, ports: DispatchPorts, claimant: str, clock: Callable[[], datetime]) -> None:
        self._ports = ports
        self._claimant = claimant
        self._clock = clock
        self._slots = asyncio.Semaphore(IN_FLIGHT)

    async def run(self) -> None:
        """Dispatch until cancelled; while database or Temporal are away, signals wait."""
        while True:
            try:
                claimed = await self._ports.signals.claim_signals(
                    self._claimant, BATCH, self._clock()
                )
                await self._start_all(claimed)
                if len(claimed) < BATCH:
                    await self._ports.bell.wait("signals", "", POLL)
            except StorageUnavailableError as error:
                log.warning("dispatch_paused", error=str(error))
                await asyncio.sleep(PAUSE_S)

    async def _start_all(self, claimed: Sequence[StoredSignal]) -> None:
        async with asyncio.TaskGroup() as group:
            for stored in claimed:
                group.create_task(self._start(stored.signal))

    async def _start(self, signal: WhaleSignal) -> None:
        """Start one trade; what fails for four seconds is left for the claim to expire."""
        give_up_at_s = asyncio.get_running_loop().time() + TRY_FOR_S
        async with self._slots:
            while not await self._is_started(signal):
                if asyncio.get_running_loop().time() >= give_up_at_s:
                    return
                await asyncio.sleep(PAUSE_S)
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
