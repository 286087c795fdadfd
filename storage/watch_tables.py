"""The table of who watches the prices of what we hold."""

from sqlalchemy import Column, Integer, Table, Text

from storage.columns import TIME, metadata, need

watch_leases = Table(
    "watch_leases",
    metadata,
    Column("wallet", Text, primary_key=True),
    Column("shard", Integer, primary_key=True),
    need("holder", Text),  # empty: given back
    need("epoch", Integer),
    need("renewed_at", TIME),
)
