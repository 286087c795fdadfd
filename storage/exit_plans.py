"""Exits as they were planned, what their orders sold, pages about them, and holds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database, storable
from storage.events import insert_event
from storage.exit_port import ExitPage, ExitPlan, Hold, SaleOrder
from storage.exit_tables import exits
from storage.lane import QuickDatabase
from storage.reviews import Closing, Review, ReviewKind, close_review, event_of, open_review
from storage.statements import Statement
from storage.tables import events, reviews
from trading.types import ExitReason, OrderHash, OrderState, PositionId, Price, Shares, SignalId

OURSELVES = "whalecopy"
ENDED = "ENDED"

_FIX = Statement(
    """
    INSERT INTO exits AS known
        (position_id, exit_epoch, reason, share, target, signal_ids, began_at, lowest)
    VALUES (:position_id, :exit_epoch, :reason, :share, :target, :signal_ids, :began_at, :lowest)
    ON CONFLICT (position_id, exit_epoch) DO UPDATE SET reason = known.reason
    RETURNING *
    """
)
_LOWER = Statement(
    """
    UPDATE exits SET lowest = :lowest WHERE position_id = :position_id AND ended_at IS NULL
    AND coalesce(lowest, 1) > :lowest
    """
)
_LOWEST = Statement(
    "SELECT lowest FROM exits WHERE position_id = :position_id AND exit_epoch = :epoch"
)
_ANSWERED = Statement(
    """
    SELECT DISTINCT unnest(signal_ids) AS signal_id FROM exits
    WHERE position_id = :position_id AND exit_epoch < :epoch
    """
)
_SALES = Statement(
    """
    SELECT o.order_id, o.attempt, o.status, o.error, o.posts > 0 AS was_sent,
        (NOT o.is_done OR o.applied_version < o.version) AS is_unresolved,
        greatest(coalesce(sums.live, 0), o.size_matched - coalesce(sums.failed, 0)) AS matched
    FROM intents AS i
    JOIN orders AS o ON o.intent_id = i.intent_id
    LEFT JOIN LATERAL (
        SELECT sum(f.size) FILTER (WHERE f.settlement <> 'FAILED') AS live,
            sum(f.size) FILTER (WHERE f.settlement = 'FAILED') AS failed
        FROM fills AS f WHERE f.order_id = o.order_id
    ) AS sums ON true
    WHERE i.position_id = :position_id AND i.exit_epoch = :epoch AND i.side = 'SELL'
    ORDER BY i.created_at, i.attempt
    """
)
_HOLD = Statement(
    """
    INSERT INTO position_holds (position_id, who, why, held_at)
    VALUES (:position_id, :who, :why, :held_at)
    ON CONFLICT (position_id) DO UPDATE SET
        who = excluded.who, why = excluded.why, held_at = excluded.held_at
    """
)
_RELEASE = Statement("DELETE FROM position_holds WHERE position_id = :position_id")
_HELD = Statement("SELECT * FROM position_holds WHERE position_id = :position_id")


async def fix_exit(db: QuickDatabase, plan: ExitPlan) -> ExitPlan:
    """Store the plan of an exit unless it has one; return the one that stands."""
    rows = await db.lane.rows(
        _FIX,
        position_id=plan.position_id,
        exit_epoch=plan.exit_epoch,
        reason=plan.reason,
        share=plan.share,
        target=plan.target,
        signal_ids=list(plan.signal_ids),
        began_at=plan.began_at,
        lowest=plan.lowest,
    )
    (row,) = rows
    return ExitPlan(
        position_id=PositionId(row["position_id"]),
        exit_epoch=row["exit_epoch"],
        reason=ExitReason(row["reason"]),
        share=row["share"],
        target=Shares(row["target"]),
        began_at=row["began_at"],
        signal_ids=tuple(SignalId(signal_id) for signal_id in row["signal_ids"]),
        lowest=None if row["lowest"] is None else Price(row["lowest"]),
    )


async def lower_exit(db: QuickDatabase, position_id: PositionId, lowest: Price) -> None:
    """Let the exit that runs go down to a price, if one runs and may not go as low yet."""
    await db.lane.rows(_LOWER, position_id=position_id, lowest=lowest)


async def find_lowest(db: QuickDatabase, position_id: PositionId, epoch: int) -> Price | None:
    """Return the price down to which a person lets an exit go; None: down to the floor."""
    row = await db.lane.row(_LOWEST, position_id=position_id, epoch=epoch)
    return None if row is None or row["lowest"] is None else Price(row["lowest"])


async def list_answered(
    db: QuickDatabase, position_id: PositionId, epoch: int
) -> Sequence[SignalId]:
    """Return the whale's sales that exits of a position before this one have answered."""
    rows = await db.lane.rows(_ANSWERED, position_id=position_id, epoch=epoch)
    return sorted(SignalId(row["signal_id"]) for row in rows)


