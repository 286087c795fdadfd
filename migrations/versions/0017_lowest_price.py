"""Keeps how far below the floor a person lets an exit go."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE exits ADD COLUMN lowest NUMERIC(20, 6)")
