"""The table of differences between our books and the venue's."""

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Table, Text

from storage.columns import MONEY, TIME, metadata, need

differences = Table(
    "differences",
    metadata,
    Column("difference_id", BigInteger, Identity(), primary_key=True),
    need("wallet", Text),
    need("kind", Text),  # cash, a token, an order
    need("key", Text),  # the wallet, the token id, the order's hash
    need("ours", MONEY),  # dollars or shares, by the newest read that counted
    need("theirs", MONEY),
    need("slack_low", MONEY),  # what pending work may explain
    need("slack_high", MONEY),
    Column("price", MONEY),
    need("gap_low", MONEY),  # the difference is within these by all reads
    need("gap_high", MONEY),
    need("reads", Integer),
    need("first_at", TIME),
    need("last_at", TIME),
    Column("halted_at", TIME),
    Column("ended_at", TIME),  # it went away by itself
)
Index(
    "uq_differences_open",
    differences.c.wallet,
    differences.c.kind,
    differences.c.key,
    unique=True,
    postgresql_where=differences.c.ended_at.is_(None),
)
