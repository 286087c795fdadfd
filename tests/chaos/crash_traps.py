"""Makes a worker die where it is told to: wraps its real parts before it starts; tests only."""

import functools
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NoReturn

import aiohttp
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from temporalio import workflow

from exchange.polymarket.client import PolymarketGateway
from exchange.polymarket.signing import LocalSigner
from exchange.port import OrderDraft
from storage.port import Reserved, StoredSignal
from storage.postgres import PostgresStore
from tests.chaos.crash_points import Kind
from tests.chaos.plants import PLANTS
from trading.orders import Intent, OrderProgress, PreparedOrder, UnsignedOrder
from trading.submits import SubmitOutcome
from trading.types import Price, Side
from workflows import options
from workflows.position import PositionWorkflow

CRASHED = 137


@dataclass(frozen=True, slots=True)
class Orders:
    """What a prepared worker does: where it dies and at which prices it asks and bids.

    Attributes:
        point: name and number of the hit, `CP-7:1`; empty for a worker that lives.
        kind: of the orders that count.
        token_id: the only token that counts.
        buy_price: limit of its entries instead of the one that was found.
        sell_price: limit of its exits instead of the one that was found.
        events_max: events after which positions continue as new.
        plant: name of a bug to put in, of `tests.chaos.plants`.
    """

    point: str
    kind: str
    token_id: str
    buy_price: str = ""
    sell_price: str = ""
    events_max: int = 0
    plant: str = ""


class Trap:
    """Counts how often the worker comes by the point, and ends it."""

    def __init__(self, orders: Orders) -> None:
        self._point, _, hit = orders.point.partition(":")
        self._left = int(hit or 1)
        self._orders = orders
        self._kind = Kind(orders.kind)
        self._side = Side.SELL if self._kind is Kind.EXIT else Side.BUY
        self._known: dict[str, Intent] = {}
        self.asked_to_cancel: set[str] = set()

    @property
    def is_cancel(self) -> bool:
        """Tell whether the end of a resting order is what is struck."""
        return self._kind is Kind.CANCEL

    @property
    def is_exit(self) -> bool:
        """Tell whether a sale is what is struck."""
        return self._kind is Kind.EXIT

    def learn(self, intent: Intent | None) -> None:
        """Remember which order a hash stands for."""
        if intent is not None:
            self._known[intent.order.order_hash] = intent

    def fits(self, token_id: str, side: Side) -> bool:
        """Tell whether an order of a token and side counts."""
        return token_id == self._orders.token_id and side is self._side

    def fits_hash(self, order_hash: str) -> bool:
        """Tell whether a known order counts."""
        intent = self._known.get(order_hash)
        return intent is not None and self.fits(intent.order.unsigned.token_id, intent.side)

    def owns(self, position_id: str) -> bool:
        """Tell whether a position is of the token that counts."""
        mine = (i for i in self._known.values() if i.position_id == position_id)
        return any(i.order.unsigned.token_id == self._orders.token_id for i in mine)

    def come_by(self, point: str) -> None:
        """Die here if this is the place and the time."""
        if point != self._point:
            return
        self._left -= 1
        if self._left == 0:
            die(self._orders.point)


def die(where: str) -> NoReturn:
    """End at once, as a kill does: nothing is flushed, closed or told."""
    sys.stderr.write(f"crashed at {where}\n")
    sys.stderr.flush()
    os._exit(CRASHED)


def prepare(orders: Orders) -> None:
    """Change this process's parts as its orders say; call before the worker starts."""
    if orders.buy_price or orders.sell_price:
        _price_orders(orders)
    if orders.events_max:
        options.POSITION_EVENTS_MAX = orders.events_max
    if orders.plant:
        PLANTS[orders.plant]()
    if orders.point:
        _set(Trap(orders))


def read_orders(given: Mapping[str, Any]) -> Orders:
    """Return a worker's orders as they came over the pipe."""
    return Orders(**given)


