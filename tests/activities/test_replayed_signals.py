"""A replay takes the whole way of a new signal: decided, limited and signed afresh."""

from datetime import timedelta
from decimal import Decimal

from activities.records import Attempt
from storage.replays import Resolved, Verdict
from storage.reviews import ReviewKind
from tests.activities.desk import SIGNAL, Desk
from tests.fakes import Answer
from trading.types import Reason, Side, SignalId, SignalState


async def refused_by_the_venue(desk: Desk) -> int:
    """End a signal that the venue rejected, an hour ago; return the number of its review."""
    desk.venue.answer_with(Answer.REJECT)
    order_hash = await desk.committed()
    await desk.traded(order_hash)
    ended = await desk.signals.conclude_signal(SIGNAL, [order_hash])
    assert ended.state is SignalState.VENUE_REJECTED
    desk.clock.advance(timedelta(hours=1))
    [stored] = await desk.store.list_reviews(open_only=True, limit=10)
    assert stored.review.kind is ReviewKind.VENUE_REJECTED
    return stored.review_id


async def replayed(desk: Desk) -> SignalId:
    verdict = Verdict("ann", "paid in", replays=True)
    outcome = await desk.store.resolve_with(await refused_by_the_venue(desk), verdict, desk.clock())
    assert isinstance(outcome, Resolved)
    assert outcome.replay is not None
    return outcome.replay


async def test_a_replay_is_decided_and_signed_afresh(desk: Desk) -> None:
    signal_id = await replayed(desk)
    assessment = await desk.signals.assess_signal(signal_id)
    assert assessment.is_copied
    assert assessment.size is not None
    attempt = Attempt(1, Side.BUY, assessment.size, assessment.limit_price, signal_id=signal_id)
    ticket = await desk.risk.check_risk(attempt, await desk.pricing.estimate_slippage(attempt))
    [old] = await desk.store.orders_of_signal(SIGNAL)
    assert ticket.order_hash is not None
    assert ticket.order_hash != old
    position = await desk.position(await desk.traded(ticket.order_hash))
    assert position.size == assessment.size
    assert (await desk.progress(old)).confirmed == Decimal(0)


async def test_a_replay_obeys_what_holds_now(desk: Desk) -> None:
    signal_id = await replayed(desk)
    await desk.store.halt_wallet("a test", desk.clock())
    assessment = await desk.signals.assess_signal(signal_id)
    assert assessment.reason is Reason.ENTRIES_HALTED


async def test_a_replay_grows_too_old_like_any_signal(desk: Desk) -> None:
    signal_id = await replayed(desk)
    desk.clock.advance(timedelta(minutes=1))
    assert (await desk.signals.assess_signal(signal_id)).reason is Reason.SIGNAL_TOO_OLD
