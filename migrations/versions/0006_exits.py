"""Keeps how each exit was planned, and which positions a person holds."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE exits (
        position_id TEXT NOT NULL,
        exit_epoch INTEGER NOT NULL,
        reason TEXT NOT NULL,
        share NUMERIC(20, 8) NOT NULL,
        target NUMERIC(20, 6) NOT NULL,
        signal_ids TEXT[] NOT NULL,
        began_at TIMESTAMPTZ NOT NULL,
        ended_at TIMESTAMPTZ,
        CONSTRAINT pk_exits PRIMARY KEY (position_id, exit_epoch),
        CONSTRAINT fk_exits_position_id FOREIGN KEY (position_id)
            REFERENCES positions (position_id),
        CONSTRAINT ck_exits_share CHECK (share >= 0 AND share <= 1)
    )
    """,
    """
    CREATE TABLE position_holds (
        position_id TEXT NOT NULL,
        who TEXT NOT NULL,
        why TEXT NOT NULL,
        held_at TIMESTAMPTZ NOT NULL,
        CONSTRAINT pk_position_holds PRIMARY KEY (position_id),
        CONSTRAINT fk_position_holds_position_id FOREIGN KEY (position_id)
            REFERENCES positions (position_id)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