def _set(trap: Trap) -> None:
    """Wrap every part that comes by a point."""
    points = _Points(trap)
    store, gateway = PostgresStore, PolymarketGateway
    _wrap(store, "claim_signals", after=points.claimed)
    _wrap(store, "finish_signal", after=points.finished)
    for name in ("reserve_entry", "commit_exit"):
        _wrap(store, name, before=points.reserving, after=points.reserved)
    for name in ("load_intent", "load_attempt"):
        _wrap(store, name, after=points.loaded)
    _wrap(store, "begin_sending", before=points.allowing, after=points.allowed)
    _wrap(LocalSigner, "sign_order", after=points.signed)
    _wrap(gateway, "post_order", before=points.posting, after=points.posted)
    _wrap(gateway, "cancel_orders", before=points.cancelling, after=points.cancelled)
    _wrap(store, "fold", after=points.folded)
    _wrap(store, "load_progress", after=points.progressed)
    _wrap(store, "apply_order", after=points.applied)
    _wrap(store, "begin_exit", after=points.exiting)
    _wrap(PositionWorkflow, "_look", before=points.looking)
    _trace(points.built, points.answered)

    @event.listens_for(Engine, "commit")
    def before_commit(_connection: Connection) -> None:
        points.committing()


Given = tuple[Any, ...]


class _Points:
    """What is looked at before and after each wrapped call; `given` starts with its object."""

    def __init__(self, trap: Trap) -> None:
        self._trap = trap
        self._is_reserving: ContextVar[bool] = ContextVar("is_reserving", default=False)
        self._is_struck: ContextVar[bool] = ContextVar("is_struck", default=False)

    async def claimed(self, _given: Given, claimed: Sequence[StoredSignal]) -> None:
        if any(self._trap.fits(c.signal.token_id, c.signal.side) for c in claimed):
            self._trap.come_by("CP-1")

    async def finished(self, given: Given, _ended: Any) -> None:
        stored = await given[0].load_signal(given[1])
        is_ours = stored is not None and self._trap.fits(stored.signal.token_id, stored.signal.side)
        if is_ours and (self._trap.asked_to_cancel or not self._trap.is_cancel):
            self._trap.come_by("CP-12")

    async def reserving(self, given: Given) -> None:
        intent: Intent = given[1] if isinstance(given[1], Intent) else given[1].intent
        self._is_reserving.set(self._trap.fits(intent.order.unsigned.token_id, intent.side))

    def committing(self) -> None:
        if self._is_reserving.get():
            self._trap.come_by("CP-2")

    async def reserved(self, _given: Given, answer: Any) -> None:
        self._is_reserving.set(False)
        committed = answer.intent if isinstance(answer, Reserved) else answer
        if not isinstance(committed, Intent):
            return
        self._trap.learn(committed)
        if self._trap.fits_hash(committed.order.order_hash):
            self._trap.come_by("CP-3")

    async def loaded(self, _given: Given, intent: Intent | None) -> None:
        self._trap.learn(intent)

    async def allowing(self, given: Given) -> None:
        if self._trap.is_exit and self._trap.fits_hash(given[1]):
            self._trap.come_by("CP-13")

    async def allowed(self, given: Given, may: bool) -> None:
        if may and self._trap.fits_hash(given[1]):
            self._trap.come_by("CP-5")

    async def signed(self, given: Given, _signature: str) -> None:
        order: UnsignedOrder = given[1]
        if self._trap.fits(order.token_id, order.side):
            self._trap.come_by("CP-4")

    async def posting(self, given: Given) -> None:
        is_ours = self._trap.fits_hash(given[1].order.order_hash)
        self._is_struck.set(is_ours and not self._trap.is_cancel)

    async def posted(self, _given: Given, _answer: Any) -> None:
        await self._replied()

    async def cancelling(self, given: Given) -> None:
        ours = [order_hash for order_hash in given[1] if self._trap.fits_hash(order_hash)]
        if ours:
            self._trap.come_by("CP-13")
        self._trap.asked_to_cancel.update(ours)
        self._is_struck.set(bool(ours) and self._trap.is_cancel)

    async def cancelled(self, _given: Given, _answer: Any) -> None:
        await self._replied()

    async def _replied(self) -> None:
        if self._is_struck.get():
            self._is_struck.set(False)
            self._trap.come_by("CP-8")

    async def built(self, *_given: object) -> None:
        if self._is_struck.get():
            self._trap.come_by("CP-6")

    async def answered(self, *_given: object) -> None:
        if self._is_struck.get():
            self._trap.come_by("CP-7")

    async def folded(self, given: Given, progress: OrderProgress) -> None:
        is_answer = any(isinstance(each, SubmitOutcome) for each in given[2])
        if self._counts(progress) and (is_answer or self._trap.is_cancel):
            self._trap.come_by("CP-9")

    async def progressed(self, _given: Given, progress: OrderProgress | None) -> None:
        if progress is not None and progress.trades and self._counts(progress):
            self._trap.come_by("CP-10")

    def _counts(self, progress: OrderProgress) -> bool:
        """Tell whether an order is at the stage that is struck: a cancelled one has ended."""
        is_asked = progress.order_hash in self._trap.asked_to_cancel
        is_at_stage = (is_asked and progress.state.is_terminal) or not self._trap.is_cancel
        return is_at_stage and self._trap.fits_hash(progress.order_hash)

    async def applied(self, given: Given, _record: Any) -> None:
        is_end = given[1] in self._trap.asked_to_cancel or not self._trap.is_cancel
        if not is_end or not self._trap.fits_hash(given[1]):
            return
        progress = await given[0].load_progress(given[1])
        self._trap.come_by("CP-12" if progress.is_done else "CP-11")

    async def exiting(self, given: Given, _epoch: int) -> None:
        if self._trap.is_exit and self._trap.owns(given[1]):
            self._trap.come_by("CP-13")

    async def looking(self, given: Given) -> None:
        is_next = workflow.info().continued_run_id is not None
        if is_next and self._trap.owns(given[0]._position_id):
            self._trap.come_by("CP-14")


