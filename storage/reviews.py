"""The review queue: what a person must look at, with the evidence as it was at the time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from sqlalchemy import RowMapping, Select, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.book_tables import intents, positions
from storage.database import Database, storable
from storage.events import insert_event
from storage.port import Event, StorageError
from storage.review_evidence import Proof, prove_exit, prove_order, prove_signal
from storage.tables import reviews, signals
from storage.view_labels import LABELS, join_labels, read_token_label
from storage.views import TokenLabel
from trading.types import OrderHash, PositionId, SignalId, TokenId

CHANNEL = "reviews"
PAGE = "PAGE"


class ReviewKind(StrEnum):
    """Why a person must look."""

    ORDER_FAULT = "ORDER_FAULT"
    """An impossible transition, another order's id, more filled than asked: its token is halted."""
    ORDER_ADOPTED = "ORDER_ADOPTED"
    """It was booked after it had been given up."""
    ORDER_GIVEN_UP = "ORDER_GIVEN_UP"
    """Sent, and seen nowhere until the quarantine was over."""
    SETTLEMENT_FAILED = "SETTLEMENT_FAILED"
    """It was matched, and the chain refused every trade: nothing was got."""
    VENUE_REJECTED = "VENUE_REJECTED"
    """The venue refused a signal's order."""
    EXIT_STUCK = "EXIT_STUCK"
    """A position cannot be left."""
    BOOKS_DIFFER = "BOOKS_DIFFER"
    """Our books and the venue's differ, and nothing explains it: its token or wallet is halted."""
    BOOKS_FAR_APART = "BOOKS_FAR_APART"
    """The same, by more than 5 % of the position or the cash."""
    FOREIGN_ORDER = "FOREIGN_ORDER"
    """An order in our wallet's name that no intent of ours explains: all entries are halted."""
    PRICES_UNSEEN = "PRICES_UNSEEN"
    """No price of some positions is seen, neither by stream nor by asking: no level can fire."""

    @property
    def severity(self) -> str:
        """Return how urgent it is, as of an event."""
        match self:
            case ReviewKind.ORDER_FAULT | ReviewKind.ORDER_ADOPTED | ReviewKind.EXIT_STUCK:
                return PAGE
            case ReviewKind.BOOKS_FAR_APART | ReviewKind.FOREIGN_ORDER | ReviewKind.PRICES_UNSEEN:
                return PAGE
            case ReviewKind.SETTLEMENT_FAILED | ReviewKind.BOOKS_DIFFER:
                return "ERROR"
            case ReviewKind.ORDER_GIVEN_UP | ReviewKind.VENUE_REJECTED:
                return "WARNING"
        assert_never(self)


@dataclass(frozen=True, slots=True)
class Review:
    """What a person must look at, about an order, else a signal, else a position.

    Where it is about none of ours, `about` says what, and `known` is what is known of it.
    """

    kind: ReviewKind
    reason: str
    opened_at: datetime
    order_hash: OrderHash | None = None
    signal_id: SignalId | None = None
    position_id: PositionId | None = None
    token_id: TokenId | None = None
    about: str | None = None
    known: Proof | None = None

    @property
    def subject(self) -> str:
        """Return what it is about; a kind is open once for each."""
        subject = self.order_hash or self.signal_id or self.position_id or self.about
        assert subject is not None, f"expected {self.kind} to be about something"
        return subject


@dataclass(frozen=True, slots=True)
class StoredReview:
    """A review with its number, and how it was resolved once it was."""

    review_id: int
    review: Review
    token: TokenLabel | None
    evidence: Proof
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    resolution: str | None = None
    note: str | None = None


async def open_review(connection: AsyncConnection, review: Review) -> bool:
    """Put something before a person, in the transaction of what it tells of.

    Copies what is on record of it, and pages when it is urgent. Return False, and do nothing,
    when the same is open already.
    """
    if await _is_open(connection, review):
        return False
    if review.about is None:
        review = await _complete(connection, review)
    row = insert(reviews).values(
        kind=review.kind,
        severity=review.kind.severity,
        subject=review.subject,
        order_hash=review.order_hash,
        signal_id=review.signal_id,
        position_id=review.position_id,
        token_id=review.token_id,
        reason=storable(review.reason),
        evidence=await _prove(connection, review),
        opened_at=review.opened_at,
    )
    is_new = bool((await connection.execute(row.on_conflict_do_nothing())).rowcount)
    if is_new and review.kind.severity == PAGE:
        await insert_event(connection, event_of(review))
    return is_new


def event_of(review: Review) -> Event:
    """Return the event that pages about a review."""
    ids = {
        "order_hash": review.order_hash,
        "signal_id": review.signal_id,
        "position_id": review.position_id,
        "token_id": review.token_id,
    }
    return Event(
        type=review.kind.lower(),
        severity=review.kind.severity,
        title=review.reason,
        at=review.opened_at,
        ids={name: found for name, found in ids.items() if found is not None},
    )


