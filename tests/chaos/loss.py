"""A day that is lost in the middle of the load: entries must stop at once, and exits go on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from storage.database import plain_url
from tests.chaos.audit import Violation
from tests.chaos.books import Books

LOST = "chaos/lost"
_BOOK = """
    INSERT INTO positions (position_id, user_address, source_whale, condition_id, token_id, n,
        status, opened_at, closed_at)
    VALUES ($1, $2, 'chaos', 'chaos', 'chaos', 1, 'CLOSED', now(), now())
"""
_LOSE = """
    INSERT INTO daily_pnl (position_id, day, wallet, pnl)
    SELECT $1, day, $2, -20000000 FROM unnest($3::date[]) AS day
"""
_FORGET = (
    "DELETE FROM daily_pnl WHERE position_id = $1",
    "DELETE FROM positions WHERE position_id = $1",
)


@dataclass(frozen=True, slots=True)
class Loss:
    """When the day was lost, and what was sent after it."""

    lost_at: datetime
    entries: tuple[str, ...] = ()
    exits: tuple[str, ...] = ()

    def seen_in(self, books: Books) -> "Loss":
        """Return this with what the venue got of orders that were first sent after it."""
        booked = {order.order_id for order in books.venue_orders}
        late = [
            order
            for order in books.orders
            if order.order_id in booked
            and order.first_sent_at is not None
            and order.first_sent_at > self.lost_at
        ]
        entries = tuple(order.order_id for order in late if order.is_entry)
        return Loss(self.lost_at, entries, tuple(o.order_id for o in late if not o.is_entry))

    def violations(self) -> Sequence[Violation]:
        """Return what must not be: an entry after the loss, or no exit at all."""
        found = []
        if self.entries:
            text = f"{len(self.entries)} entries were sent after the day was lost"
            found.append(Violation("L1", text, self.entries))
        if not self.exits:
            found.append(Violation("L2", "no exit was sent after the day was lost"))
        return found


async def lose_the_day(database_url: str, wallet: str) -> Loss:
    """Book a loss beyond every cap on today and tomorrow: the run may meet midnight."""
    connection = await asyncpg.connect(plain_url(database_url), timeout=5)
    try:
        today = datetime.now(UTC).date()
        days = [today, today + timedelta(days=1)]
        async with connection.transaction():
            await connection.execute(_BOOK, LOST, wallet)
            await connection.execute(_LOSE, LOST, wallet, days)
        return Loss(datetime.now(UTC))
    finally:
        await connection.close()


async def make_up_for_it(database_url: str) -> None:
    """Take the loss out of the books, which are about to be audited."""
    connection = await asyncpg.connect(plain_url(database_url), timeout=5)
    try:
        for statement in _FORGET:
            await connection.execute(statement, LOST)
    finally:
        await connection.close()
