"""The table of entries that a throttle refused."""

from sqlalchemy import BigInteger, Column, Identity, Index, Table, Text

from storage.columns import TIME, metadata, need

throttled = Table(
    "throttled",
    metadata,
    Column("throttled_id", BigInteger, Identity(), primary_key=True),
    need("wallet", Text),
    need("token_id", Text),
    need("control", Text),
    need("wanted", Text),
    need("cap", Text),
    need("timestamp", TIME),
    Index("ix_throttled_wallet_timestamp", "wallet", "timestamp"),
)
