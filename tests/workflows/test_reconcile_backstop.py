"""The listener is killed with a position open, and its price falls through the stop."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from activities.backstop import Backstop, BackstopPorts, BackstopRules
from activities.orphans import Owners
from activities.reconcile import Part
from activities.sweep import SweepActivities
from ingest.owners import TemporalOwners
from storage.book_tables import intents
from storage.port import PositionRecord
from tests.activities.accounts import FakeAccount
from tests.activities.desk import Desk
from tests.fakes import FakeBell, FakeClock
from tests.workflows.hall import Hall, Owner, until
from tests.workflows.test_reconcile import is_sold, sweep_for
from trading.types import ExitReason

MINUTE = timedelta(minutes=1)
BREATH_S = 0.05


class BackedDesk(Desk):
    """A desk whose sweep watches prices while nobody else does."""

    def sweeper(self, owners: Owners, parts: Sequence[Part] = ()) -> SweepActivities:
        assert isinstance(owners, TemporalOwners), "it also asks owners for exits"
        ports = BackstopPorts(self.store, FakeAccount(self.venue), self.store, owners, self.store)
        rules = BackstopRules(self.rules.reconcile, self.rules.exits)
        backstop = Backstop(ports, rules, self.clock)
        return super().sweeper(owners, [*parts, backstop])


class RealClock(FakeClock):
    """Shows the present time, which nobody can advance: several tasks go by it."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)

    async def pause(self, time: timedelta) -> None:
        await asyncio.sleep(time.total_seconds())


def back(hall: Hall) -> None:
    """Let time be real, and the sweep watch prices."""
    desk = hall.desk
    clock = desk.venue.clock = RealClock(desk.clock())
    hall.desk = BackedDesk(desk.store, clock, FakeBell(clock, BREATH_S), desk.venue, desk.rules)


async def is_waiting(owner: Owner) -> bool:
    """Tell whether an owner has reviewed its position and waits for news or its timer."""
    history = owner.fetch_history_events()
    return any([event.HasField("timer_started_event_attributes") async for event in history])


async def exits_of(hall: Hall, position: PositionRecord) -> list[tuple[str, datetime]]:
    """Return why and when each order of an exit was committed."""
    query = select(intents.c.exit_reason, intents.c.created_at).where(
        intents.c.position_id == position.position_id, intents.c.exit_epoch > 0
    )
    query = query.order_by(intents.c.created_at)
    async with hall.desk.store.transaction() as connection:
        rows = (await connection.execute(query)).all()
    return [(row.exit_reason, row.created_at) for row in rows]


async def test_the_backstop_takes_the_exit_within_a_minute_of_its_price(hall: Hall) -> None:
    position = await hall.desk.opened()
    back(hall)
    sweep_for(hall, 5 * MINUTE)
    killed_at = hall.desk.clock() - timedelta(seconds=12)
    await hall.desk.store.renew_watch("ingest", killed_at)
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await until(lambda: is_waiting(owner))
        hall.desk.venue.quote("0.20", "0.21")
        crossed_at = hall.desk.clock()
        run = await hall.reconcile()
        await until(lambda: is_sold(hall))
        await run.cancel()
    (reason, sold_at), *_ = await exits_of(hall, position)  # others are further down the ladder
    assert reason == ExitReason.STOP_LOSS
    assert sold_at - crossed_at <= MINUTE
    assert "prices_unwatched" in await hall.desk.events()


async def test_with_the_backstop_dead_too_the_owners_own_timer_takes_the_exit(hall: Hall) -> None:
    exits = replace(hall.desk.rules.exits, mark_every=timedelta(seconds=1))
    hall.desk.rules = replace(hall.desk.rules, exits=exits)
    position = await hall.desk.opened()
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await until(lambda: is_waiting(owner))
        hall.desk.venue.quote("0.20", "0.21")
        await until(lambda: is_sold(hall))
    (reason, _), *_ = await exits_of(hall, position)
    assert reason == ExitReason.STOP_LOSS
