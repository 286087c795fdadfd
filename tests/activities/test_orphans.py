"""One thing that nobody looks after is brought to its end, however often and by however many."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from temporalio.exceptions import ApplicationError

from activities.orphans import OrphanKeeper, OrphanPorts
from storage.ownership import LooseOrder
from storage.port import StoredSignal
from tests.activities.desk import SIGNAL, Desk, held
from tests.activities.owners import Register
from tests.fakes import Answer
from trading.types import (
    OrderHash,
    OrderState,
    OrderType,
    PositionState,
    Reason,
    Side,
    SignalId,
    SignalState,
)

SECOND = timedelta(seconds=1)


def keeper(desk: Desk, register: Register | None = None) -> OrphanKeeper:
    store = desk.store
    owners = register or Register()
    ports = OrphanPorts(
        desk.venue, desk.detective, store, store, store, store, owners, desk.signals
    )
    return OrphanKeeper(ports, desk.rules.sweep, desk.clock)


async def loose(desk: Desk, order_hash: OrderHash) -> LooseOrder:
    found = {order.order_hash: order for order in await desk.store.list_loose_orders(10)}
    return found[order_hash]


async def settle(desk: Desk, order_hash: OrderHash, *, is_owned: bool = False) -> bool:
    return await keeper(desk).settle_order(await loose(desk, order_hash), is_owned=is_owned)


async def settled(desk: Desk, order_hash: OrderHash) -> None:
    """Settle again and again until the order is done."""
    for _ in range(60):
        if await settle(desk, order_hash):
            return
        desk.clock.advance(2 * SECOND)
    raise AssertionError(await desk.progress(order_hash))


async def running(desk: Desk, name: str = "s1") -> StoredSignal:
    await desk.store.release_claim(SignalId(name), "w1")
    stored = await desk.store.load_signal(SignalId(name))
    assert stored is not None
    return stored


# Orders


async def test_what_was_never_sent_expires_and_gives_its_reservation_back(desk: Desk) -> None:
    order_hash = await desk.committed()
    assert await settle(desk, order_hash)
    assert (await desk.progress(order_hash)).state is OrderState.EXPIRED
    assert not await desk.reserved()
    assert desk.venue.posts == []
    assert await held(desk) is None


async def test_what_rests_at_the_venue_is_cancelled_and_what_it_filled_is_booked(
    desk: Desk,
) -> None:
    desk.rules = desk.rules.with_entry_order_type(OrderType.GTC)
    desk.venue.answer_with(Answer.LIVE)
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    desk.venue.fill(order_hash, "0.4")
    await settled(desk, order_hash)
    assert await desk.venue.fetch_open_orders() == []
    assert not await desk.reserved()
    position = await held(desk)
    assert position is not None
    assert position.settled_size == 40


async def test_a_sender_that_may_still_be_at_work_is_left_alone_for_a_while(desk: Desk) -> None:
    order_hash = await desk.committed()
    assert await desk.store.begin_sending(order_hash, 1, desk.clock())
    assert not await settle(desk, order_hash)
    assert (await desk.progress(order_hash)).state is OrderState.SENDING
    assert desk.venue.cancels == []
    desk.clock.advance(desk.rules.sweep.sender_ends_within)
    await settle(desk, order_hash)
    assert (await desk.progress(order_hash)).had_unknown


async def test_an_unknown_order_is_looked_up_or_given_up_within_a_minute(desk: Desk) -> None:
    order_hash = await desk.committed()
    desk.venue.answer_with(Answer.LOST_BEFORE)
    began = desk.clock()
    assert await desk.store.begin_sending(order_hash, 1, desk.clock())
    await settled(desk, order_hash)
    assert desk.clock() - began <= 62 * SECOND
    assert (await desk.progress(order_hash)).state.is_terminal
    assert not await desk.reserved()


async def test_an_order_whose_answer_was_lost_is_found_and_booked(desk: Desk) -> None:
    order_hash = await desk.committed()
    intent = await desk.store.load_intent(order_hash)
    assert intent is not None
    assert await desk.store.begin_sending(order_hash, 1, desk.clock())
    await desk.venue.post_order(intent)
    desk.clock.advance(desk.rules.sweep.sender_ends_within)
    await settled(desk, order_hash)
    assert (await desk.progress(order_hash)).state is OrderState.MATCHED
    position = await held(desk)
    assert position is not None
    assert position.settled_size == 100


async def test_an_order_that_is_owned_is_only_booked(desk: Desk) -> None:
    order_hash = await desk.committed()
    assert await desk.store.begin_sending(order_hash, 1, desk.clock())
    assert not await settle(desk, order_hash, is_owned=True)
    assert (await desk.progress(order_hash)).state is OrderState.SENDING


async def test_an_unknown_order_whose_owner_does_not_come_to_it_is_looked_up(desk: Desk) -> None:
    order_hash = await desk.committed()
    desk.venue.answer_with(Answer.LOST_AFTER)
    with pytest.raises(ApplicationError):
        await desk.orders.place_order(order_hash)
    assert (await desk.progress(order_hash)).state is OrderState.UNKNOWN
    assert not await settle(desk, order_hash, is_owned=True)
    assert (await desk.progress(order_hash)).state is OrderState.MATCHED
    assert desk.venue.cancels == []


async def test_a_venue_that_is_away_is_asked_again(desk: Desk) -> None:
    desk.rules = desk.rules.with_entry_order_type(OrderType.GTC)
    desk.venue.answer_with(Answer.LIVE)
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    desk.venue.script.is_away = True
    assert not await settle(desk, order_hash)
    desk.venue.script.is_away = False
    await settled(desk, order_hash)


async def test_two_keepers_and_the_owner_at_once_book_once(desk: Desk) -> None:
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    desk.clock.advance(5 * SECOND)
    order = await loose(desk, order_hash)
    done = await asyncio.gather(
        keeper(desk).settle_order(order, is_owned=False),
        keeper(desk).settle_order(order, is_owned=False),
        desk.env.run(desk.orders.await_settlement, order_hash),
        desk.orders.record_fills(order_hash),
    )
    assert done[0]
    assert done[1]
    await desk.orders.record_fills(order_hash)
    position = await held(desk)
    assert position is not None
    assert position.settled_size == 100
    assert not await desk.store.audit_limits()


# Signals


async def test_a_signal_without_orders_ends_cancelled_with_the_reason(desk: Desk) -> None:
    await desk.tell()
    assert await keeper(desk).end_signal(await running(desk))
    stored = await desk.store.load_signal(SIGNAL)
    assert stored is not None
    assert stored.refusal is not None
    assert (stored.state, stored.refusal.reason) == (SignalState.CANCELLED, Reason.WORKFLOW_LOST)
    assert await desk.events() == ["signal_orphaned"]


async def test_a_signal_waits_for_its_orders_and_ends_by_what_they_got(desk: Desk) -> None:
    order_hash = await desk.committed()
    stored = await running(desk)
    assert not await keeper(desk).end_signal(stored)
    position_id = await desk.traded(order_hash)
    register = Register()
    assert await keeper(desk, register).end_signal(stored)
    assert await desk.state() is SignalState.FILLED
    assert register.positions == {position_id}


async def test_a_signal_does_not_end_while_what_it_bought_cannot_be_owned(desk: Desk) -> None:
    await desk.traded(await desk.committed())
    with pytest.raises(ConnectionError):
        await keeper(desk, Register(is_away=True)).end_signal(await running(desk))
    assert await desk.state() is SignalState.RUNNING


async def test_a_signal_whose_orders_got_nothing_ends_cancelled(desk: Desk) -> None:
    order_hash = await desk.committed()
    stored = await running(desk)
    await settle(desk, order_hash)
    assert await keeper(desk).end_signal(stored)
    assert await desk.state() is SignalState.CANCELLED


async def test_a_whale_s_sale_is_left_to_the_position_that_is_being_sold(desk: Desk) -> None:
    position = await desk.opened()
    await desk.exit_of(position)
    await desk.tell("out", Side.SELL)
    sale = await running(desk, "out")
    assert not await keeper(desk).end_signal(sale)
    async with desk.store.transaction() as connection:
        await connection.execute(text("UPDATE positions SET status = 'OPEN'"))
    assert await keeper(desk).end_signal(sale)
    assert await desk.state("out") is SignalState.CANCELLED


async def test_an_owner_is_told_again_of_a_whale_s_sale_that_waits_for_it(desk: Desk) -> None:
    position = await desk.opened()
    await desk.tell("out", Side.SELL)
    sale = await running(desk, "out")
    register = Register(positions={position.position_id})
    settler = keeper(desk, register)
    assert not await settler.remind_owner(sale)
    assert not register.asked, "its trade has not come to asking"
    asked = await desk.env.run(desk.signals.assess_signal, sale.signal.signal_id)
    desk.clock.advance(desk.rules.sweep.stale)
    for _ in range(2):
        assert not await settler.remind_owner(sale)
    ((told, request),) = register.asked
    assert (told, request.signal_id) == (position.position_id, "out")
    assert request.share == asked.exit_share


async def test_a_whale_s_sale_ends_when_the_position_it_waits_for_is_gone(desk: Desk) -> None:
    await desk.opened()
    await desk.tell("out", Side.SELL)
    sale = await running(desk, "out")
    await desk.env.run(desk.signals.assess_signal, sale.signal.signal_id)
    settler = keeper(desk, Register())
    assert not await settler.remind_owner(sale)
    async with desk.store.transaction() as connection:
        await connection.execute(text("UPDATE positions SET status = 'CLOSED'"))
    desk.clock.advance(desk.rules.sweep.stale)
    assert await settler.remind_owner(sale)
    assert await desk.state("out") is SignalState.UNFILLED


# Stakes and positions


async def test_a_stranded_reservation_is_told_once_and_released(desk: Desk) -> None:
    order_hash = await desk.committed()
    await settle(desk, order_hash)
    async with desk.store.transaction() as connection:
        await connection.execute(text("UPDATE reservations SET released_at = NULL"))
        await connection.execute(text("UPDATE limits SET used = used + 52"))
    before = await desk.events()
    for _ in range(2):
        assert await keeper(desk).release_stake(order_hash)
    assert await desk.store.list_stranded(10) == []
    assert (await desk.events())[len(before) :] == ["reservation_orphaned"]


async def test_a_position_gets_an_owner_again(desk: Desk) -> None:
    position = await desk.opened()
    assert position.state is PositionState.OPEN
    register = Register()
    assert await keeper(desk, register).own_position(position)
    assert register.positions == {position.position_id}
    assert (await desk.events())[-1] == "position_orphaned"


async def test_a_position_that_cannot_be_owned_now_is_not_told_of(desk: Desk) -> None:
    position = await desk.opened()
    with pytest.raises(ConnectionError):
        await keeper(desk, Register(is_away=True)).own_position(position)
    assert "position_orphaned" not in await desk.events()
