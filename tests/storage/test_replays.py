import asyncio

import pytest

from storage.breakers import Halt, HaltScope
from storage.exit_port import ExitPage
from storage.port import StoredSignal
from storage.postgres import PostgresStore
from storage.replays import NotResolved, Resolved, Verdict
from storage.reviews import Review, ReviewKind, open_review
from storage.view_feeds import list_event_rows
from tests.storage.builders import (
    NOW,
    YES,
    bought,
    entry,
    later,
    order_hash,
    reserved,
    signal,
    trade,
)
from trading.orders import Evidence, Intent, Ruling
from trading.submits import SubmitKind, SubmitOutcome
from trading.types import OrderState, Settlement, Side, SignalId, SignalState

UNKNOWN = SubmitOutcome(SubmitKind.UNKNOWN, None, "HTTP 500")
REFUSED = SubmitOutcome(SubmitKind.REJECTED, OrderState.REJECTED, "no")
GIVEN_UP = (UNKNOWN, Ruling(OrderState.VOID, "quarantine over"))
AGAIN = Verdict("ann", "the book is back", replays=True)
CLEAR = Verdict("ann", "their bug", clears_halt=True)


async def copied(store: PostgresStore, *told: Evidence, name: str = "s1") -> Intent:
    """Send an order for a signal, and hear this of it."""
    await store.record_signal(signal(name), NOW)
    intent = await reserved(store, entry(f"{name}#1"))
    assert await store.begin_sending(intent.order.order_hash, 1, NOW)
    await store.fold(intent.order.order_hash, told, NOW)
    return intent


async def given_up(store: PostgresStore, name: str = "s1") -> int:
    """Copy a signal in vain; return the number of its review."""
    intent = await copied(store, *GIVEN_UP, name=name)
    await store.apply_order(intent.order.order_hash, NOW)
    await store.finish_signal(SignalId(name), SignalState.UNFILLED, None, NOW)
    return await review_of(store, ReviewKind.ORDER_GIVEN_UP)


async def review_of(store: PostgresStore, kind: ReviewKind) -> int:
    found = await store.list_reviews(open_only=True, limit=10)
    return next(stored.review_id for stored in found if stored.review.kind is kind)


async def open_another(store: PostgresStore, name: str = "s1") -> int:
    """Open a second review of the same signal."""
    review = Review(ReviewKind.VENUE_REJECTED, "again", NOW, signal_id=SignalId(name))
    async with store.transaction() as connection:
        assert await open_review(connection, review)
    return await review_of(store, ReviewKind.VENUE_REJECTED)


async def waiting(store: PostgresStore) -> list[StoredSignal]:
    return list(await store.claim_signals("us", 10, later(60)))


async def refused(store: PostgresStore, review_id: int, verdict: Verdict = AGAIN) -> str:
    """Ask for what is refused; the review stays open and nothing waits."""
    outcome = await store.resolve_with(review_id, verdict, later(60))
    assert isinstance(outcome, NotResolved)
    assert await waiting(store) == []
    return outcome.why


async def test_a_replay_is_a_new_signal_of_the_same_terms_seen_now(
    funded: PostgresStore,
) -> None:
    outcome = await funded.resolve_with(await given_up(funded), AGAIN, later(60))
    assert isinstance(outcome, Resolved)
    [stored] = await waiting(funded)
    old, new = signal("s1"), stored.signal
    assert new.signal_id == outcome.replay != old.signal_id
    assert (new.wallet, new.token_id, new.side) == (old.wallet, old.token_id, old.side)
    assert (new.size, new.price) == (old.size, old.price)
    assert new.traded_at == new.detected_at == stored.committed_at == later(60)
    assert stored.replays == "s1"
    [review] = await funded.list_reviews(open_only=False, limit=10)
    assert review.resolution == f"REPLAYED {outcome.replay}"
    [event, *_] = await list_event_rows(funded, 1)
    assert event.event.metadata["resolution"] == f"REPLAYED {outcome.replay}"


