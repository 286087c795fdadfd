"""Keeps what is set and known for one whale alone, and all inputs of a decision."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE whale_overrides (
        wallet TEXT NOT NULL,
        sizing_mode TEXT,
        fixed_notional NUMERIC(20, 6),
        percent NUMERIC(20, 8),
        proportional_share NUMERIC(20, 8),
        position_max NUMERIC(20, 6),
        market_max NUMERIC(20, 6),
        whale_max NUMERIC(20, 6),
        price_min NUMERIC(20, 6),
        price_max NUMERIC(20, 6),
        whale_notional_min NUMERIC(20, 6),
        categories TEXT[] NOT NULL DEFAULT '{}',
        who TEXT NOT NULL,
        why TEXT NOT NULL,
        set_at TIMESTAMPTZ NOT NULL,
        CONSTRAINT pk_whale_overrides PRIMARY KEY (wallet),
        CONSTRAINT fk_whale_overrides_wallet_whales
            FOREIGN KEY (wallet) REFERENCES whales (address),
        CONSTRAINT ck_whale_overrides_sizing_mode
            CHECK (sizing_mode IN ('FIXED', 'PERCENT', 'PROPORTIONAL', 'KELLY')),
        CONSTRAINT ck_whale_overrides_fixed_notional CHECK (fixed_notional > 0),
        CONSTRAINT ck_whale_overrides_percent CHECK (percent > 0 AND percent <= 1),
        CONSTRAINT ck_whale_overrides_proportional_share CHECK (proportional_share > 0),
        CONSTRAINT ck_whale_overrides_position_max CHECK (position_max > 0),
        CONSTRAINT ck_whale_overrides_market_max CHECK (market_max > 0),
        CONSTRAINT ck_whale_overrides_whale_max CHECK (whale_max > 0),
        CONSTRAINT ck_whale_overrides_band CHECK (price_min < price_max),
        CONSTRAINT ck_whale_overrides_price_min CHECK (price_min > 0 AND price_min < 1),
        CONSTRAINT ck_whale_overrides_price_max CHECK (price_max > 0 AND price_max < 1),
        CONSTRAINT ck_whale_overrides_whale_notional_min CHECK (whale_notional_min > 0),
        CONSTRAINT ck_whale_overrides_categories CHECK (cardinality(categories) <= 20)
    )
    """,
    """
    CREATE TABLE whale_scores (
        wallet TEXT NOT NULL,
        scored_at TIMESTAMPTZ NOT NULL,
        quality_score NUMERIC(20, 8) NOT NULL,
        score_error NUMERIC(20, 8) NOT NULL,
        win_rate NUMERIC(20, 8) NOT NULL,
        mean_return NUMERIC(20, 8) NOT NULL,
        return_error NUMERIC(20, 8) NOT NULL,
        return_low NUMERIC(20, 8) NOT NULL,
        has_evidence BOOLEAN NOT NULL DEFAULT false,
        closed_trades INTEGER NOT NULL DEFAULT 0,
        volume NUMERIC(20, 6) NOT NULL DEFAULT 0,
        CONSTRAINT pk_whale_scores PRIMARY KEY (wallet, scored_at),
        CONSTRAINT fk_whale_scores_wallet_whales FOREIGN KEY (wallet) REFERENCES whales (address)
    )
    """,
    """
    CREATE TABLE whale_edges (
        wallet TEXT NOT NULL,
        edge NUMERIC(20, 8) NOT NULL,
        deviation NUMERIC(20, 8) NOT NULL,
        trades INTEGER NOT NULL,
        since TIMESTAMPTZ NOT NULL,
        judged_at TIMESTAMPTZ,
        their_trades INTEGER NOT NULL DEFAULT 0,
        their_mean NUMERIC(20, 8) NOT NULL DEFAULT 0,
        their_level NUMERIC(20, 8) NOT NULL DEFAULT 0,
        their_bar NUMERIC(20, 8) NOT NULL DEFAULT 0,
        our_trades INTEGER NOT NULL DEFAULT 0,
        our_mean NUMERIC(20, 8) NOT NULL DEFAULT 0,
        our_level NUMERIC(20, 8) NOT NULL DEFAULT 0,
        our_bar NUMERIC(20, 8) NOT NULL DEFAULT 0,
        CONSTRAINT pk_whale_edges PRIMARY KEY (wallet),
        CONSTRAINT fk_whale_edges_wallet_whales FOREIGN KEY (wallet) REFERENCES whales (address),
        CONSTRAINT ck_whale_edges_deviation CHECK (deviation > 0)
    )
    """,
    "ALTER TABLE markets ADD COLUMN categories TEXT[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE decisions ADD COLUMN inputs TEXT",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
