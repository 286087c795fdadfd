"""Look again and again for orders, signals and positions whose workflow is gone."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from temporalio import activity

from activities.commands import EventBook
from activities.orphans import OrphanKeeper, Owners
from activities.pauses import rest_at_work
from activities.reconcile import Part
from activities.records import Sweep
from storage.ownership import LooseOrder, OrphanStore
from storage.port import Event, PositionRecord, PositionStore, StoredSignal
from trading.rules import SweepRules
from trading.types import OrderState, PositionId, PositionState, Side, SignalId


@dataclass(frozen=True, slots=True)
class SweepPorts:
    """What a sweep looks at, who settles what it finds, and what is looked at beside it."""

    orphans: OrphanStore
    positions: PositionStore
    owners: Owners
    keeper: OrphanKeeper
    events: EventBook
    parts: Sequence[Part] = ()


@dataclass(frozen=True, slots=True)
class _Scene:
    """What somebody should be working on, and who works."""

    signals: Sequence[StoredSignal]
    orders: Sequence[LooseOrder]
    positions: Sequence[PositionRecord]
    trades: frozenset[SignalId]
    owned: frozenset[PositionId]

    def is_owned(self, order: LooseOrder) -> bool:
        """Tell whether the workflow that must follow an order runs; no owner expects adoptions."""
        if order.is_adopted:
            return False
        if order.signal_id is not None:
            return order.signal_id in self.trades
        return order.position_id in self.owned

    def waiting(self, since: datetime) -> list[StoredSignal]:
        """Return whales' sales whose trades have long been waiting for a position's exit."""
        return [
            stored
            for stored in self.signals
            if stored.signal.side is Side.SELL
            and stored.signal.signal_id in self.trades
            and stored.committed_at < since
        ]


@dataclass(frozen=True, slots=True)
class _Deed:
    """One thing to settle, by the id of what it is done to."""

    subject: str
    act: Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How many deeds brought something to its end, and how many failed."""

    done: int
    failures: int


