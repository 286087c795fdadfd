"""The tables of our own trades: intents, orders, fills, positions, limits and the ledger."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
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

from storage.columns import MONEY, TIME, UINT256, metadata, need, off, zero

LATENCY = Numeric(14, 3)

positions = Table(
    "positions",
    metadata,
    Column("position_id", Text, primary_key=True),
    need("user_address", Text),
    need("source_whale", Text),
    need("condition_id", Text),
    need("token_id", Text),
    need("n", Integer),
    need("status", Text),
    zero("size", MONEY),  # every fill that the chain has not refused
    zero("settled_size", MONEY),  # confirmed fills only
    zero("settled_cost", MONEY),  # of these shares, without fees
    Column("avg_entry_price", MONEY),
    zero("exposure", MONEY),
    zero("fees", MONEY),
    zero("realised_pnl", MONEY),
    Column("current_price", MONEY),
    Column("last_pnl_update", TIME),
    Column("stop_loss_price", MONEY),
    Column("take_profit_price", MONEY),
    Column("trailing_stop_price", MONEY),
    Column("high_water_price", MONEY),
    off("is_trailing_off"),  # by a person
    zero("exit_epoch", Integer),
    Column("exit_reason", Text),
    Column("payout", MONEY),
    need("opened_at", TIME),
    Column("closed_at", TIME),
    off("is_counted"),  # in the breakers' losses in a row
    UniqueConstraint("user_address", "source_whale", "token_id", "n"),
    CheckConstraint("exposure >= 0", name="exposure"),
)
OVER = text("status NOT IN ('CLOSED', 'REDEEMED')")
Index("ix_positions_user_address_status", positions.c.user_address, positions.c.status)
Index("ix_positions_condition_id_status", positions.c.condition_id, positions.c.status)
Index("ix_positions_held", positions.c.user_address, postgresql_where=text("settled_size > 0"))
Index("ix_positions_open_tokens", positions.c.token_id, postgresql_where=OVER)
Index(
    "uq_positions_open",
    positions.c.user_address,
    positions.c.source_whale,
    positions.c.token_id,
    unique=True,
    postgresql_where=OVER,
)

intents = Table(
    "intents",
    metadata,
    Column("intent_id", Text, primary_key=True),
    Column("signal_id", Text, index=True),
    Column("position_id", Text, ForeignKey("positions.position_id"), nullable=False),
    need("attempt", Integer),
    need("exit_epoch", Integer),
    Column("exit_reason", Text),
    need("condition_id", Text),
    need("whale", Text),
    need("order_type", Text),
    need("size", MONEY),
    need("price", MONEY),
    need("cost_max", MONEY),
    need("reference_price", MONEY),
    need("created_at", TIME),
    need("expires_at", TIME),
    need("retry_until", TIME),
    Column("order_hash", Text, nullable=False, unique=True),
    need("maker", Text),
    need("signer", Text),
    need("token_id", Text),
    need("side", Text),
    need("maker_amount", BigInteger),  # micro-units
    need("taker_amount", BigInteger),
    need("signature_type", Integer),
    need("salt", UINT256),
    need("timestamp_ms", BigInteger),
    need("protocol", Text),
    need("neg_risk", Boolean),
    need("expiration_s", BigInteger),
)
Index("ix_intents_position_id", intents.c.position_id)
Index("ix_intents_recent", intents.c.maker, intents.c.created_at)
Index(
    "uq_intents_exit",
    intents.c.position_id,
    intents.c.exit_epoch,
    intents.c.attempt,
    unique=True,
    postgresql_where=text("side = 'SELL'"),
)

orders = Table(
    "orders",
    metadata,
    Column("order_id", Text, primary_key=True),  # the order's hash
    Column("intent_id", Text, ForeignKey("intents.intent_id"), nullable=False, unique=True),
    need("position_id", Text),
    need("user_address", Text),
    need("attempt", Integer),
    need("side", Text),
    need("type", Text),
    need("token_id", Text),
    need("price", MONEY),
    need("size", MONEY),
    zero("size_matched", MONEY),
    zero("filled_size", MONEY),
    Column("avg_fill_price", MONEY),
    need("status", Text),
    need("source_whale", Text),
    Column("execution_latency_ms", LATENCY),
    zero("posts", Integer),
    Column("retry_count", Integer, Computed("greatest(posts - 1, 0)", persisted=True)),
    Column("error", Text, nullable=False, server_default=""),
    off("had_unknown"),
    off("adopted"),
    Column("faults", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    off("is_done"),
    zero("version", Integer),  # rises with every change of what is known
    Column("applied_version", Integer, nullable=False, server_default=text("-1")),
    Column("sending_epoch", Integer),
    Column("first_sent_at", TIME),
    need("created_at", TIME),
    need("updated_at", TIME),
    Column("released_at", TIME),
)
UNRESOLVED = text("NOT is_done OR applied_version < version")
Index("ix_orders_status_created_at", orders.c.status, orders.c.created_at.desc())
Index("ix_orders_source_whale_created_at", orders.c.source_whale, orders.c.created_at.desc())
Index("ix_orders_position_id", orders.c.position_id)
Index("ix_orders_unresolved", orders.c.created_at, postgresql_where=UNRESOLVED)

order_evidence = Table(
    "order_evidence",
    metadata,
    Column("evidence_id", BigInteger, Identity(), primary_key=True),
    Column("order_id", Text, ForeignKey("orders.order_id"), nullable=False, index=True),
    need("kind", Text),
    need("text", Text),
    need("timestamp", TIME),
)

fills = Table(
    "fills",
    metadata,
    Column("trade_id", Text, primary_key=True),
    Column("order_id", Text, ForeignKey("orders.order_id"), primary_key=True, index=True),
    need("token_id", Text),
    need("side", Text),
    need("size", MONEY),
    need("cost", MONEY),
    need("fee", MONEY),
    need("settlement", Text),
    need("matched_at", TIME),
    need("transaction_hash", Text),
    need("is_taker", Boolean),
    need("seen_at", TIME),
    Column("settled_at", TIME),  # when we learned that the chain had spoken
    Column("position_id", Text, index=True),  # where it is booked; late ones may find a new home
)
PENDING = text("settlement NOT IN ('CONFIRMED', 'FAILED')")
Index("ix_fills_pending", fills.c.order_id, postgresql_where=PENDING)

reservations = Table(
    "reservations",
    metadata,
    Column("intent_id", Text, ForeignKey("intents.intent_id"), primary_key=True),
    need("wallet", Text),
    need("whale", Text),
    need("condition_id", Text),
    need("position_id", Text),
    need("reserved", MONEY),
    need("wallet_used_after", MONEY),
    need("wallet_cap_then", MONEY),
    need("whale_used_after", MONEY),
    need("whale_cap_then", MONEY),
    need("market_used_after", MONEY),
    need("market_cap_then", MONEY),
    need("position_used_after", MONEY),
    need("position_cap_then", MONEY),
    need("reserved_at", TIME),
    Column("released_at", TIME),
    CheckConstraint("reserved > 0", name="reserved"),
    CheckConstraint("wallet_used_after <= wallet_cap_then", name="wallet"),
    CheckConstraint("whale_used_after <= whale_cap_then", name="whale"),
    CheckConstraint("market_used_after <= market_cap_then", name="market"),
    CheckConstraint("position_used_after <= position_cap_then", name="position"),
)
Index("ix_reservations_open", reservations.c.wallet, postgresql_where=text("released_at IS NULL"))

offers = Table(
    "offers",
    metadata,
    Column("intent_id", Text, ForeignKey("intents.intent_id"), primary_key=True),
    Column("position_id", Text, nullable=False, index=True),
    need("offered", MONEY),
    zero("sold", MONEY),  # confirmed, and so no longer held
    need("offered_after", MONEY),
    need("settled_then", MONEY),
    need("offered_at", TIME),
    Column("released_at", TIME),
    CheckConstraint("offered > 0", name="offered"),
    CheckConstraint("offered_after <= settled_then", name="held"),
)

limits = Table(
    "limits",
    metadata,
    Column("wallet", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    zero("used", MONEY),
    CheckConstraint("used >= 0", name="used"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("entry_id", BigInteger, Identity(), primary_key=True),
    need("wallet", Text),
    need("kind", Text),
    need("ref", Text),  # trade id and order hash, position id, or the deposit's own
    Column("order_id", Text, index=True),
    Column("position_id", Text, index=True),
    need("cash", MONEY),  # positive came in
    need("timestamp", TIME),
    UniqueConstraint("wallet", "kind", "ref"),
)

redemptions = Table(
    "redemptions",
    metadata,
    Column("position_id", Text, ForeignKey("positions.position_id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    need("size", MONEY),
    need("payout", MONEY),
    need("timestamp", TIME),
)

daily_pnl = Table(
    "daily_pnl",
    metadata,
    Column("position_id", Text, ForeignKey("positions.position_id"), primary_key=True),
    Column("day", Date, primary_key=True),  # UTC, of the confirmation
    need("wallet", Text),
    need("pnl", MONEY),
)
Index("ix_daily_pnl_wallet_day", daily_pnl.c.wallet, daily_pnl.c.day)
