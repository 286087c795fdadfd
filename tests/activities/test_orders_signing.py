"""What becomes of an order whose signer says no, or nothing."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest
from temporalio.exceptions import ApplicationError

from activities.orders import FENCED, NOT_NOW, OrderActivities
from exchange.port import UnavailableError
from exchange.sign_port import SignRefusal
from tests.activities.desk import Desk
from trading.orders import Intent
from trading.pretrade import Control
from trading.types import OrderHash, OrderState, Reason, Refusal, SignalId, SignalState


@dataclass(slots=True)
class FakeEarlySigner:
    """Says no so often, then signs; None stands for silence."""

    answers: list[SignRefusal | None]
    asked: list[OrderHash] = field(default_factory=list)

    async def sign_early(self, intent: Intent) -> SignRefusal | None:
        self.asked.append(intent.order.order_hash)
        if not self.answers:
            return None
        answer = self.answers.pop(0)
        if answer is None:
            raise UnavailableError("the signer is not there")
        return answer


@dataclass(slots=True)
class LateSigner:
    """Says no after something else has happened."""

    meanwhile: Callable[[], Awaitable[bool]]

    async def sign_early(self, intent: Intent) -> SignRefusal | None:
        assert await self.meanwhile(), intent.order.order_hash
        return SignRefusal(Control.COPIES, "5", "4")


def signed_by(desk: Desk, *answers: SignRefusal | None) -> OrderActivities:
    ports = replace(desk.orders._ports, signer=FakeEarlySigner(list(answers)))
    return OrderActivities(ports, desk.rules.orders, desk.clock)


async def test_an_order_is_signed_before_the_right_to_send_it_is_taken(desk: Desk) -> None:
    order_hash = await desk.committed()
    report = await signed_by(desk).place_order(order_hash)
    assert report.state is OrderState.MATCHED
    assert desk.venue.posts == [order_hash]


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (Control.EXPIRY, OrderState.EXPIRED),
        (Control.HALT, OrderState.EXPIRED),
        (Control.TICK, OrderState.REJECTED),
    ],
)
async def test_a_refused_order_ends_at_once_and_halts_nothing_where_that_is_ordinary(
    desk: Desk, code: Control, state: OrderState
) -> None:
    order_hash = await desk.committed()
    report = await signed_by(desk, SignRefusal(code, "2", "1")).place_order(order_hash)
    assert report.state is state
    assert desk.venue.posts == []
    progress = await desk.progress(order_hash)
    assert progress.text == f"not sent: the signer refused it: {code}, wanted 2, allowed 1"
    assert not progress.had_unknown
    assert progress.is_done
    assert (await desk.ticket("s2")).order_hash is not None


@pytest.mark.parametrize("code", [Control.TICK, Control.NOTIONAL_PER_DAY])
async def test_a_refused_order_ends_its_signal_as_our_own_no_and_not_the_venues(
    desk: Desk, code: Control
) -> None:
    order_hash = await desk.committed()
    await signed_by(desk, SignRefusal(code, "2", "1")).place_order(order_hash)
    await desk.orders.record_fills(order_hash)
    ended = await desk.signals.conclude_signal(SignalId("s1"), [order_hash])
    assert ended.state is SignalState.RISK_REJECTED
    stored = await desk.store.load_signal(SignalId("s1"))
    assert stored is not None
    told = f"not sent: the signer refused it: {code}, wanted 2, allowed 1"
    assert stored.refusal == Refusal(Reason.SIGNER_REFUSED, {"order": told})
    assert await desk.store.list_reviews(open_only=True, limit=10) == []
    assert bool(await desk.halts()) is (code is Control.NOTIONAL_PER_DAY), (
        "a person hears of a fault"
    )


async def test_a_refusal_hides_no_copy_that_left_while_the_signer_was_asked(desk: Desk) -> None:
    """Another attempt of the step, taken for dead, sends the order; only that one knows."""
    order_hash = await desk.committed()
    late = LateSigner(lambda: desk.store.begin_sending(order_hash, 1, desk.clock()))
    orders = OrderActivities(
        replace(desk.orders._ports, signer=late), desk.rules.orders, desk.clock
    )
    report = await orders.place_order(order_hash)
    assert (report.state, report.is_done) == (OrderState.SENDING, False)
    intent = await desk.store.load_intent(order_hash)
    assert intent is not None
    await desk.venue.post_order(intent)
    report = await desk.env.run(desk.orders.await_fill, order_hash)
    assert report.state is OrderState.MATCHED
    assert not (await desk.progress(order_hash)).adopted


async def test_what_no_honest_order_is_refused_for_halts_entries(desk: Desk) -> None:
    order_hash = await desk.committed()
    no = SignRefusal(Control.ORDERS_PER_MIN, "31", "30")
    report = await signed_by(desk, no).place_order(order_hash)
    assert report.state is OrderState.REJECTED
    assert (await desk.ticket("s2")).order_hash is None


async def test_a_stale_epoch_fences_as_the_records_do(desk: Desk) -> None:
    order_hash = await desk.committed()
    with pytest.raises(ApplicationError) as error:
        await signed_by(desk, SignRefusal(Control.EPOCH, "1", "2")).place_order(order_hash)
    assert error.value.type == FENCED
    assert error.value.non_retryable


async def test_a_silent_signer_leaves_the_order_as_it_was_and_is_asked_again(desk: Desk) -> None:
    order_hash = await desk.committed()
    orders = signed_by(desk, None)
    with pytest.raises(ApplicationError) as error:
        await orders.place_order(order_hash)
    assert error.value.type == NOT_NOW
    assert (await desk.progress(order_hash)).state is OrderState.PREPARED
    report = await orders.place_order(order_hash)
    assert report.state is OrderState.MATCHED
    assert desk.venue.posts == [order_hash]


async def test_a_signer_that_stays_away_leaves_nothing_unknown(desk: Desk) -> None:
    order_hash = await desk.committed()
    orders = signed_by(desk, None)
    desk.clock.advance(desk.rules.orders.retry_until)
    report = await orders.place_order(order_hash)
    assert report.state is OrderState.EXPIRED
    assert report.is_done
    assert desk.venue.posts == []
