"""The tables of whales' stakes: moves without a trade, snapshots, and the shares we owe to them."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Integer, Table, Text

from storage.columns import MONEY, RATIO, TIME, metadata, need, zero

whale_moves = Table(
    "whale_moves",
    metadata,
    Column("move_id", BigInteger, Identity(), primary_key=True),
    need("wallet", Text),
    need("kind", Text),
    need("condition_id", Text),
    need("token_id", Text),  # empty: every token of the market
    need("size", MONEY),
    need("transaction_hash", Text),
    zero("ordinal", Integer),  # among equal rows of one answer
    need("timestamp", TIME),
    need("seen_at", TIME),
    CheckConstraint("size > 0", name="size"),
)
Index(
    "uq_whale_moves_row",
    whale_moves.c.transaction_hash,
    whale_moves.c.wallet,
    whale_moves.c.kind,
    whale_moves.c.condition_id,
    whale_moves.c.token_id,
    whale_moves.c.size,
    whale_moves.c.ordinal,
    unique=True,
)
Index("ix_whale_moves_wallet_condition_id", whale_moves.c.wallet, whale_moves.c.condition_id)

whale_held = Table(
    "whale_held",
    metadata,
    Column("wallet", Text, primary_key=True),
    Column("token_id", Text, primary_key=True),
    Column("timestamp", TIME, primary_key=True),  # when it had last changed
    need("size", MONEY),
    need("seen_at", TIME),
)

mirrors = Table(
    "mirrors",
    metadata,
    Column("signal_id", Text, primary_key=True),
    need("position_id", Text),
    need("share", RATIO),  # of what the requests before it leave
    need("held", MONEY),
    need("target", MONEY),
    need("asked_at", TIME),
    CheckConstraint("share >= 0 AND share <= 1", name="share"),
)
Index("ix_mirrors_position_id", mirrors.c.position_id)
