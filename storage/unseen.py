"""Prices that nobody sees: a page, and a place in the review queue until they are seen again."""

from datetime import datetime

from sqlalchemy import select

from storage.database import Database
from storage.reviews import Closing, Review, ReviewKind, close_review, open_review
from storage.tables import reviews
from storage.watch_port import UnseenPrices

OURSELVES = "whalecopy"
SEEN_AGAIN = "SEEN_AGAIN"


async def open_unseen(db: Database, unseen: UnseenPrices) -> bool:
    """Page about prices that nobody sees; return False when that is under review already."""
    reason = (
        f"no price of {unseen.count} positions was seen since {unseen.since:%H:%M:%S} UTC: their "
        "levels fire on nothing; look at the market and at our connection to it"
    )
    known = {"positions": str(unseen.count), "some": ", ".join(unseen.position_ids)}
    subject = _subject(db)
    review = Review(ReviewKind.PRICES_UNSEEN, reason, unseen.at, about=subject, known=known)
    async with db.transaction() as connection:
        return await open_review(connection, review)


async def close_unseen(db: Database, now: datetime) -> bool:
    """Take it off the review queue: all prices are seen again; return False when none was."""
    query = select(reviews.c.review_id).where(
        reviews.c.kind == ReviewKind.PRICES_UNSEEN,
        reviews.c.subject == _subject(db),
        reviews.c.resolved_at.is_(None),
    )
    closing = Closing(OURSELVES, "every price is seen again", now, SEEN_AGAIN)
    async with db.transaction() as connection:
        found = (await connection.execute(query)).scalars().all()
        for review_id in found:
            await close_review(connection, review_id, closing)
    return bool(found)


def _subject(db: Database) -> str:
    return f"prices of {db.wallet or 'every wallet'}"
