"""Notes on every whale fill which signal it became part of, so that a restart can go on."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE trades ADD COLUMN signal_id TEXT
    """,
    # Of what is stored already nobody can say whether it was signalled: it is not traded again.
    """
    UPDATE trades SET signal_id = 'before 0003'
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
