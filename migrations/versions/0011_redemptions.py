"""Keeps redemptions before they are sent, so that a repeat sends the same transaction."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE redemption_sendings (
        redemption_id TEXT NOT NULL,
        wallet TEXT NOT NULL,
        condition_id TEXT NOT NULL,
        request TEXT NOT NULL,
        state TEXT NOT NULL,
        sends INTEGER DEFAULT 0 NOT NULL,
        handle TEXT DEFAULT '' NOT NULL,
        error TEXT DEFAULT '' NOT NULL,
        created_at TIMESTAMPTZ NOT NULL,
        sent_at TIMESTAMPTZ,
        ended_at TIMESTAMPTZ,
        CONSTRAINT pk_redemption_sendings PRIMARY KEY (redemption_id),
        CONSTRAINT ck_redemption_sendings_ended CHECK ((state = 'OPEN') = (ended_at IS NULL))
    )
    """,
    """
    CREATE UNIQUE INDEX uq_redemption_sendings_open ON redemption_sendings (wallet)
    WHERE state = 'OPEN'
    """,
    """
    CREATE INDEX ix_redemption_sendings_condition
    ON redemption_sendings (wallet, condition_id, created_at)
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