async def _nothing(*_given: Any) -> None:
    return None


def _wrap(
    owner: type,
    name: str,
    *,
    before: Callable[[Given], Awaitable[None]] = _nothing,
    after: Callable[[Given, Any], Awaitable[None]] = _nothing,
) -> None:
    original: Callable[..., Awaitable[Any]] = getattr(owner, name)

    async def wrapped(*given: Any) -> Any:
        await before(given)
        answer = await original(*given)
        await after(given, answer)
        return answer

    setattr(owner, name, functools.wraps(original)(wrapped))


def _trace(
    before_bytes: Callable[..., Awaitable[None]], before_reply: Callable[..., Awaitable[None]]
) -> None:
    """Let every HTTP session tell of its requests: just before bytes, and when a reply has come."""
    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(before_bytes)
    config.on_request_end.append(before_reply)
    original = aiohttp.ClientSession.__init__

    def opening(self: aiohttp.ClientSession, *given: Any, **named: Any) -> None:
        original(self, *given, **{**named, "trace_configs": [config]})

    aiohttp.ClientSession.__init__ = opening  # type: ignore[method-assign]


def _price_orders(orders: Orders) -> None:
    prices = {Side.BUY: orders.buy_price, Side.SELL: orders.sell_price}
    original = PolymarketGateway.prepare

    def at_our_price(self: PolymarketGateway, draft: OrderDraft) -> PreparedOrder:
        price = prices[draft.side]
        if draft.token_id == orders.token_id and price:
            draft = replace(draft, price=Price(Decimal(price)))
        return original(self, draft)

    PolymarketGateway.prepare = at_our_price  # type: ignore[method-assign]
