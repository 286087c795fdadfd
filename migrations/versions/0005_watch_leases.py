"""Keeps who watches prices, and that a person wants no trailing stop."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE watch_leases (
        wallet TEXT NOT NULL,
        shard INTEGER NOT NULL,
        holder TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        renewed_at TIMESTAMPTZ NOT NULL,
        CONSTRAINT pk_watch_leases PRIMARY KEY (wallet, shard)
    )
    """,
    """
    ALTER TABLE positions ADD COLUMN is_trailing_off BOOLEAN NOT NULL DEFAULT false
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
