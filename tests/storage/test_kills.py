"""The kill switch in the records: nothing sends an entry past it, and exits pass."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from storage.bell import PostgresBell
from storage.breakers import CHANNEL
from storage.guard_port import Kill, KillSource
from storage.port import Reserved
from storage.postgres import PostgresStore
from storage.tables import events
from tests.storage.builders import (
    CAPS,
    NOW,
    WALLET,
    bought,
    entry,
    later,
    leave,
    reserved,
    sold,
)
from trading.orders import Intent, VenueOrder
from trading.rules import RiskRules
from trading.types import ZERO, ExitReason, OrderState, Reason, Refusal, Shares

KILL = Kill(KillSource.COMMAND, "ann", "odd fills", NOW)
FILE = Kill(KillSource.FILE, "somebody", "a file", later(1), place="/home/HALT")


async def told(store: PostgresStore) -> list[str]:
    query = select(events.c.type).where(events.c.type.like("kill%")).order_by(events.c.event_id)
    async with store.transaction() as connection:
        return list((await connection.execute(query)).scalars())


@pytest.mark.parametrize("source", list(KillSource))
async def test_no_entry_is_reserved_or_sent_while_any_source_holds_the_switch(
    funded: PostgresStore, source: KillSource
) -> None:
    committed = await reserved(funded, entry("before#1"))
    assert await funded.pull_switch(replace(KILL, source=source))
    refusal = await funded.reserve_entry(entry("after#1"), CAPS, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.ENTRIES_HALTED
    assert str(source) in refusal.numbers["halt"]
    assert not await funded.begin_sending(committed.order.order_hash, 1, NOW)
    assert "odd fills" in (await funded.load_portfolio(NOW)).halt_reason


async def test_exits_pass_the_kill_switch(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.pull_switch(KILL)
    epoch = await funded.begin_exit(position.position_id, ExitReason.OPERATOR, NOW)
    intent = await funded.commit_exit(leave(position.position_id, epoch=epoch), NOW)
    assert isinstance(intent, Intent)
    assert await funded.begin_sending(intent.order.order_hash, 1, NOW)


async def test_entries_go_on_when_every_source_has_let_go_and_not_before(
    funded: PostgresStore,
) -> None:
    await funded.pull_switch(KILL)
    await funded.pull_switch(FILE)
    assert await funded.list_kills() == [KILL, FILE]
    assert await funded.release_switch(KILL)
    assert not await funded.release_switch(KILL)
    assert "FILE /home/HALT" in (await funded.load_portfolio(NOW)).halt_reason
    assert await funded.release_switch(FILE)
    assert isinstance(await funded.reserve_entry(entry(), CAPS, NOW), Reserved)
    assert await told(funded) == ["kill_switch_pulled"] * 2 + ["kill_switch_released"] * 2


async def test_who_pulled_first_stands_and_may_be_joined_in_closing_all(
    funded: PostgresStore,
) -> None:
    assert await funded.pull_switch(KILL)
    assert not await funded.pull_switch(replace(KILL, who="bob"))
    assert await funded.pull_switch(replace(KILL, who="bob", closes_all=True))
    assert not await funded.pull_switch(replace(KILL, who="bob", closes_all=True))
    assert await funded.list_kills() == [replace(KILL, closes_all=True)]


async def test_the_switch_outlives_a_restart_and_is_heard_at_once(
    funded: PostgresStore, database_url: str
) -> None:
    bell = PostgresBell(database_url)
    await bell.wait(CHANNEL, "", later(0) - NOW)
    await funded.pull_switch(KILL)
    assert await bell.wait(CHANNEL, "", later(30) - NOW)
    await bell.close()
    restarted = PostgresStore(database_url, RiskRules(), WALLET)
    assert (await restarted.load_portfolio(later(90_000))).entries_halted
    await restarted.close()


async def test_entries_that_may_rest_are_listed_and_no_exit_is(funded: PostgresStore) -> None:
    await sold(funded, await bought(funded, "done#1"))
    intent = await reserved(funded, entry("open#1"))
    assert await funded.list_open_entries() == []  # it was never sent
    order_hash = intent.order.order_hash
    assert await funded.begin_sending(order_hash, 1, NOW)
    assert await funded.list_open_entries() == [order_hash]
    cancelled = VenueOrder(order_hash, OrderState.CANCELLED, Shares(ZERO))
    await funded.fold(order_hash, [cancelled], NOW)
    assert await funded.list_open_entries() == []
