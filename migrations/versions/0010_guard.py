"""Keeps tripped breakers, people's words about them, and who holds the kill switch."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE breaker_trips (
        wallet TEXT NOT NULL,
        breaker TEXT NOT NULL,
        key TEXT NOT NULL,
        reason TEXT NOT NULL,
        tripped_at TIMESTAMPTZ NOT NULL,
        until TIMESTAMPTZ NOT NULL,
        CONSTRAINT pk_breaker_trips PRIMARY KEY (wallet, breaker, key)
    )
    """,
    """
    CREATE TABLE breaker_overrides (
        wallet TEXT NOT NULL,
        breaker TEXT NOT NULL,
        key TEXT NOT NULL,
        who TEXT NOT NULL,
        why TEXT NOT NULL,
        overridden_at TIMESTAMPTZ NOT NULL,
        until TIMESTAMPTZ NOT NULL,
        CONSTRAINT pk_breaker_overrides PRIMARY KEY (wallet, breaker, key)
    )
    """,
    """
    CREATE TABLE kills (
        source TEXT NOT NULL,
        place TEXT NOT NULL,
        who TEXT NOT NULL,
        why TEXT NOT NULL,
        pulled_at TIMESTAMPTZ NOT NULL,
        closes_all BOOLEAN NOT NULL DEFAULT false,
        CONSTRAINT pk_kills PRIMARY KEY (source, place)
    )
    """,
    """
    ALTER TABLE breakers ADD COLUMN paused_at TIMESTAMPTZ
    """,
    """
    UPDATE breakers SET paused_at = changed_at WHERE paused_until IS NOT NULL
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
