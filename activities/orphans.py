"""Settle one thing that nobody looks after: an order, a signal, a stake, a position."""

import contextlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from activities.asking import ExitAsker
from activities.commands import EventBook
from activities.evidence import Detective
from activities.signals import ASSESS, SignalActivities
from exchange.port import OrderGateway, UnavailableError
from storage.ownership import LooseOrder
from storage.port import (
    Event,
    OrderStore,
    PositionRecord,
    PositionStore,
    SignalStore,
    StoredSignal,
)
from trading.orders import Intent, OrderProgress, Ruling
from trading.rules import SweepRules
from trading.types import (
    ExitReason,
    ExitRequest,
    OrderHash,
    OrderState,
    PositionId,
    PositionState,
    Reason,
    Refusal,
    Side,
    SignalId,
    SignalState,
)
from trading.verdict import COPIED


class Owners(ExitAsker, Protocol):
    """Knows which workflows run. When it cannot be asked it raises, and nothing is settled."""

    async def running_trades(self, signal_ids: Collection[SignalId]) -> frozenset[SignalId]:
        """Return the signals among these whose copy-trade workflow runs."""

    async def running_positions(
        self, position_ids: Collection[PositionId]
    ) -> frozenset[PositionId]:
        """Return the positions among these whose workflow runs."""

    async def own_position(self, position_id: PositionId) -> None:
        """Start a position's workflow unless it runs."""


@dataclass(frozen=True, slots=True)
class OrphanPorts:
    """What settling looks at and acts on; `ends` writes the ends of signals with orders."""

    gateway: OrderGateway
    detective: Detective
    orders: OrderStore
    positions: PositionStore
    signals: SignalStore
    events: EventBook
    owners: Owners
    ends: SignalActivities


