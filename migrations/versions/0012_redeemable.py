"""Counts positions that wait for their redemption among the active ones of their whale."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE OR REPLACE FUNCTION count_active_position() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        active CONSTANT TEXT[] := ARRAY['OPEN', 'EXITING', 'RESOLVED', 'REDEEMABLE'];
        step INTEGER := (NEW.status = ANY (active))::INTEGER;
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            step := step - (OLD.status = ANY (active))::INTEGER;
        END IF;
        IF step <> 0 THEN
            UPDATE whales SET active_positions = active_positions + step
            WHERE address = NEW.source_whale;
        END IF;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE OR REPLACE FUNCTION count_positions_of_whale() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE whales SET active_positions = (
            SELECT count(*) FROM positions WHERE source_whale = NEW.address
            AND status IN ('OPEN', 'EXITING', 'RESOLVED', 'REDEEMABLE')
        ) WHERE address = NEW.address;
        RETURN NULL;
    END
    $$
    """,
    """
    UPDATE whales SET active_positions = (
        SELECT count(*) FROM positions WHERE source_whale = whales.address
        AND status IN ('OPEN', 'EXITING', 'RESOLVED', 'REDEEMABLE')
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
