"""The tables of profit and loss: running balances, and every change with its cause."""

from sqlalchemy import BigInteger, Column, Identity, Index, Table, Text, text

from storage.columns import MONEY, TIME, metadata, need, zero

balances = Table(  # kept by a trigger on the ledger, in its entry's own transaction
    "balances",
    metadata,
    Column("wallet", Text, primary_key=True),
    zero("cash", MONEY),
    zero("deposits", MONEY),
    zero("entries", BigInteger),
)

pnl_changes = Table(  # append-only
    "pnl_changes",
    metadata,
    Column("change_id", BigInteger, Identity(), primary_key=True),
    need("wallet", Text),
    Column("position_id", Text),
    need("cause", Text),  # of storage.trail.Cause
    need("ref", Text),  # the ledger's, or what the change began with
    Column("trade_id", Text),
    Column("order_id", Text),
    need("cash_before", MONEY),
    need("cash_after", MONEY),
    zero("size_before", MONEY),
    zero("size_after", MONEY),
    zero("settled_size_before", MONEY),
    zero("settled_size_after", MONEY),
    Column("entry_price_before", MONEY),
    Column("entry_price_after", MONEY),
    zero("settled_cost_before", MONEY),
    zero("settled_cost_after", MONEY),
    zero("fees_before", MONEY),
    zero("fees_after", MONEY),
    zero("realised_pnl_before", MONEY),
    zero("realised_pnl_after", MONEY),
    Column("mark_price", MONEY),  # at that time
    need("timestamp", TIME),
)
Index("ix_pnl_changes_position_id", pnl_changes.c.position_id)
Index(
    "uq_pnl_changes_trade",
    pnl_changes.c.position_id,
    pnl_changes.c.trade_id,
    pnl_changes.c.order_id,
    pnl_changes.c.cause,
    unique=True,
    postgresql_where=text("trade_id IS NOT NULL"),
)
