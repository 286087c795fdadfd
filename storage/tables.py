"""The tables of what is seen, decided and kept about the world; `book_tables` has our trades."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB

from storage.columns import MONEY, RATIO, TIME, metadata, need, off, zero

whales = Table(
    "whales",
    metadata,
    Column("address", Text, primary_key=True),
    need("pseudonym", Text),
    zero("total_volume", MONEY),
    zero("total_trades", Integer),
    zero("active_positions", Integer),  # kept by a trigger on `positions`
    zero("closed_trades", Integer),
    need("win_rate", RATIO),
    need("quality_score", RATIO),
    Column("roi", RATIO),
    Column("sharpe_ratio", RATIO),
    Column("max_drawdown", RATIO),
    Column("profit_factor", RATIO),
    Column("rank", Integer),
    need("is_active", Boolean),  # followed
    off("is_paused"),
    off("is_invented"),
    need("first_seen", TIME),
    need("last_active", TIME),
)

markets = Table(
    "markets",
    metadata,
    Column("condition_id", Text, primary_key=True),
    need("question", Text),
    need("slug", Text),
    need("outcomes", ARRAY(Text)),
    need("token_ids", ARRAY(Text)),
    need("version", Text),
    need("neg_risk", Boolean),
    need("tick_size", MONEY),
    need("min_size", MONEY),
    need("fee_rate", RATIO),
    need("fee_exponent", Integer),
    Column("end_date", TIME),
    need("active", Boolean),
    need("closed", Boolean),
    need("accepts_orders", Boolean),
    Column("liquidity", MONEY),
    Column("volume", MONEY),
    Column("payouts", ARRAY(Numeric(20, 6))),
    Column("categories", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    need("saved_at", TIME),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("condition_id", Text, ForeignKey("markets.condition_id"), nullable=False, index=True),
    need("outcome", Text),  # for display only
)

trades = Table(
    "trades",
    metadata,
    Column("trade_id", BigInteger, Identity(), primary_key=True),
    need("trader_address", Text),
    Column("condition_id", Text),
    need("token_id", Text),
    need("side", Text),
    need("size", MONEY),
    need("price", MONEY),
    need("transaction_hash", Text),
    Column("log_index", Integer),
    Column("block_number", BigInteger),
    Column("order_hash", Text),
    Column("is_taker", Boolean),
    need("source", Text),
    zero("ordinal", Integer),  # among identical fills of a source without log indexes
    need("timestamp", TIME),
    need("seen_at", TIME),
    off("removed"),
    Column("followed", Boolean, nullable=False, server_default=text("true")),
    Column("skip_reason", Text),
    Column("signal_id", Text),  # what it became part of, whether or not it told anything new
    CheckConstraint("size > 0", name="size"),
)
Index("ix_trades_trader_address_timestamp", trades.c.trader_address, trades.c.timestamp.desc())
Index("ix_trades_holding", trades.c.trader_address, trades.c.token_id, trades.c.timestamp)
Index("ix_trades_recent", trades.c.seen_at.desc())
trade_log_key = Index(
    "uq_trades_log",
    trades.c.transaction_hash,
    trades.c.log_index,
    trades.c.trader_address,
    trades.c.source,
    unique=True,
    postgresql_where=trades.c.log_index.is_not(None),
)
trade_row_key = Index(
    "uq_trades_row",
    trades.c.transaction_hash,
    trades.c.trader_address,
    trades.c.token_id,
    trades.c.side,
    trades.c.size,
    trades.c.price,
    trades.c.ordinal,
    trades.c.source,
    unique=True,
    postgresql_where=trades.c.log_index.is_(None),
)

signals = Table(
    "signals",
    metadata,
    Column("signal_id", Text, primary_key=True),
    need("wallet", Text),
    need("token_id", Text),
    need("side", Text),
    need("size", MONEY),
    need("price", MONEY),
    need("fill_count", Integer),
    need("traded_at", TIME),
    need("detected_at", TIME),
    need("source", Text),
    need("transaction_hash", Text),
    need("state", Text),
    need("committed_at", TIME),
    Column("claimed_by", Text),
    Column("claimed_until", TIME),
    Column("finished_at", TIME),
    Column("refusal_reason", Text),
    Column("refusal_numbers", JSON),
    Column("replays_signal_id", Text),  # what it decides anew, when a person asked for that
)
Index(
    "ix_signals_waiting",
    signals.c.committed_at,
    signals.c.signal_id,
    postgresql_where=signals.c.state == text("'WAITING'"),
)
Index("ix_signals_recent", signals.c.committed_at.desc())
Index(
    "ix_signals_replays_signal_id",
    signals.c.replays_signal_id,
    postgresql_where=signals.c.replays_signal_id.is_not(None),
)

decisions = Table(
    "decisions",
    metadata,
    Column("signal_id", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    need("verdict", JSON),  # not JSONB: the figures keep the order in which they were computed
    Column("inputs", Text),  # all that it was made from, to make it again
    need("decided_at", TIME),
)

events = Table(
    "events",
    metadata,
    Column("event_id", BigInteger, Identity(), primary_key=True),
    need("type", Text),
    need("severity", Text),
    need("title", Text),
    need("ids", JSONB),
    need("metadata", JSON),
    need("timestamp", TIME),
)
Index("ix_events_timestamp", events.c.timestamp.desc())
Index("ix_events_ids", events.c.ids, postgresql_using="gin")

quarantine = Table(
    "quarantine",
    metadata,
    Column("quarantine_id", BigInteger, Identity(), primary_key=True),
    need("feed", Text),
    need("why", Text),
    need("payload", Text),
    need("timestamp", TIME),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    need("position", Text),
    need("saved_at", TIME),
)

leases = Table(
    "leases",
    metadata,
    Column("wallet", Text, primary_key=True),
    need("holder", Text),
    need("epoch", Integer),
    need("acquired_at", TIME),
    need("expires_at", TIME),
    Column("build", Text, nullable=False, server_default=""),  # of the worker that came last
)

breakers = Table(
    "breakers",
    metadata,
    Column("wallet", Text, primary_key=True),
    zero("losses_in_row", Integer),
    Column("paused_at", TIME),
    Column("paused_until", TIME),
    need("changed_at", TIME),
)

halts = Table(
    "halts",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    need("reason", Text),
    need("halted_at", TIME),
)

equity = Table(
    "equity",
    metadata,
    Column("equity_id", BigInteger, Identity(), primary_key=True),
    need("wallet", Text),
    need("cash", MONEY),
    need("bid_value", MONEY),
    need("deposits", MONEY),
    need("pnl_peak", MONEY),  # of cash plus bid value minus deposits, never below zero
    need("timestamp", TIME),
    need("minute", TIME),  # one sample a minute, the last
    UniqueConstraint("wallet", "minute"),
)
Index("ix_equity_wallet_timestamp", equity.c.wallet, equity.c.timestamp.desc())
Index("ix_equity_wallet_pnl_peak", equity.c.wallet, equity.c.pnl_peak)

reviews = Table(
    "reviews",
    metadata,
    Column("review_id", BigInteger, Identity(), primary_key=True),
    need("kind", Text),
    need("severity", Text),
    need("subject", Text),  # the order's hash, the signal or the position that it is about
    Column("order_hash", Text),
    Column("signal_id", Text),
    Column("position_id", Text),
    Column("token_id", Text),
    need("reason", Text),
    need("evidence", JSON),  # as it was when it was opened
    need("opened_at", TIME),
    Column("resolved_at", TIME),
    Column("resolved_by", Text),
    Column("resolution", Text),
    Column("note", Text),
    CheckConstraint(
        "(resolved_at IS NULL) = (resolved_by IS NULL)"
        " AND (resolved_at IS NULL) = (resolution IS NULL)"
        " AND (resolved_at IS NULL) = (note IS NULL)",
        name="resolved",
    ),
)
Index(
    "uq_reviews_open",
    reviews.c.kind,
    reviews.c.subject,
    unique=True,
    postgresql_where=reviews.c.resolved_at.is_(None),
)
