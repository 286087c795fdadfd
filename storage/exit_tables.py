"""The tables of exits as they were planned, and of positions that a person holds."""

from sqlalchemy import ARRAY, CheckConstraint, Column, ForeignKey, Integer, Table, Text

from storage.columns import MONEY, RATIO, TIME, metadata, need

exits = Table(
    "exits",
    metadata,
    Column("position_id", Text, ForeignKey("positions.position_id"), primary_key=True),
    Column("exit_epoch", Integer, primary_key=True),
    need("reason", Text),
    need("share", RATIO),
    need("target", MONEY),  # shares
    need("signal_ids", ARRAY(Text)),
    need("began_at", TIME),
    Column("ended_at", TIME),
    Column("lowest", MONEY),  # price; a person lets it go below the floor
    CheckConstraint("share >= 0 AND share <= 1", name="share"),
)

position_holds = Table(
    "position_holds",
    metadata,
    Column("position_id", Text, ForeignKey("positions.position_id"), primary_key=True),
    need("who", Text),
    need("why", Text),
    need("held_at", TIME),
)