async def list_reviews(db: Database, *, open_only: bool, limit: int) -> Sequence[StoredReview]:
    """Return reviews, newest first."""
    query = _reviews().order_by(reviews.c.opened_at.desc(), reviews.c.review_id.desc())
    if open_only:
        query = query.where(reviews.c.resolved_at.is_(None))
    async with db.transaction() as connection:
        rows = (await connection.execute(query.limit(limit))).mappings().all()
    return [_read(row) for row in rows]


async def load_review(db: Database, review_id: int) -> StoredReview | None:
    """Return one review."""
    async with db.transaction() as connection:
        query = _reviews().where(reviews.c.review_id == review_id)
        row = (await connection.execute(query)).mappings().one_or_none()
    return _read(row) if row is not None else None


async def prove_now(db: Database, review: Review) -> Proof:
    """Copy what is on record now of what a review is about."""
    async with db.transaction() as connection:
        return await _prove(connection, review)


async def resolve_review(db: Database, review_id: int, who: str, note: str, now: datetime) -> bool:
    """Take a review off the queue; False when it is not there or was resolved before."""
    async with db.transaction() as connection:
        return await close_review(connection, review_id, Closing(who, note, now))


@dataclass(frozen=True, slots=True)
class Closing:
    """Who resolves a review, what they say of it, and what was done with it."""

    who: str
    note: str
    at: datetime
    resolution: str = "SEEN"


async def close_review(connection: AsyncConnection, review_id: int, closing: Closing) -> bool:
    """Take a review off the queue, with an event; False when it is not on it."""
    is_on_it = (reviews.c.review_id == review_id) & reviews.c.resolved_at.is_(None)
    row = (
        update(reviews)
        .where(is_on_it)
        .values(
            resolved_at=closing.at,
            resolved_by=storable(closing.who),
            resolution=storable(closing.resolution),
            note=storable(closing.note),
        )
        .returning(reviews)
    )
    closed = (await connection.execute(row)).mappings().one_or_none()
    if closed is None:
        return False
    event = replace(
        event_of(read_review(closed)),
        type="review_resolved",
        severity="INFO",
        title=f"{closed['kind']} resolved by {closing.who}: {closing.note}",
        at=closing.at,
        metadata={"review_id": str(review_id), "resolution": closing.resolution},
    )
    await insert_event(connection, event)
    return True


def read_review(row: RowMapping) -> Review:
    """Read what a row of `reviews` is about."""
    is_ours = row["order_hash"] or row["signal_id"] or row["position_id"]
    return Review(
        kind=ReviewKind(row["kind"]),
        reason=row["reason"],
        opened_at=row["opened_at"],
        order_hash=row["order_hash"],
        signal_id=row["signal_id"],
        position_id=row["position_id"],
        token_id=row["token_id"],
        about=None if is_ours else row["subject"],
    )


def _reviews() -> Select[object]:
    whale = select(signals.c.wallet).where(signals.c.signal_id == reviews.c.signal_id)
    source = join_labels(reviews, reviews.c.token_id, whale.scalar_subquery())
    return select(reviews, *LABELS).select_from(source)


def _read(row: RowMapping) -> StoredReview:
    token_id = row["token_id"]
    return StoredReview(
        review_id=row["review_id"],
        review=read_review(row),
        token=None if token_id is None else read_token_label(row, token_id),
        evidence=row["evidence"],
        resolved_at=row["resolved_at"],
        resolved_by=row["resolved_by"],
        resolution=row["resolution"],
        note=row["note"],
    )


async def _is_open(connection: AsyncConnection, review: Review) -> bool:
    same = (reviews.c.kind == review.kind) & (reviews.c.subject == review.subject)
    query = select(reviews.c.review_id).where(same, reviews.c.resolved_at.is_(None))
    return (await connection.execute(query)).scalar_one_or_none() is not None


async def _complete(connection: AsyncConnection, review: Review) -> Review:
    """Add the ids that follow from the one it is about."""
    if review.order_hash is not None:
        about = select(intents.c.signal_id, intents.c.position_id, intents.c.token_id).where(
            intents.c.order_hash == review.order_hash
        )
    elif review.signal_id is not None:
        about = select(signals.c.token_id).where(signals.c.signal_id == review.signal_id)
    else:
        about = select(positions.c.token_id).where(positions.c.position_id == review.position_id)
    found = (await connection.execute(about)).mappings().one_or_none()
    if found is None:
        raise StorageError(f"expected {review.subject} for a review, found none")
    return replace(review, **found)


async def _prove(connection: AsyncConnection, review: Review) -> Proof:
    if review.order_hash is not None:
        return await prove_order(connection, review.order_hash)
    if review.signal_id is not None:
        return await prove_signal(connection, review.signal_id)
    if review.about is not None:
        return review.known or {}
    assert review.position_id is not None, f"expected {review.kind} to be about something"
    return await prove_exit(connection, review.position_id)
