"""The tables of how well the feeds told what whales did: coverage by day, and silences."""

from sqlalchemy import BigInteger, Column, Date, Identity, Index, Integer, Table, Text

from storage.columns import TIME, metadata, need

feed_coverage = Table(
    "feed_coverage",
    metadata,
    Column("day", Date, primary_key=True),
    Column("feed", Text, primary_key=True),
    need("trades", Integer),
    need("told", Integer),
    need("audited_at", TIME),
)

feed_silences = Table(
    "feed_silences",
    metadata,
    Column("silence_id", BigInteger, Identity(), primary_key=True),
    need("feed", Text),
    need("since", TIME),
    need("noticed_at", TIME),
    Column("ended_at", TIME),
)
Index(
    "uq_feed_silences_open",
    feed_silences.c.feed,
    unique=True,
    postgresql_where=feed_silences.c.ended_at.is_(None),
)
