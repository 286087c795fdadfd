"""Orders that a fault makes wait: those worked long after the POST, and those not even booked."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from paper import rules
from paper.desk import Desk, Post
from paper.faults import Fault
from paper.model import OrderRefusedError, OrderStatus, Trade
from paper.orders import OPEN, Orders

WAITING_MAX = 10_000
MATCH_DELAYED = "order match delayed due to market conditions"


class Waiting(StrEnum):
    """What an order waits for."""

    BOOKING = "BOOKING"  # nobody knows of it until it is booked
    MATCHING = "MATCHING"  # it is booked and meets the book later
    RESTING = "RESTING"  # it is booked, misses whatever the book offers, then rests or dies


@dataclass(frozen=True, slots=True)
class LateOrder:
    """One order that waits; `posts` counts how often it was posted until then."""

    post: Post
    waiting: Waiting
    due_at: int
    posts: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What a POST is told: a status in the venue's words, the trades made at once, an error."""

    status: str  # live | matched | delayed | unmatched
    trades: tuple[Trade, ...] = ()
    error: str = ""


class Late:
    """The orders that wait, by id; they outlive the process, and the plan that made them wait."""

    def __init__(self, desk: Desk, orders: Orders) -> None:
        self._desk = desk
        self._orders = orders
        self._waiting: dict[str, LateOrder] = {}
        self._is_changed = False

    def load(self, waiting: Iterable[LateOrder]) -> None:
        """Take over what an earlier process left waiting."""
        self._waiting = {late.post.order.order_id: late for late in waiting}

    def is_waiting(self, order_id: str) -> bool:
        """Tell whether an order waits here; it is in no book then."""
        return order_id in self._waiting

    def submit(self, post: Post, fate: Fault | None) -> Answer:
        """Work an order at once, or keep it as its fate says.

        Raises:
            OrderRefusedError: With the venue's status and words.
        """
        self._refuse_waiting(post.order.order_id)
        if fate is None or fate.fault not in _FATES or len(self._waiting) >= WAITING_MAX:
            trades = self._desk.submit(post).trades
            return Answer("matched" if trades else "live", trades)
        waiting, status = _FATES[fate.fault]
        if waiting is Waiting.BOOKING:
            self._desk.refuse_known(post.order.order_id)
        else:
            self._desk.hold(post, status)
        self._keep(LateOrder(post, waiting, post.at + fate.delay_ms))
        if waiting is Waiting.RESTING and not fate.delay_ms:
            self.step(post.at)
        return _answer(fate)

    def step(self, now: int) -> None:
        """Work every order that has waited long enough, in the order in which they came."""
        for order_id, late in tuple(self._waiting.items()):
            if now >= late.due_at:
                del self._waiting[order_id]
                self._is_changed = True
                self._work(late, now)

    @property
    def has_changes(self) -> bool:
        """Tell whether there is anything to be saved."""
        return self._is_changed

    def take_changes(self) -> list[LateOrder] | None:
        """Return all that wait, to be saved instead of what was saved; None if nothing changed."""
        is_changed, self._is_changed = self._is_changed, False
        return list(self._waiting.values()) if is_changed else None

    def _work(self, late: LateOrder, now: int) -> None:
        order_id = late.post.order.order_id
        if late.waiting is Waiting.BOOKING:
            self._book(late, now)
            return
        record = self._orders.get(order_id)
        assert record is not None, order_id
        if record.status in OPEN:
            self._desk.work(record, now, is_late=late.waiting is Waiting.RESTING)

    def _book(self, late: LateOrder, now: int) -> None:
        # Nobody waits for the answer; an order that is killed at once is booked nevertheless.
        with suppress(OrderRefusedError):
            self._desk.submit(replace(late.post, at=now))
        record = self._orders.get(late.post.order.order_id)
        if record is not None:
            record.posts = late.posts
            self._orders.touch(record)

    def _refuse_waiting(self, order_id: str) -> None:
        late = self._waiting.get(order_id)
        if late is not None and late.waiting is Waiting.BOOKING:
            self._keep(replace(late, posts=late.posts + 1))
            raise rules.duplicated(order_id)

    def _keep(self, late: LateOrder) -> None:
        self._waiting[late.post.order.order_id] = late
        self._is_changed = True


def _answer(fate: Fault) -> Answer:
    match fate.fault:
        case "ghost_live":
            return Answer("live")
        case "delayed_error":
            return Answer("delayed", error=fate.text or MATCH_DELAYED)
        case "unmatched" if not fate.delay_ms:
            return Answer("unmatched")
        case _:
            return Answer("delayed")


# An order of a `delayed` answer is DELAYED and cannot be cancelled; a ghost looks like one that
# rests, and can be.
_FATES = {
    "late_booking": (Waiting.BOOKING, OrderStatus.LIVE),
    "delayed": (Waiting.MATCHING, OrderStatus.DELAYED),
    "delayed_error": (Waiting.MATCHING, OrderStatus.DELAYED),
    "unmatched": (Waiting.RESTING, OrderStatus.DELAYED),
    "ghost_live": (Waiting.MATCHING, OrderStatus.LIVE),
}
