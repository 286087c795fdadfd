"""Counts who told of whales' trades, day by day, and keeps the alarms of silent feeds."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from storage.database import Database
from storage.events import insert_event
from storage.feed_port import FAST, FeedCoverage, FeedSilence
from storage.feed_tables import feed_coverage, feed_silences
from storage.lane import QuickDatabase
from storage.port import Event
from storage.statements import Statement

SETTLED = timedelta(minutes=2)
"""Younger trades are not counted yet: the slowest feed may still tell of them."""

_COUNT = Statement(
    """
    SELECT count(*) AS trades, count(*) FILTER (WHERE chain) AS chain,
        count(*) FILTER (WHERE rtds) AS rtds, count(*) FILTER (WHERE data_api) AS data_api,
        count(*) FILTER (WHERE chain OR rtds) AS fast
    FROM (
        SELECT bool_or(source = 'CHAIN') AS chain, bool_or(source = 'RTDS') AS rtds,
            bool_or(source = 'DATA_API') AS data_api
        FROM trades JOIN whales ON address = trader_address
        WHERE seen_at >= :begin AND timestamp >= :begin AND timestamp < :end
            AND timestamp >= first_seen AND NOT removed
        GROUP BY transaction_hash, trader_address, token_id, side
    ) AS told
    """
)


async def audit_feeds(db: QuickDatabase, day: date, now: datetime) -> Sequence[FeedCoverage]:
    """Count a day's trades by who told of them, keep the figures, and return them.

    What a wallet did before it was first known, and what the chain took back, is nobody's fault.
    """
    begin = datetime.combine(day, time(), UTC)
    end = min(begin + timedelta(days=1), now - SETTLED)
    row = await db.lane.row(_COUNT, begin=begin, end=end)
    assert row is not None, "a count is always one row"
    found = [
        FeedCoverage(day, feed, row["trades"], row[feed])
        for feed in ("chain", "data_api", FAST, "rtds")
    ]
    async with db.transaction() as connection:
        for each in found:
            counted = {"trades": each.trades, "told": each.told, "audited_at": now}
            kept = insert(feed_coverage).values(day=day, feed=each.feed, **counted)
            await connection.execute(
                kept.on_conflict_do_update(index_elements=("day", "feed"), set_=counted)
            )
    return found


async def list_coverage(db: Database, day: date) -> Sequence[FeedCoverage]:
    """Return a day's figures, by feed; none before the first audit of that day."""
    columns = feed_coverage.c
    query = select(columns.feed, columns.trades, columns.told).where(columns.day == day)
    async with db.transaction() as connection:
        rows = (await connection.execute(query.order_by(columns.feed))).all()
    return [FeedCoverage(day, row.feed, row.trades, row.told) for row in rows]


async def begin_silence(db: Database, feed: str, since: datetime, now: datetime) -> bool:
    """Raise the alarm that a feed is silent, with an event; False when it was raised before."""
    row = insert(feed_silences).values(feed=feed, since=since, noticed_at=now)
    async with db.transaction() as connection:
        if not (await connection.execute(row.on_conflict_do_nothing())).rowcount:
            return False
        title = f"{feed} has been silent since {since:%H:%M:%S} UTC"
        await insert_event(connection, _event("feed_silent", "WARNING", title, feed, now))
    return True


async def end_silence(db: Database, feed: str, now: datetime) -> bool:
    """Close a feed's alarm, with an event; False when there was none."""
    is_open = (feed_silences.c.feed == feed) & feed_silences.c.ended_at.is_(None)
    async with db.transaction() as connection:
        ended = await connection.execute(update(feed_silences).where(is_open).values(ended_at=now))
        if not ended.rowcount:
            return False
        await insert_event(
            connection, _event("feed_heard", "INFO", f"{feed} is heard again", feed, now)
        )
    return True


async def list_silences(db: Database) -> Sequence[FeedSilence]:
    """Return the feeds that are silent now, by name."""
    columns = feed_silences.c
    query = select(columns.feed, columns.since).where(columns.ended_at.is_(None))
    async with db.transaction() as connection:
        rows = (await connection.execute(query.order_by(columns.feed))).all()
    return [FeedSilence(row.feed, row.since) for row in rows]


def _event(kind: str, severity: str, title: str, feed: str, now: datetime) -> Event:
    return Event(type=kind, severity=severity, title=title, at=now, ids={"feed": feed})
