"""Shows what the records know of the feeds, and the events; nothing here is changed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, select, text

from storage.database import Database
from storage.tables import events
from storage.view_trades import read_event
from storage.views import EventRow, FeedRow

FEED_CURSOR = "feed/"
"""Cursors of this prefix tell, in ISO 8601, when the feed named after it last spoke."""
FEEDS = ("account", "chain", "data_api", "prices", "rtds")
FEEDS_MAX = 50
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

_FEEDS = text(
    """
    WITH heard AS (
        SELECT substr(name, length(:prefix) + 1) AS feed, position
        FROM cursors WHERE starts_with(name, :prefix)
    ), stored AS (
        SELECT lower(source) AS feed, max(seen_at) AS stored_at,
            count(*) FILTER (WHERE seen_at > :hour_ago) AS stored_last_hour
        FROM trades WHERE seen_at > :day_ago GROUP BY source
        UNION ALL
        SELECT 'prices', max(last_pnl_update), NULL FROM positions
        WHERE status NOT IN ('CLOSED', 'REDEEMED')
    ), refused AS (
        SELECT DISTINCT ON (feed) feed, why, timestamp, count(*) OVER (PARTITION BY feed) AS n
        FROM quarantine WHERE timestamp > :day_ago
        ORDER BY feed, timestamp DESC, quarantine_id DESC
    ), named AS (
        SELECT unnest(CAST(:feeds AS text[])) AS feed
        UNION SELECT feed FROM heard UNION SELECT feed FROM stored UNION SELECT feed FROM refused
    )
    SELECT named.feed, heard.position AS heard_at, stored.stored_at, stored.stored_last_hour,
        coalesce(refused.n, 0) AS refused, refused.why, refused.timestamp AS refused_at,
        CASE named.feed
            WHEN 'prices' THEN EXISTS (
                SELECT FROM positions WHERE status NOT IN ('CLOSED', 'REDEEMED')
            )
            WHEN 'account' THEN EXISTS (SELECT FROM orders WHERE NOT is_done)
            ELSE true
        END AS is_awaited
    FROM named
    LEFT JOIN heard USING (feed) LEFT JOIN stored USING (feed) LEFT JOIN refused USING (feed)
    ORDER BY named.feed
    LIMIT :most
    """
)


async def list_feeds(db: Database, now: datetime) -> Sequence[FeedRow]:
    """Return what is known of the feeds, by name; those that we always have are always there."""
    question = {
        "prefix": FEED_CURSOR,
        "feeds": list(FEEDS),
        "hour_ago": now - HOUR,
        "day_ago": now - DAY,
        "most": FEEDS_MAX,
    }
    async with db.transaction() as connection:
        rows = (await connection.execute(_FEEDS, question)).mappings().all()
    return [_read_feed(row) for row in rows]


async def list_event_rows(db: Database, limit: int) -> Sequence[EventRow]:
    """Return events, newest first."""
    query = select(events).order_by(events.c.timestamp.desc(), events.c.event_id.desc())
    async with db.transaction() as connection:
        rows = (await connection.execute(query.limit(limit))).mappings().all()
    return [EventRow(row["event_id"], read_event(row)) for row in rows]


def _read_feed(row: RowMapping) -> FeedRow:
    return FeedRow(
        feed=row["feed"],
        last_heard_at=_read_time(row["heard_at"]),
        last_stored_at=row["stored_at"],
        stored_last_hour=row["stored_last_hour"],
        refused_last_day=row["refused"],
        last_refusal=row["why"],
        last_refused_at=row["refused_at"],
        is_awaited=row["is_awaited"],
    )


def _read_time(position: str | None) -> datetime | None:
    """Read when a feed last spoke; what is no aware time is unknown."""
    try:
        at = datetime.fromisoformat(position or "")
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
