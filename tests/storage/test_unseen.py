from datetime import timedelta

from sqlalchemy import select

from storage.postgres import PostgresStore
from storage.reviews import ReviewKind
from storage.tables import events
from storage.watch_port import UnseenPrices
from tests.storage.builders import NOW
from trading.types import PositionId

UNSEEN = UnseenPrices(2, (PositionId("a"), PositionId("b")), NOW - timedelta(minutes=1), NOW)


async def test_unseen_prices_page_once_and_wait_for_a_person(store: PostgresStore) -> None:
    assert await store.open_unseen(UNSEEN)
    assert not await store.open_unseen(UNSEEN)
    [found] = await store.list_reviews(open_only=True, limit=10)
    assert found.review.kind is ReviewKind.PRICES_UNSEEN
    assert found.review.reason.startswith("no price of 2 positions was seen since ")
    assert found.evidence == {"positions": "2", "some": "a, b"}
    assert await _events(store) == [("prices_unseen", "PAGE")]


async def test_prices_that_are_seen_again_leave_the_review_queue(store: PostgresStore) -> None:
    assert not await store.close_unseen(NOW)
    await store.open_unseen(UNSEEN)
    assert await store.close_unseen(NOW)
    assert await store.list_reviews(open_only=True, limit=10) == []
    assert await store.open_unseen(UNSEEN)
    assert [kind for kind, _ in await _events(store)] == [
        "prices_unseen",
        "review_resolved",
        "prices_unseen",
    ]


async def _events(store: PostgresStore) -> list[tuple[str, str]]:
    async with store.transaction() as connection:
        query = select(events.c.type, events.c.severity).order_by(events.c.event_id)
        return [(row.type, row.severity) for row in await connection.execute(query)]
