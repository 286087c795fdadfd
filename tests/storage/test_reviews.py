import asyncio

import pytest
from sqlalchemy import select

from storage.port import Event, StorageError
from storage.postgres import PostgresStore
from storage.reviews import Review, ReviewKind, open_review, prove_now
from storage.tables import events
from storage.view_feeds import list_event_rows
from storage.view_money import load_overview
from tests.storage.builders import (
    NOW,
    WALLET,
    YES,
    bought,
    entry,
    later,
    market,
    order_hash,
    reserved,
    signal,
    trade,
)
from trading.submits import SubmitKind, SubmitOutcome
from trading.types import OrderState, PositionId, SignalId, SignalState

FAULT = SubmitOutcome(SubmitKind.FAULT, None, "expected order id 0x1, received 0x2")
REFUSED = SubmitOutcome(SubmitKind.REJECTED, OrderState.REJECTED, "not enough balance")


async def faulty(store: PostgresStore, *names: str) -> None:
    """Let orders have faults, after all of them have been sent."""
    found = [await reserved(store, entry(name)) for name in names or ("s1#1",)]
    for intent in found:
        assert await store.begin_sending(intent.order.order_hash, 1, NOW)
    for intent in found:
        await store.fold(intent.order.order_hash, [FAULT], NOW)


async def stuck(store: PostgresStore, position_id: PositionId, minutes: int) -> None:
    """Put an exit that takes too long before a person."""
    reason = f"the exit is not done after {minutes} min"
    at = later(60 * minutes)
    async with store.transaction() as connection:
        await open_review(
            connection, Review(ReviewKind.EXIT_STUCK, reason, at, position_id=position_id)
        )


async def told(store: PostgresStore) -> list[Event]:
    """Return the events, oldest first."""
    return [row.event for row in reversed(await list_event_rows(store, 20))]


async def test_a_fault_is_put_before_a_person_with_all_that_it_is_about(
    funded: PostgresStore,
) -> None:
    await funded.save_market(market(), NOW)
    await faulty(funded)
    [stored] = await funded.list_reviews(open_only=True, limit=10)
    review = stored.review
    assert (review.kind, review.reason) == (ReviewKind.ORDER_FAULT, FAULT.text)
    assert (review.order_hash, review.signal_id) == (order_hash("s1#1"), "s1")
    assert review.position_id is not None
    assert (review.token_id, review.opened_at) == (YES, NOW)
    assert stored.token is not None
    assert stored.token.question == "Will it?"
    assert stored.resolved_at is None
    assert "received 0x2" in str(stored.evidence)
    assert await funded.load_review(stored.review_id) == stored
    [event] = await told(funded)
    assert (event.type, event.severity) == ("order_fault", "PAGE")
    assert event.ids["signal_id"] == "s1"


async def test_the_same_is_open_once_however_many_report_it(funded: PostgresStore) -> None:
    await faulty(funded)
    review = Review(ReviewKind.ORDER_ADOPTED, "again", NOW, order_hash("s1#1"))

    async def report() -> bool:
        async with funded.transaction() as connection:
            return await open_review(connection, review)

    assert sum(await asyncio.gather(*(report() for _ in range(8)))) == 1
    assert (await load_overview(funded, NOW)).reviews_open == 2


async def test_what_is_undone_leaves_no_review(funded: PostgresStore) -> None:
    await reserved(funded, entry())
    review = Review(ReviewKind.ORDER_ADOPTED, "undone", NOW, order_hash("s1#1"))

    async def half_done() -> None:
        async with funded.transaction() as connection:
            assert await open_review(connection, review)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        await half_done()
    assert await funded.list_reviews(open_only=True, limit=10) == []
    assert await told(funded) == []


async def test_what_is_nowhere_on_record_cannot_be_reviewed(funded: PostgresStore) -> None:
    with pytest.raises(StorageError, match="found none"):
        await stuck(funded, PositionId("none"), 5)


