"""The tables of what stops entries: tripped breakers, people's words about them, the switch."""

from sqlalchemy import Boolean, Column, Table, Text, text

from storage.columns import TIME, metadata, need

breaker_trips = Table(
    "breaker_trips",
    metadata,
    Column("wallet", Text, primary_key=True),
    Column("breaker", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # a market or a whale; empty: all of the wallet
    need("reason", Text),
    need("tripped_at", TIME),
    need("until", TIME),
)

breaker_overrides = Table(
    "breaker_overrides",
    metadata,
    Column("wallet", Text, primary_key=True),
    Column("breaker", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # empty: whatever its key
    need("who", Text),
    need("why", Text),
    need("overridden_at", TIME),
    need("until", TIME),
)

kills = Table(
    "kills",
    metadata,
    Column("source", Text, primary_key=True),
    Column("place", Text, primary_key=True),  # of a file: where it lies
    need("who", Text),
    need("why", Text),
    need("pulled_at", TIME),
    Column("closes_all", Boolean, nullable=False, server_default=text("false")),
)
