"""The tables of what is set and known for one whale alone: overrides, scores, and its edge."""

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    Table,
    Text,
    text,
)

from storage.columns import MONEY, RATIO, TIME, metadata, need, off, zero

whale_overrides = Table(
    "whale_overrides",
    metadata,
    Column("wallet", Text, ForeignKey("whales.address"), primary_key=True),
    Column("sizing_mode", Text),
    Column("fixed_notional", MONEY),
    Column("percent", RATIO),
    Column("proportional_share", RATIO),
    Column("position_max", MONEY),
    Column("market_max", MONEY),
    Column("whale_max", MONEY),
    Column("price_min", MONEY),
    Column("price_max", MONEY),
    Column("whale_notional_min", MONEY),
    Column("categories", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    need("who", Text),
    need("why", Text),
    need("set_at", TIME),
    CheckConstraint(
        "sizing_mode IN ('FIXED', 'PERCENT', 'PROPORTIONAL', 'KELLY')", name="sizing_mode"
    ),
    CheckConstraint("fixed_notional > 0", name="fixed_notional"),
    CheckConstraint("percent > 0 AND percent <= 1", name="percent"),
    CheckConstraint("proportional_share > 0", name="proportional_share"),
    CheckConstraint("position_max > 0", name="position_max"),
    CheckConstraint("market_max > 0", name="market_max"),
    CheckConstraint("whale_max > 0", name="whale_max"),
    CheckConstraint("price_min < price_max", name="band"),
    CheckConstraint("price_min > 0 AND price_min < 1", name="price_min"),
    CheckConstraint("price_max > 0 AND price_max < 1", name="price_max"),
    CheckConstraint("whale_notional_min > 0", name="whale_notional_min"),
    CheckConstraint("cardinality(categories) <= 20", name="categories"),
)

whale_scores = Table(  # append-only, one row a scoring
    "whale_scores",
    metadata,
    Column("wallet", Text, ForeignKey("whales.address"), primary_key=True),
    Column("scored_at", TIME, primary_key=True),
    need("quality_score", RATIO),
    need("score_error", RATIO),
    need("win_rate", RATIO),
    need("mean_return", RATIO),
    need("return_error", RATIO),
    need("return_low", RATIO),
    off("has_evidence"),
    zero("closed_trades", Integer),
    zero("volume", MONEY),
)

whale_edges = Table(
    "whale_edges",
    metadata,
    Column("wallet", Text, ForeignKey("whales.address"), primary_key=True),
    need("edge", RATIO),  # mean result in deviations, when the watch began
    need("deviation", RATIO),
    need("trades", Integer),
    need("since", TIME),  # what closed later is watched
    Column("judged_at", TIME),
    zero("their_trades", Integer),
    zero("their_mean", RATIO),
    zero("their_level", RATIO),
    zero("their_bar", RATIO),
    zero("our_trades", Integer),
    zero("our_mean", RATIO),
    zero("our_level", RATIO),
    zero("our_bar", RATIO),
    CheckConstraint("deviation > 0", name="deviation"),
)