class SweepActivities:
    """Finds what was orphaned, from the records and the list of running workflows alone.

    `pause` waits between two passes.
    """

    def __init__(
        self,
        ports: SweepPorts,
        rules: SweepRules,
        clock: Callable[[], datetime],
        pause: Callable[[timedelta], Awaitable[None]] = rest_at_work,
    ) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock
        self._pause = pause
        self._turn = 0
        self._asked_owners_at: datetime | None = None

    @activity.defn
    async def sweep(self) -> Sweep:
        """Look for as long as one run of a workflow should last; what is found is an event.

        It ends early when its worker shuts down: the schedule's next run goes on with another.

        Beside it the other parts look at their own pace, so that a slow venue, or one of them
        that fails, holds up nobody else.
        """
        until = self._clock() + self._rules.sweep_for
        if not self._ports.parts:
            return await self._sweep_until(until)
        try:
            async with asyncio.TaskGroup() as group:
                beside = [group.create_task(self._keep(part)) for part in self._ports.parts]
                total = await self._sweep_until(until)
                for task in beside:
                    task.cancel()
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        return total

    async def _sweep_until(self, until: datetime) -> Sweep:
        total = Sweep()
        while self._clock() < until and not activity.is_worker_shutdown():
            found = await self.look_once()
            total = total.plus(found)
            activity.heartbeat(total.describe())
            await self._pause(self._rules.every)
        return total

    async def _keep(self, part: Part) -> None:
        """Let a part take its turns until the sweep is over; one that is blind for long pages."""
        deed = _Deed(part.name, partial(_turn, part))
        blind_since: datetime | None = None
        while True:
            began = self._clock()
            if (await self._do([deed])).failures:
                blind_since = blind_since or began
                await self._page_when_blind(part, blind_since)
            else:
                blind_since = None
            await self._pause(part.every)

    async def _page_when_blind(self, part: Part, since: datetime) -> None:
        now = self._clock()
        if now - since < self._rules.blind_max:
            return
        title = f"{part.name}: nothing could be compared since {since:%H:%M:%S} UTC"
        key = f"blind/{part.name}/{since.isoformat()}"
        event = Event("reconcile_blind", "PAGE", title, now, {"subject": part.name})
        await self._ports.events.record_event_once(key, event)

    async def look_once(self) -> Sweep:
        """Make one pass: positions get owners first, then orders end, and then their signals."""
        keeper, scene = self._ports.keeper, await self._scene()
        lost = [p for p in scene.positions if p.position_id not in scene.owned]
        ended = [s for s in scene.signals if s.signal.signal_id not in scene.trades]
        owned = await self._do(
            [_Deed(p.position_id, partial(keeper.own_position, p)) for p in lost]
        )
        orders = await self._do([self._order_deed(order, scene) for order in self._turn_of(scene)])
        signals = await self._do(
            [_Deed(s.signal.signal_id, partial(keeper.end_signal, s)) for s in ended]
        )
        waiting = [
            _Deed(s.signal.signal_id, partial(keeper.remind_owner, s))
            for s in scene.waiting(self._clock() - self._rules.stale)
        ]
        reminded = await self._do(waiting[: self._rules.batch])
        stranded = await self._ports.orphans.list_stranded(self._rules.batch)
        stakes = await self._do([_Deed(h, partial(keeper.release_stake, h)) for h in stranded])
        outcomes = (owned, orders, signals, reminded, stakes)
        failures = sum(outcome.failures for outcome in outcomes)
        ends = signals.done + reminded.done
        found = Sweep(orders.done, ends, owned.done, stakes.done, failures)
        if not found.is_clean:
            await self._tell(found)
        return found

    async def _scene(self) -> _Scene:
        """Read the records before asking who runs: an owner ends its work before itself."""
        ports, now = self._ports, self._clock()
        old = now - self._rules.young
        signals = await ports.orphans.list_running_signals(old, self._rules.signals_max)
        orders = await ports.orphans.list_loose_orders(self._rules.orders_max)
        is_due = self._is_owner_look_due(now)
        held = await ports.positions.list_open() if is_due else ()
        positions = [p for p in held if _needs_owner(p, old)]
        trades = {s.signal.signal_id for s in signals}
        trades |= {o.signal_id for o in orders if o.signal_id is not None}
        owned = {p.position_id for p in positions}
        owned |= {o.position_id for o in orders if o.signal_id is None}
        scene = _Scene(
            signals,
            orders,
            positions,
            await ports.owners.running_trades(trades),
            await ports.owners.running_positions(owned),
        )
        self._asked_owners_at = now if is_due else self._asked_owners_at
        return scene

    def _is_owner_look_due(self, now: datetime) -> bool:
        asked_at = self._asked_owners_at
        return asked_at is None or now >= asked_at + self._rules.owners_every

    def _turn_of(self, scene: _Scene) -> Sequence[LooseOrder]:
        """Choose a batch of what is nobody's; when there is more, the next pass goes on after it.

        Of orders that are owned, those that were left alone after they had ended are booked too,
        those that were left unknown are looked up, and those that nobody sent expire.
        """
        stale_at = self._clock() - self._rules.stale
        loose = [
            order
            for order in scene.orders
            if not scene.is_owned(order) or (_is_left_alone(order) and order.changed_at < stale_at)
        ]
        if not loose:
            return []
        start = self._turn % len(loose)
        self._turn = start + self._rules.batch
        return (loose[start:] + loose[:start])[: self._rules.batch]

    def _order_deed(self, order: LooseOrder, scene: _Scene) -> _Deed:
        is_owned = scene.is_owned(order)
        act = partial(self._ports.keeper.settle_order, order, is_owned=is_owned)
        return _Deed(order.order_hash, act)

    async def _do(self, deeds: Sequence[_Deed]) -> _Outcome:
        """Do all, some at once; one that fails holds up no other and is tried again next time."""
        slots = asyncio.Semaphore(self._rules.at_once)

        async def do(deed: _Deed) -> bool:
            async with slots:
                activity.heartbeat(deed.subject)
                return await deed.act()

        answers = await asyncio.gather(*map(do, deeds), return_exceptions=True)
        failures = 0
        for deed, answer in zip(deeds, answers, strict=True):
            if isinstance(answer, BaseException):
                failures += 1
                await self._tell_failure(deed, answer)
        return _Outcome(sum(answer is True for answer in answers), failures)

    async def _tell_failure(self, deed: _Deed, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            raise error
        words = f"{type(error).__name__}: {error}"
        event = Event("sweep_failed", "ERROR", words, self._clock(), {"subject": deed.subject})
        key = f"sweep/{deed.subject}/{type(error).__name__}"
        await self._ports.events.record_event_once(key, event)

    async def _tell(self, found: Sweep) -> None:
        event = Event("sweep_settled", "INFO", found.describe(), self._clock())
        await self._ports.events.record_event_once(f"sweep/{self._clock().isoformat()}", event)


async def _turn(part: Part) -> bool:
    await part.turn()
    return True


def _is_left_alone(order: LooseOrder) -> bool:
    """Tell whether an owner may have forgotten an order, or never have known of it.

    A worker that was stopped while it decided commits an order when it goes on, long after
    another one has decided otherwise.
    """
    return order.state.is_terminal or order.state in (OrderState.UNKNOWN, OrderState.PREPARED)


def _needs_owner(position: PositionRecord, old: datetime) -> bool:
    """Tell whether a position should have its workflow by now; without a fill it has none yet."""
    is_empty = position.state is PositionState.OPENING and not position.size
    return position.opened_at < old and not is_empty
