"""The table of redemptions on their way to the chain."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table, Text, text

from storage.columns import TIME, metadata, need, zero

redemption_sendings = Table(
    "redemption_sendings",
    metadata,
    Column("redemption_id", Text, primary_key=True),
    need("wallet", Text),
    need("condition_id", Text),
    need("request", Text),
    need("state", Text),
    zero("sends", Integer),
    Column("handle", Text, nullable=False, server_default=""),
    Column("error", Text, nullable=False, server_default=""),
    need("created_at", TIME),
    Column("sent_at", TIME),
    Column("ended_at", TIME),
    CheckConstraint("(state = 'OPEN') = (ended_at IS NULL)", name="ended"),
)
Index(
    "uq_redemption_sendings_open",
    redemption_sendings.c.wallet,
    unique=True,
    postgresql_where=text("state = 'OPEN'"),
)
Index(
    "ix_redemption_sendings_condition",
    redemption_sendings.c.wallet,
    redemption_sendings.c.condition_id,
    redemption_sendings.c.created_at,
)