async def test_a_resolved_review_leaves_the_queue_and_keeps_who_and_why(
    funded: PostgresStore,
) -> None:
    await faulty(funded)
    [stored] = await funded.list_reviews(open_only=True, limit=10)
    assert await funded.resolve_review(stored.review_id, "ann", "their bug", later(60))
    assert not await funded.resolve_review(stored.review_id, "bob", "me too", later(61))
    assert not await funded.resolve_review(stored.review_id + 1, "bob", "what?", later(61))
    assert await funded.list_reviews(open_only=True, limit=10) == []
    [resolved] = await funded.list_reviews(open_only=False, limit=10)
    assert (resolved.resolved_by, resolved.note) == ("ann", "their bug")
    assert (resolved.resolved_at, resolved.resolution) == (later(60), "SEEN")
    event = (await told(funded))[-1]
    assert event.type == "review_resolved"
    assert event.title == "ORDER_FAULT resolved by ann: their bug"
    assert event.metadata["review_id"] == str(stored.review_id)


async def test_the_evidence_stays_as_it_was_and_may_be_compared_with_now(
    funded: PostgresStore,
) -> None:
    await faulty(funded)
    await funded.fold(order_hash("s1#1"), [trade(entry("s1#1"))], later(1))
    [stored] = await funded.list_reviews(open_only=True, limit=10)
    now = await prove_now(funded, stored.review)
    assert "'state': 'UNKNOWN'" in str(stored.evidence)
    assert "'state': 'MATCHED'" in str(now)


async def test_the_newest_reviews_come_first_and_no_more_than_asked_for(
    funded: PostgresStore,
) -> None:
    await faulty(funded, "s0#1", "s1#1", "s2#1")
    found = await funded.list_reviews(open_only=True, limit=2)
    assert [stored.review.signal_id for stored in found] == ["s2", "s1"]


async def test_a_signal_that_the_venue_rejected_is_reviewed_with_its_words(
    funded: PostgresStore,
) -> None:
    await funded.record_signal(signal("s1"), NOW)
    intent = await reserved(funded, entry("s1#1"))
    await funded.begin_sending(intent.order.order_hash, 1, NOW)
    await funded.fold(intent.order.order_hash, [REFUSED], NOW)
    for state in (SignalState.VENUE_REJECTED, SignalState.UNFILLED):
        await funded.finish_signal(SignalId("s1"), state, None, later(1))
    [stored] = await funded.list_reviews(open_only=True, limit=10)
    assert stored.review.kind is ReviewKind.VENUE_REJECTED
    assert stored.review.reason == "the venue refused: not enough balance"
    assert (stored.review.signal_id, stored.review.token_id) == ("s1", YES)
    assert stored.review.order_hash is None
    assert "s1#1" in str(stored.evidence)


async def test_other_ends_of_a_signal_need_nobody(store: PostgresStore) -> None:
    for state in SignalState:
        if state.is_terminal and state is not SignalState.VENUE_REJECTED:
            await store.record_signal(signal(state), NOW)
            await store.finish_signal(SignalId(state), state, None, NOW)
    assert await store.list_reviews(open_only=False, limit=10) == []


async def test_a_stuck_exit_pages_once_until_somebody_has_looked(funded: PostgresStore) -> None:
    position = await bought(funded)
    for minutes in (5, 6):
        await stuck(funded, position.position_id, minutes)
    [stored] = await funded.list_reviews(open_only=True, limit=10)
    assert stored.review.reason == "the exit is not done after 5 min"
    await funded.resolve_review(stored.review_id, "ann", "sold by hand", later(400))
    await stuck(funded, position.position_id, 10)
    assert len(await funded.list_reviews(open_only=True, limit=10)) == 1
    query = select(events.c.title).where(events.c.type == "exit_stuck").order_by(events.c.event_id)
    async with funded.transaction() as connection:
        titles = (await connection.execute(query)).scalars().all()
    assert titles == [f"the exit is not done after {minutes} min" for minutes in (5, 10)]
    assert position.wallet == WALLET


@pytest.mark.parametrize("kind", list(ReviewKind))
def test_every_kind_says_how_urgent_it_is(kind: ReviewKind) -> None:
    assert kind.severity in {"PAGE", "ERROR", "WARNING"}
