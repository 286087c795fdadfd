"""Keeps with a wallet's lease which build its newest worker is."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE leases ADD COLUMN build TEXT NOT NULL DEFAULT ''")
