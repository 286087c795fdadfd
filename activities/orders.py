"""Place one committed order and follow its hash until the venue and the chain have spoken."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.evidence import Detective, tell_alive
from activities.records import FillReport
from activities.send_gate import NO_WAIT, SendGate
from activities.turnstile import Turnstile
from exchange.port import OrderGateway, UnavailableError
from exchange.sign_port import EarlySigner, SignRefusal, SignsWhenSent
from storage.port import Bell, FencedError, Lease, OrderStore
from trading.orders import Intent, OrderProgress, Ruling
from trading.pretrade import Control
from trading.rules import OrderRules
from trading.submits import Submission, SubmitKind, SubmitOutcome, classify_submit
from trading.types import OrderHash, OrderState, Side, SignalId

NOT_NOW = "NotNow"
OUTCOME_UNKNOWN = "OutcomeUnknown"
FENCED = "Fenced"
LISTEN = timedelta(milliseconds=500)
LOOK_EVERY = timedelta(seconds=2)
CANCEL_EVERY = timedelta(seconds=2)
EXPLAIN_FOR = timedelta(seconds=2)
ONCE = timedelta(days=365)
SIGNER_AGAIN = timedelta(milliseconds=500)
COPIES_APART = tuple(timedelta(seconds=pause) for pause in (1, 2, 4))
"""Pauses after the first, second and every later copy of an order that got no useful answer."""
_LEAVES_A_REST = frozenset({OrderState.CANCELLED, OrderState.VOID})


@dataclass(frozen=True, slots=True)
class OrderPorts:
    """What the order activities look at and act on."""

    gateway: OrderGateway
    orders: OrderStore
    detective: Detective
    bell: Bell
    lease: Lease
    gate: SendGate
    turnstile: Turnstile = field(default_factory=Turnstile)
    signer: EarlySigner = field(default_factory=SignsWhenSent)


class OrderActivities:
    """Steps of one order. Each is keyed by the order's hash and may be repeated at any time."""

    def __init__(self, ports: OrderPorts, rules: OrderRules, clock: Callable[[], datetime]) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock

    @activity.defn
    async def place_order(self, order_hash: OrderHash) -> FillReport:
        """POST the committed bytes; raise for a retry of the same bytes while that may help.

        A repeat after an unknown outcome looks the hash up first. When the time for sending is
        over, an order that was never sent is EXPIRED and one that may have been stays UNKNOWN.
        """
        intent = await self._intent(order_hash)
        progress = await self._before_sending(intent)
        if progress.state not in (OrderState.PREPARED, OrderState.UNKNOWN):
            return await self._report(intent, progress)
        tell_alive()
        later = await self._ports.gate.admit(intent.side)
        if later > NO_WAIT:
            self._raise_for_retry(intent, NOT_NOW, "the venue works no orders now", later)
        if later > NO_WAIT or await self._ports.gate.holds(intent.side):
            return await self._report(intent, await self._too_late(progress))
        refusal = await self._sign(intent)
        if refusal is not None:
            return await self._report(intent, await self._unsigned(intent, progress, refusal))
        if not await self._begin_sending(order_hash):
            return await self._report(intent, await self._too_late(progress))
        if await self._ports.gate.holds(intent.side):
            return await self._report(intent, await self._held_back(progress))
        return await self._send(intent, progress)

    @activity.defn
    async def await_fill(
        self, order_hash: OrderHash, cancel_by: datetime | None = None
    ) -> FillReport:
        """Wait until the venue is through with the order, and book its fills.

        After 30 s it is cancelled until it is dead.

        With `cancel_by`, the time of the whole trade, it is cancelled then if that is earlier.
        """
        intent = await self._intent(order_hash)
        cancel_at = intent.created_at + self._rules.fill_timeout
        cancel_at = min(cancel_at, cancel_by or cancel_at)
        watch = _Watch(self._clock())
        while True:
            progress = await self._without_sender(await self._progress(order_hash))
            if progress.state.is_terminal:
                watch.ended_at = watch.ended_at or self._clock()
            if progress.state.is_terminal and self._is_explained(progress, watch):
                return await self.record_fills(order_hash)
            activity.heartbeat(progress.state)
            if self._clock() >= cancel_at and not progress.state.is_terminal:
                await self._cancel(intent, watch)
            await self._listen(intent, progress, watch)

    @activity.defn
    async def await_settlement(self, order_hash: OrderHash) -> FillReport:
        """Wait until every trade of the order is CONFIRMED or FAILED."""
        intent = await self._intent(order_hash)
        watch = _Watch(self._clock())
        while True:
            progress = await self._progress(order_hash)
            if progress.is_done:
                return await self._report(intent, progress)
            activity.heartbeat(progress.state)
            await self._tell_when_overdue(progress, watch)
            await self._listen(intent, progress, watch)

    @activity.defn
    async def settle_orders(self, order_hashes: Sequence[OrderHash]) -> None:
        """Wait for the settlement of every order of a trade, and book each once it is done."""
        for order_hash in order_hashes:
            await self.await_settlement(order_hash)
            await self.record_fills(order_hash)

    @activity.defn
    async def record_fills(self, order_hash: OrderHash) -> FillReport:
        """Bring position, ledger and reservation in line with what is known of the order."""
        intent = await self._intent(order_hash)
        record = await self._ports.orders.apply_order(order_hash, self._clock())
        report = await self._report(intent, await self._progress(order_hash))
        has_owner = record.stop_loss_price is not None  # who looked at it once
        return replace(report, position_id=record.position_id, has_owner=has_owner)

    @activity.defn
    async def stop_orders(self, signal_id: SignalId) -> Sequence[OrderHash]:
        """Stop every order of a signal: unsent ones expire, resting ones are asked to cancel."""
        order_hashes = await self._ports.orders.orders_of_signal(signal_id)
        for order_hash in order_hashes:
            progress = await self._too_late(await self._progress(order_hash))
            if not progress.state.is_terminal:
                intent = await self._intent(order_hash)
                await self._cancel(intent, _Watch(self._clock()))
        return order_hashes

    async def _before_sending(self, intent: Intent) -> OrderProgress:
        """Return the order's state; a sender that died mid-way makes it unknown and looked up."""
        order_hash = intent.order.order_hash
        progress = await self._progress(order_hash)
        if progress.state is OrderState.SENDING:
            progress = await self._unanswered(progress)
        if progress.state is OrderState.UNKNOWN:
            progress = (await self._ports.detective.look(intent)).progress
        return progress

    async def _sign(self, intent: Intent) -> SignRefusal | None:
        """Have the order signed before it may be sent; return why it was not.

        While the signer does not answer, nothing has happened to the order: it is tried again, and
        expires unsent when its time is over.
        """
        tell_alive()
        try:
            return await self._ports.signer.sign_early(intent)
        except UnavailableError as error:
            self._raise_for_retry(intent, NOT_NOW, str(error), SIGNER_AGAIN)
            return SignRefusal(Control.EXPIRY, str(error), "an answer in time")

    async def _unsigned(
        self, intent: Intent, progress: OrderProgress, refusal: SignRefusal
    ) -> OrderProgress:
        """End an order that was refused its signature: no copy left, unless one did before.

        What no honest order is refused for says that we or the records have gone wrong.
        """
        if refusal.code is Control.EPOCH:
            raise ApplicationError(refusal.describe(), type=FENCED, non_retryable=True)
        if not refusal.is_ordinary and intent.side is Side.BUY:
            await self._ports.orders.halt_wallet(refusal.describe(), self._clock())
        if progress.state is not OrderState.PREPARED:
            return progress
        is_late = refusal.code in (Control.EXPIRY, Control.HALT)
        state = OrderState.EXPIRED if is_late else OrderState.REJECTED
        ruling = Ruling(state, f"not sent: {refusal.describe()}")
        return await self._ports.orders.fold(progress.order_hash, [ruling], self._clock())

    async def _begin_sending(self, order_hash: OrderHash) -> bool:
        """Take the right to send; a stack that lost the wallet must not try again."""
        epoch = self._ports.lease.epoch
        try:
            may_send = await self._ports.orders.begin_sending(order_hash, epoch, self._clock())
        except FencedError as error:
            raise ApplicationError(str(error), type=FENCED, non_retryable=True) from error
        if may_send:
            self._ports.turnstile.admit(order_hash)
        return may_send

    async def _send(self, intent: Intent, progress: OrderProgress) -> FillReport:
        """POST what may be sent, and keep what the answer proves."""
        outcome = await self._post(intent, progress)
        progress = await self._ports.orders.fold(progress.order_hash, [outcome], self._clock())
        await self._halt_in_trouble(intent, outcome)
        pause = COPIES_APART[min(progress.copies, len(COPIES_APART)) - 1]
        if outcome.kind is SubmitKind.NOT_NOW:
            self._raise_for_retry(intent, NOT_NOW, outcome.text, _delay_of(outcome) or pause)
        if outcome.kind is SubmitKind.UNKNOWN:
            self._raise_for_retry(intent, OUTCOME_UNKNOWN, outcome.text, pause)
        return await self._report(intent, progress)

    async def _post(self, intent: Intent, progress: OrderProgress) -> SubmitOutcome:
        tell_alive()
        answer = await self._ports.gateway.post_order(intent)
        tell_alive()
        sent = Submission(
            progress.order_hash,
            intent.order_type,
            intent.order.size,
            had_unknown=progress.had_unknown,
        )
        outcome = classify_submit(answer, sent)
        self._ports.gate.note(outcome)
        return outcome

    async def _halt_in_trouble(self, intent: Intent, outcome: SubmitOutcome) -> None:
        """Halt entries when an entry's answer says that none can succeed; exits are tried again."""
        if outcome.trouble is None or intent.side is Side.SELL:
            return
        reason = f"{outcome.trouble}: {outcome.text}"
        await self._ports.orders.halt_wallet(reason, self._clock())

    async def _without_sender(self, progress: OrderProgress) -> OrderProgress:
        """Settle what a sender left half-way when placing is over and nobody sends any more."""
        if progress.state is OrderState.SENDING:
            return await self._unanswered(progress)
        return await self._too_late(progress)

    async def _unanswered(self, progress: OrderProgress) -> OrderProgress:
        ruling = Ruling(OrderState.UNKNOWN, "the sender ended without an answer")
        return await self._ports.orders.fold(progress.order_hash, [ruling], self._clock())

    async def _too_late(self, progress: OrderProgress) -> OrderProgress:
        if progress.state is not OrderState.PREPARED:
            return progress
        ruling = Ruling(OrderState.EXPIRED, "too late to be sent")
        return await self._ports.orders.fold(progress.order_hash, [ruling], self._clock())

    async def _held_back(self, progress: OrderProgress) -> OrderProgress:
        """End what the kill switch stopped between the right to send and the first byte.

        A first copy never left, so the order is over; after an earlier one it stays unknown.
        """
        self._ports.turnstile.withdraw(progress.order_hash)
        is_first = progress.state is OrderState.PREPARED
        state = OrderState.CANCELLED if is_first else OrderState.UNKNOWN
        ruling = Ruling(state, "not sent: the kill switch was pulled")
        return await self._ports.orders.fold(progress.order_hash, [ruling], self._clock())

    def _raise_for_retry(self, intent: Intent, kind: str, text: str, delay: timedelta) -> None:
        """Ask for another try of the same bytes after a while, unless its time is over."""
        if self._clock() < intent.created_at + self._rules.retry_until:
            raise ApplicationError(text, type=kind, next_retry_delay=delay)

    async def _listen(self, intent: Intent, progress: OrderProgress, watch: "_Watch") -> None:
        """Wait for news of the order; ask the venue when none came for a while."""
        heard = await self._ports.bell.wait("orders", progress.order_hash, LISTEN)
        if not heard and watch.is_due("look", self._clock(), LOOK_EVERY):
            await self._ports.detective.resolve(intent, is_asked_to_die=watch.has_done("cancel"))

    async def _cancel(self, intent: Intent, watch: "_Watch") -> None:
        """Ask for cancellation, again and again: the answer is a request's, not the order's state.

        Whether it died, and with what fills, is told by the order, its trades and the user stream.
        """
        if not watch.is_due("cancel", self._clock(), CANCEL_EVERY):
            return
        tell_alive()
        with contextlib.suppress(UnavailableError):  # asked again at the next turn
            await self._ports.gateway.cancel_orders([intent.order.order_hash])
        await self._ports.detective.resolve(intent, is_asked_to_die=True)

    async def _tell_when_overdue(self, progress: OrderProgress, watch: "_Watch") -> None:
        """Tell a person, once a wait, of fills that the chain neither confirms nor refuses."""
        now = self._clock()
        is_overdue = now >= watch.started_at + self._rules.settle_within
        if is_overdue and watch.is_due("overdue", now, ONCE):
            await self._ports.orders.tell_overdue(progress.order_hash, now)

    def _is_explained(self, progress: OrderProgress, watch: "_Watch") -> bool:
        """Tell whether trades account for what the venue says it matched, or time is up."""
        seen = sum((t.size for t in progress.trades.values()), Decimal(0))
        assert watch.ended_at is not None, "only an order that has ended can be explained"
        return seen >= progress.size_matched or self._clock() >= watch.ended_at + EXPLAIN_FOR

    async def _intent(self, order_hash: OrderHash) -> Intent:
        intent = await self._ports.orders.load_intent(order_hash)
        assert intent is not None, f"expected a committed intent for order {order_hash}"
        return intent

    async def _progress(self, order_hash: OrderHash) -> OrderProgress:
        progress = await self._ports.orders.load_progress(order_hash)
        assert progress is not None, f"expected order {order_hash} in the database"
        return progress

    async def _report(self, intent: Intent, progress: OrderProgress) -> FillReport:
        return FillReport(
            order_hash=progress.order_hash,
            state=progress.state,
            size=progress.size,
            matched=progress.matched,
            confirmed=progress.confirmed,
            is_done=progress.is_done,
            is_accepted=progress.is_accepted,
            may_retry=progress.state in _LEAVES_A_REST and not progress.is_accepted,
            position_id=intent.position_id,
            summary=f"{progress.state}: {progress.matched:.2f} of {progress.size:.2f} shares",
        )


class _Watch:
    """Remembers, within one waiting activity, when each thing was last done."""

    def __init__(self, now: datetime) -> None:
        self.started_at = now
        self.ended_at: datetime | None = None  # when the order was first seen to be over
        self._done_at: dict[str, datetime] = {}

    def is_due(self, what: str, now: datetime, every: timedelta) -> bool:
        """Tell whether `what` was not done within `every`, and count it as done now."""
        done_at = self._done_at.get(what)
        if done_at is not None and now < done_at + every:
            return False
        self._done_at[what] = now
        return True

    def has_done(self, what: str) -> bool:
        """Tell whether `what` was ever done."""
        return what in self._done_at


def _delay_of(outcome: SubmitOutcome) -> timedelta | None:
    wait = outcome.retry_after_s
    return timedelta(microseconds=int(wait * 1_000_000)) if wait is not None else None