class OrphanKeeper:
    """Does what a lost owner would have done next, short of sending anything.

    Every act is idempotent under the locks that its owner would take, so that another sweep, or
    a workflow that comes back, may act at the same time. Each tells whether something came to
    its end.
    """

    def __init__(
        self, ports: OrphanPorts, rules: SweepRules, clock: Callable[[], datetime]
    ) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock
        self._reminded: dict[SignalId, datetime] = {}

    async def settle_order(self, order: LooseOrder, *, is_owned: bool) -> bool:
        """Bring an order towards its end and book it; one that is owned is looked up and booked."""
        before = await self._progress(order.order_hash)
        after = await self._followed(order, before, is_owned=is_owned)
        if after != before or not order.is_booked:
            await self._ports.orders.apply_order(order.order_hash, self._clock())
        return after.is_done

    async def end_signal(self, stored: StoredSignal) -> bool:
        """Write the one end of a signal whose trade is gone, once all its orders are done.

        What it bought has an owner by then.
        """
        signal_id = stored.signal.signal_id
        order_hashes = await self._ports.orders.orders_of_signal(signal_id)
        progresses = [await self._progress(order_hash) for order_hash in order_hashes]
        if not all(p.is_done for p in progresses) or await self._is_being_answered(stored):
            return False
        await self._own_what_it_bought(stored)
        if order_hashes:
            state = (await self._ports.ends.cancel_signal(signal_id, order_hashes)).state
        else:
            refusal = Refusal(Reason.WORKFLOW_LOST, {"found_at": self._clock().isoformat()})
            state = await self._ports.signals.finish_signal(
                signal_id, SignalState.CANCELLED, refusal, self._clock()
            )
        title = f"its workflow was gone; it ended {state}"
        await self._tell(f"lost/{signal_id}", "signal_orphaned", title, {"signal_id": signal_id})
        return True

    async def remind_owner(self, stored: StoredSignal) -> bool:
        """Tell a position's owner again of a whale's sale that waits for its exit.

        The owner that was told may have been terminated before it began. An owner takes the same
        sale once, however often it is told. With the position gone nobody will answer.
        """
        signal_id = stored.signal.signal_id
        if not self._is_due(signal_id):
            return False
        verdict = await self._ports.signals.load_decision(signal_id, ASSESS)
        if verdict is None or verdict["verdict"] != COPIED:
            return False  # its trade has not come to asking, or will refuse it
        asked = await self._ports.ends.assess_signal(signal_id)
        if asked.position_id is None or asked.exit_share is None:
            await self._ports.ends.conclude_exit_signal(signal_id, [])
            return True
        if await self._ports.owners.running_positions([asked.position_id]):
            request = ExitRequest(
                ExitReason.WHALE_EXIT, asked.exit_share, signal_id, who="whale", why="told again"
            )
            await self._ports.owners.ask_exit(asked.position_id, request)
        return False

    def _is_due(self, signal_id: SignalId) -> bool:
        now, every = self._clock(), self._rules.stale
        self._reminded = {s: at for s, at in self._reminded.items() if now < at + every}
        if signal_id in self._reminded:
            return False
        self._reminded[signal_id] = now
        return True

    async def release_stake(self, order_hash: OrderHash) -> bool:
        """Give back what a done and booked order still holds, which should never be."""
        title = "a done and booked order still reserved or offered something"
        ids = {"order_hash": order_hash}
        await self._tell(f"stranded/{order_hash}", "reservation_orphaned", title, ids)
        await self._ports.orders.apply_order(order_hash, self._clock())
        return True

    async def own_position(self, position: PositionRecord) -> bool:
        """Give a position an owner again."""
        position_id = position.position_id
        await self._ports.owners.own_position(position_id)
        key = f"owned/{position_id}/{self._clock().isoformat()}"
        title = "its workflow was gone; another one owns it now"
        await self._tell(key, "position_orphaned", title, {"position_id": position_id})
        return True

    async def _followed(
        self, order: LooseOrder, progress: OrderProgress, *, is_owned: bool
    ) -> OrderProgress:
        if progress.is_done:
            return progress
        intent = await self._ports.orders.load_intent(order.order_hash)
        assert intent is not None, f"expected a committed intent for order {order.order_hash}"
        is_left_unknown = is_owned and progress.state is OrderState.UNKNOWN
        if progress.state.is_terminal or is_left_unknown:
            return await self._ports.detective.resolve(intent)
        if progress.state is OrderState.PREPARED:
            return await self._rule(progress, OrderState.EXPIRED, "nobody is left to send it")
        if is_owned or self._may_be_under_way(order, progress):
            return progress
        return await self._stopped(intent, progress)

    async def _stopped(self, intent: Intent, progress: OrderProgress) -> OrderProgress:
        """Ask the venue to cancel what may rest there."""
        if progress.state is OrderState.SENDING:
            await self._rule(progress, OrderState.UNKNOWN, "the sender ended without an answer")
        with contextlib.suppress(UnavailableError):  # asked again at the next pass
            await self._ports.gateway.cancel_orders([progress.order_hash])
        return await self._ports.detective.resolve(intent, is_asked_to_die=True)

    def _may_be_under_way(self, order: LooseOrder, progress: OrderProgress) -> bool:
        """Tell whether a sender whose workflow is gone may still be waiting for its answer."""
        sender_ends_at = order.changed_at + self._rules.sender_ends_within
        return progress.state is OrderState.SENDING and self._clock() < sender_ends_at

    async def _own_what_it_bought(self, stored: StoredSignal) -> None:
        signal = stored.signal
        position = await self._ports.positions.find_open(signal.wallet, signal.token_id)
        if position is None or not position.size:
            return
        if not await self._ports.owners.running_positions([position.position_id]):
            await self.own_position(position)

    async def _is_being_answered(self, stored: StoredSignal) -> bool:
        """Tell whether the position that a whale's sale reduces is being sold by its owner."""
        signal = stored.signal
        if signal.side is Side.BUY:
            return False
        position = await self._ports.positions.find_open(signal.wallet, signal.token_id)
        return position is not None and position.state is PositionState.EXITING

    async def _rule(self, progress: OrderProgress, state: OrderState, text: str) -> OrderProgress:
        ruling = Ruling(state, text)
        return await self._ports.orders.fold(progress.order_hash, [ruling], self._clock())

    async def _progress(self, order_hash: OrderHash) -> OrderProgress:
        progress = await self._ports.orders.load_progress(order_hash)
        assert progress is not None, f"expected order {order_hash} in the database"
        return progress

    async def _tell(self, key: str, kind: str, title: str, ids: Mapping[str, str]) -> None:
        severity = "ERROR" if kind == "reservation_orphaned" else "WARNING"
        event = Event(type=kind, severity=severity, title=title, at=self._clock(), ids=ids)
        await self._ports.events.record_event_once(key, event)