async def test_a_replay_that_came_to_nothing_may_be_replayed_again(
    funded: PostgresStore,
) -> None:
    first = await funded.resolve_with(await given_up(funded), AGAIN, later(60))
    assert isinstance(first, Resolved)
    assert first.replay is not None
    await funded.finish_signal(first.replay, SignalState.FILTERED, None, later(61))
    second = await funded.resolve_with(await open_another(funded), AGAIN, later(62))
    assert isinstance(second, Resolved)
    assert second.replay not in {None, first.replay, SignalId("s1")}


async def test_two_people_replay_once(funded: PostgresStore) -> None:
    reviews = [await given_up(funded), await open_another(funded)]
    outcomes = await asyncio.gather(
        *(funded.resolve_with(review, AGAIN, later(60)) for review in reviews * 3)
    )
    assert sum(isinstance(outcome, Resolved) for outcome in outcomes) == 1
    assert len(await waiting(funded)) == 1


async def test_a_replay_of_a_running_replay_is_refused(funded: PostgresStore) -> None:
    first = await funded.resolve_with(await given_up(funded), AGAIN, later(60))
    assert isinstance(first, Resolved)
    assert len(await waiting(funded)) == 1
    other = await open_another(funded)
    why = await refused(funded, other)
    assert f"signal {first.replay} is WAITING" in why


async def test_while_the_signal_runs_nothing_is_replayed(funded: PostgresStore) -> None:
    intent = await copied(funded, *GIVEN_UP)
    await funded.apply_order(intent.order.order_hash, NOW)
    await funded.release_claim(SignalId("s1"), "us")
    why = await refused(funded, await review_of(funded, ReviewKind.ORDER_GIVEN_UP))
    assert "s1 is RUNNING" in why


@pytest.mark.parametrize(
    "told",
    [(UNKNOWN,), GIVEN_UP, (REFUSED,)],
    ids=["unknown", "void but not booked", "rejected but not booked"],
)
async def test_while_an_order_is_not_settled_nothing_is_replayed(
    funded: PostgresStore, told: tuple[Evidence, ...]
) -> None:
    await copied(funded, *told)
    await funded.finish_signal(SignalId("s1"), SignalState.FAULT, None, NOW)
    why = await refused(funded, await open_another(funded))
    assert "not settled: a replay could double it" in why


async def test_what_was_bought_is_not_bought_again(funded: PostgresStore) -> None:
    review = await given_up(funded)
    await funded.fold(order_hash("s1#1"), [trade(entry("s1#1"), size="40")], later(9))
    assert "not settled" in await refused(funded, review)
    await funded.fold(order_hash("s1#1"), [Ruling(OrderState.CANCELLED, "killed")], later(10))
    await funded.apply_order(order_hash("s1#1"), later(10))
    assert "bought 40 shares" in await refused(funded, review)


async def test_what_the_chain_refused_was_not_bought(funded: PostgresStore) -> None:
    lost = trade(entry("s1#1"), settlement=Settlement.FAILED)
    intent = await copied(funded, lost)
    await funded.apply_order(intent.order.order_hash, NOW)
    await funded.finish_signal(SignalId("s1"), SignalState.FAILED_SETTLEMENT, None, NOW)
    review = await review_of(funded, ReviewKind.SETTLEMENT_FAILED)
    assert isinstance(await funded.resolve_with(review, AGAIN, later(60)), Resolved)


async def test_a_sell_is_never_replayed(funded: PostgresStore) -> None:
    await funded.record_signal(signal("s9", side=Side.SELL), NOW)
    await funded.finish_signal(SignalId("s9"), SignalState.VENUE_REJECTED, None, NOW)
    why = await refused(funded, await review_of(funded, ReviewKind.VENUE_REJECTED))
    assert "a sell never is" in why
    position = await bought(funded)
    await funded.page_exit(ExitPage(position.position_id, 1, "5 min", "nobody buys", NOW))
    why = await refused(funded, await review_of(funded, ReviewKind.EXIT_STUCK))
    assert "a sell never is" in why


