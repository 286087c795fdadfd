from sqlalchemy import select

from storage.postgres import PostgresStore
from storage.reviews import ReviewKind
from storage.tables import events, halts
from tests.storage.builders import NOW, entry, later, reserved, trade
from trading.orders import Intent, Ruling, VenueOrder
from trading.submits import SubmitKind, SubmitOutcome
from trading.types import OrderState, Settlement, Shares

UNKNOWN = SubmitOutcome(SubmitKind.UNKNOWN, None, "HTTP 500")
GIVEN_UP = Ruling(OrderState.VOID, "quarantine over")


async def sent(store: PostgresStore, name: str = "s1#1") -> Intent:
    intent = await reserved(store, entry(name))
    assert await store.begin_sending(intent.order.order_hash, 1, NOW)
    return intent


async def kinds(store: PostgresStore) -> list[ReviewKind]:
    """Return what waits for a person, oldest first."""
    found = await store.list_reviews(open_only=True, limit=10)
    return [stored.review.kind for stored in reversed(found)]


async def paged(store: PostgresStore) -> list[str]:
    query = select(events.c.title).where(events.c.severity == "PAGE").order_by(events.c.event_id)
    async with store.transaction() as connection:
        return list((await connection.execute(query)).scalars())


async def test_every_new_fault_pages_whatever_its_name_and_an_order_is_reviewed_once(
    funded: PostgresStore,
) -> None:
    intent = await sent(funded)
    for words in ("b: wrong id", "a: wrong id", "b: wrong id"):
        fault = SubmitOutcome(SubmitKind.FAULT, None, words)
        await funded.fold(intent.order.order_hash, [fault], NOW)
    assert await paged(funded) == ["b: wrong id", "a: wrong id"]
    assert await kinds(funded) == [ReviewKind.ORDER_FAULT]
    async with funded.transaction() as connection:
        halted = (await connection.execute(select(halts.c.reason))).scalars().all()
    assert halted == ["b: wrong id"]


async def test_more_filled_than_asked_is_a_fault(funded: PostgresStore) -> None:
    intent = await sent(funded)
    trades = [trade(intent, "t1"), trade(intent, "t2", size="10")]
    await funded.fold(intent.order.order_hash, trades, NOW)
    assert await kinds(funded) == [ReviewKind.ORDER_FAULT]


async def test_what_was_given_up_is_reviewed_and_what_comes_after_all_pages(
    funded: PostgresStore,
) -> None:
    intent = await sent(funded)
    await funded.fold(intent.order.order_hash, [UNKNOWN, GIVEN_UP], NOW)
    assert await kinds(funded) == [ReviewKind.ORDER_GIVEN_UP]
    assert await paged(funded) == []
    await funded.fold(intent.order.order_hash, [trade(intent)], later(9))
    await funded.fold(intent.order.order_hash, [trade(intent, "t1")], later(10))
    assert await kinds(funded) == [ReviewKind.ORDER_GIVEN_UP, ReviewKind.ORDER_ADOPTED]
    assert await paged(funded) == ["booked after it was given up: MATCHED"]


async def test_what_never_left_us_needs_nobody(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    await funded.fold(intent.order.order_hash, [GIVEN_UP], NOW)
    assert await kinds(funded) == []


async def test_an_order_of_which_the_chain_refused_everything_is_reviewed_once(
    funded: PostgresStore,
) -> None:
    intent = await sent(funded)
    order_hash = intent.order.order_hash
    killed = VenueOrder(order_hash, OrderState.CANCELLED, Shares(trade(intent, size="40").size))
    refused = [trade(intent, n, size="20", settlement=Settlement.FAILED) for n in ("t1", "t2")]
    await funded.fold(order_hash, [killed, refused[0]], NOW)
    assert await kinds(funded) == []
    await funded.fold(order_hash, [refused[1]], later(1))
    await funded.fold(order_hash, [refused[1]], later(2))
    assert await kinds(funded) == [ReviewKind.SETTLEMENT_FAILED]
    [stored] = await funded.list_reviews(open_only=True, limit=10)
    assert stored.review.reason == "the chain refused all 40 shares"


async def test_a_part_that_the_chain_refused_needs_nobody(funded: PostgresStore) -> None:
    intent = await sent(funded)
    order_hash = intent.order.order_hash
    refused = trade(intent, "t1", size="20", settlement=Settlement.FAILED)
    await funded.fold(order_hash, [refused, trade(intent, "t2", size="80")], NOW)
    assert await kinds(funded) == []