async def list_sales(db: QuickDatabase, position_id: PositionId, epoch: int) -> Sequence[SaleOrder]:
    """Return the orders of all attempts of one exit, oldest first."""
    return [
        SaleOrder(
            order_hash=OrderHash(row["order_id"]),
            attempt=row["attempt"],
            state=OrderState(row["status"]),
            matched=Shares(row["matched"]),
            error=row["error"],
            is_unresolved=row["is_unresolved"],
            was_sent=row["was_sent"],
        )
        for row in await db.lane.rows(_SALES, position_id=position_id, epoch=epoch)
    ]


async def page_exit(db: Database, page: ExitPage) -> None:
    """Page about an exit that is not done, once for each name.

    It stands in the review queue from the first page until it is resolved or the exit ends.
    """
    key = f"exit-stuck/{page.position_id}/{page.exit_epoch}/{page.name}"
    reason = f"exit {page.exit_epoch} is not done, {page.name}: {page.words}"
    review = Review(ReviewKind.EXIT_STUCK, reason, page.at, position_id=page.position_id)
    async with db.transaction() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(key))))
        known = select(func.count()).where(events.c.ids.contains({"key": key}))
        if (await connection.execute(known)).scalar_one():
            return
        event = event_of(review)
        if await open_review(connection, review):  # which pages: this one says that it has
            event = replace(event, type="exit_paged", severity="INFO")
        await insert_event(connection, replace(event, ids={**event.ids, "key": key}))


async def end_plan(connection: AsyncConnection, position_id: PositionId, now: datetime) -> None:
    """Note that a position's exit is over, and take it off the review queue."""
    row = update(exits).where(exits.c.position_id == position_id, exits.c.ended_at.is_(None))
    await connection.execute(row.values(ended_at=now))
    query = select(reviews.c.review_id).where(
        reviews.c.kind == ReviewKind.EXIT_STUCK,
        reviews.c.position_id == position_id,
        reviews.c.resolved_at.is_(None),
    )
    for review_id in (await connection.execute(query)).scalars().all():
        closing = Closing(OURSELVES, "the exit has ended", now, ENDED)
        await close_review(connection, review_id, closing)


async def hold_position(db: QuickDatabase, hold: Hold) -> None:
    """Keep a hold; a newer one takes the place of an older one."""
    await db.lane.rows(
        _HOLD,
        position_id=hold.position_id,
        who=storable(hold.who),
        why=storable(hold.why),
        held_at=hold.held_at,
    )


async def release_position(db: QuickDatabase, position_id: PositionId) -> None:
    """Forget the hold of a position."""
    await db.lane.rows(_RELEASE, position_id=position_id)


async def find_hold(db: QuickDatabase, position_id: PositionId) -> Hold | None:
    """Return the hold of a position, None when nobody holds it."""
    row = await db.lane.row(_HELD, position_id=position_id)
    if row is None:
        return None
    return Hold(PositionId(row["position_id"]), row["who"], row["why"], row["held_at"])