async def test_the_halt_of_the_token_goes_with_its_only_fault(funded: PostgresStore) -> None:
    fault = SubmitOutcome(SubmitKind.FAULT, None, "wrong id")
    await copied(funded, fault)
    review = await review_of(funded, ReviewKind.ORDER_FAULT)
    assert await funded.resolve_with(review, CLEAR, later(60)) == Resolved(
        review, halt_cleared=True, replay=None
    )
    [stored] = await funded.list_reviews(open_only=False, limit=10)
    assert (stored.resolution, stored.note) == ("HALT_CLEARED", "their bug")
    assert not await funded.clear_halt(HaltScope.TOKEN, YES)


async def test_a_halt_stays_while_another_fault_of_its_token_is_open(
    funded: PostgresStore,
) -> None:
    fault = SubmitOutcome(SubmitKind.FAULT, None, "wrong id")
    first, second = [await copied(funded, name=name) for name in ("s1", "s2")]
    for intent in (first, second):
        await funded.fold(intent.order.order_hash, [fault], NOW)
    newest, oldest = [s.review_id for s in await funded.list_reviews(open_only=True, limit=9)]
    outcome = await funded.resolve_with(newest, CLEAR, later(60))
    assert outcome == NotResolved(f"another fault of its token is open: review {oldest}")
    assert isinstance(await funded.resolve_with(newest, Verdict("a", "b"), later(60)), Resolved)
    outcome = await funded.resolve_with(oldest, CLEAR, later(60))
    assert outcome == Resolved(oldest, halt_cleared=True, replay=None)


async def test_a_fault_that_comes_while_a_halt_is_cleared_halts_again(
    funded: PostgresStore,
) -> None:
    fault = SubmitOutcome(SubmitKind.FAULT, None, "wrong id")
    first, second = [await copied(funded, name=name) for name in ("s1", "s2")]
    await funded.fold(first.order.order_hash, [fault], NOW)
    review = await review_of(funded, ReviewKind.ORDER_FAULT)
    cleared, _ = await asyncio.gather(
        funded.resolve_with(review, CLEAR, later(60)),
        funded.fold(second.order.order_hash, [fault], later(60)),
    )
    assert await funded.clear_halt(HaltScope.TOKEN, YES), cleared


async def test_clearing_without_a_halt_says_so_and_is_done(funded: PostgresStore) -> None:
    review = await given_up(funded)
    outcome = await funded.resolve_with(review, CLEAR, later(60))
    assert outcome == Resolved(review, halt_cleared=False, replay=None)


async def test_a_refused_replay_clears_no_halt(funded: PostgresStore) -> None:
    await copied(funded, SubmitOutcome(SubmitKind.FAULT, None, "wrong id"))
    both = Verdict("ann", "go", clears_halt=True, replays=True)
    await refused_both(funded, both)
    assert await funded.clear_halt(HaltScope.TOKEN, YES)


async def refused_both(store: PostgresStore, both: Verdict) -> None:
    review = await review_of(store, ReviewKind.ORDER_FAULT)
    outcome = await store.resolve_with(review, both, later(60))
    assert isinstance(outcome, NotResolved)
    [stored] = await store.list_reviews(open_only=True, limit=10)
    assert stored.review_id == review


async def test_a_review_is_resolved_once(funded: PostgresStore) -> None:
    review = await given_up(funded)
    assert isinstance(await funded.resolve_with(review, Verdict("ann", "seen"), NOW), Resolved)
    outcome = await funded.resolve_with(review, AGAIN, later(60))
    assert outcome == NotResolved("resolved by ann at 2026-11-22 12:00:00 UTC")
    outcome = await funded.resolve_with(review + 7, AGAIN, later(60))
    assert outcome == NotResolved(f"expected the number of a review, found none with {review + 7}")


async def test_a_wallets_halt_is_not_the_reviews_to_clear(funded: PostgresStore) -> None:
    review = await given_up(funded)
    await funded.halt_entries(Halt(HaltScope.WALLET, funded.wallet or "", "a test", NOW))
    outcome = await funded.resolve_with(review, CLEAR, later(60))
    assert outcome == Resolved(review, halt_cleared=False, replay=None)
