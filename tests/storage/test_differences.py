from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import select

from storage.breakers import HaltScope
from storage.clearing import list_halts
from storage.difference_tables import differences
from storage.differences import describe
from storage.port import Event, StorageError
from storage.postgres import PostgresStore
from storage.reconcile_port import Foreigner, Judged
from storage.reviews import ReviewKind, prove_now
from storage.tables import events
from tests.storage.builders import (
    NOW,
    WALLET,
    YES,
    entry,
    later,
    order_hash,
    price,
    reserved,
    usd,
)
from trading.reconcile import BookKind, Reading, Span, Subject, Verdict, observe
from trading.rules import ReconcileRules, RiskRules

RULES = ReconcileRules()
TOKEN = Subject(BookKind.TOKEN, YES)
CASH = Subject(BookKind.CASH, WALLET)


def reading(theirs: str, subject: Subject = TOKEN) -> Reading:
    return Reading(subject, usd(100), usd(theirs), Span(), price("0.5"))


async def take(store: PostgresStore, read: Reading, now: datetime) -> Verdict:
    """Judge one reading as the reconciler does."""
    finding = observe((await store.load_suspicions()).get(read.subject), read, now, RULES)
    await store.record_findings([Judged(read, finding)], RULES, now)
    return finding.verdict


async def take_all(store: PostgresStore, read: Reading, seconds: int = 60) -> list[Verdict]:
    return [await take(store, read, later(n)) for n in range(0, seconds + 1, 10)]


async def told(store: PostgresStore) -> Sequence[Event]:
    async with store.transaction() as connection:
        rows = (await connection.execute(select(events).order_by(events.c.event_id))).mappings()
        return [Event(r["type"], r["severity"], r["title"], r["timestamp"]) for r in rows]


async def halts(store: PostgresStore) -> list[tuple[HaltScope, str]]:
    return [(halt.scope, halt.key) for halt in await list_halts(store)]


async def test_a_suspicion_comes_back_as_it_was_kept_and_ends_as_resolved(
    store: PostgresStore,
) -> None:
    await take(store, reading("90"), NOW)
    await take(store, reading("90"), later(5))
    (kept,) = (await store.load_suspicions()).values()
    assert kept.reading == reading("90")
    assert (kept.first_at, kept.last_at, kept.reads) == (NOW, later(5), 2)
    assert kept.gap == Span(usd(-10), usd(-10))
    assert [e.type for e in await told(store)] == ["books_differ"]
    assert await take(store, reading("100"), later(10)) is Verdict.GONE
    assert await store.load_suspicions() == {}
    assert [e.type for e in await told(store)] == ["books_differ", "books_agree_again"]
    async with store.transaction() as connection:
        ended = (await connection.execute(select(differences.c.ended_at))).scalars().all()
    assert ended == [later(10)]


async def test_one_stale_read_is_told_to_nobody(store: PostgresStore) -> None:
    assert await take(store, reading("100"), NOW) is Verdict.EQUAL
    assert await store.load_suspicions() == {}
    await take(store, reading("90"), NOW)
    await take(store, reading("100"), later(5))
    await take(store, reading("90"), later(10))
    assert await told(store) == []


async def test_shares_that_differ_for_a_minute_halt_their_token_and_page_above_five_percent(
    store: PostgresStore,
) -> None:
    assert await take_all(store, reading("90")) == [
        Verdict.SUSPECTED,
        Verdict.AGREED,
        *[Verdict.STANDS] * 4,
        Verdict.HALT,
    ]
    assert await halts(store) == [(HaltScope.TOKEN, YES)]
    assert [(e.type, e.severity) for e in await told(store)] == [
        ("books_differ", "WARNING"),
        ("entries_halted", "PAGE"),
        ("books_far_apart", "PAGE"),
    ]
    (stored,) = await store.list_reviews(open_only=True, limit=10)
    assert (stored.review.kind, stored.review.token_id) == (ReviewKind.BOOKS_FAR_APART, YES)
    assert stored.evidence["unexplained"] == "-10"
    assert stored.review.subject == YES
    assert await prove_now(store, stored.review) == {}


async def test_cash_that_differs_a_little_halts_the_wallet_and_pages_nobody(
    store: PostgresStore,
) -> None:
    await take_all(store, reading("99", CASH))
    assert await halts(store) == [(HaltScope.WALLET, WALLET)]
    assert {e.severity for e in await told(store)} == {"WARNING", "ERROR"}
    (stored,) = await store.list_reviews(open_only=True, limit=10)
    assert stored.review.kind is ReviewKind.BOOKS_DIFFER


async def test_a_halt_stays_when_its_difference_goes_and_is_not_set_again_once_cleared(
    store: PostgresStore,
) -> None:
    await take_all(store, reading("90"))
    await store.clear_halt(HaltScope.TOKEN, YES)
    assert await take(store, reading("90"), later(65)) is Verdict.STANDS
    assert await halts(store) == []
    await take_all(store, reading("80"), 130)
    assert await halts(store) == [(HaltScope.TOKEN, YES)]
    assert await take(store, reading("100"), later(140)) is Verdict.GONE
    assert await halts(store) == [(HaltScope.TOKEN, YES)]


async def test_an_order_that_differs_halts_its_token(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry("s1#1"))
    await take_all(funded, reading("90", Subject(BookKind.ORDER, intent.order.order_hash)))
    assert await halts(funded) == [(HaltScope.TOKEN, YES)]
    await take_all(funded, reading("90", Subject(BookKind.ORDER, order_hash("strange"))))
    assert (HaltScope.WALLET, WALLET) in await halts(funded), "of no token that we know"


async def test_a_foreign_order_halts_all_entries_and_is_told_once(store: PostgresStore) -> None:
    strange = Foreigner(order_hash("strange"), "resting on the book", YES)
    assert await store.record_foreigner(strange, NOW)
    assert not await store.record_foreigner(strange, later(10))
    assert await halts(store) == [(HaltScope.WALLET, WALLET)]
    (halt,) = await list_halts(store)
    assert halt.reason.startswith("FOREIGN_ORDER")
    (stored,) = await store.list_reviews(open_only=True, limit=10)
    assert (stored.review.kind, stored.review.about) == (
        ReviewKind.FOREIGN_ORDER,
        order_hash("strange"),
    )
    assert [e.severity for e in await told(store)] == ["PAGE"]
    await store.resolve_review(stored.review_id, "ann", "mine", later(20))
    assert not await store.record_foreigner(strange, later(30)), "a person has seen it"


def test_differences_are_told_in_one_line() -> None:
    assert describe(reading("99.5", CASH)) == "cash differs by $-0.5: ours 100, the venue's 99.5"
    assert describe(reading("90")).endswith("ours 100, the venue's 90, $5.00")
    assert "one side's book only" in describe(replace(reading("0"), subject=_order()))


def _order() -> Subject:
    return Subject(BookKind.ORDER, order_hash("a"))


async def test_a_store_of_all_wallets_keeps_no_differences(database_url: str) -> None:
    store = PostgresStore(database_url, RiskRules())
    with pytest.raises(StorageError, match="one wallet"):
        await store.load_suspicions()
    await store.close()
