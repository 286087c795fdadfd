from sqlalchemy import text

from storage.postgres import PostgresStore
from tests.storage.builders import NOW, booked, bought, entry, later, leave, reserved, signal, trade
from trading.orders import Ruling
from trading.rules import RiskRules
from trading.types import ExitReason, OrderState, Settlement, SignalId, SignalState, Wallet

UNSENT = Ruling(OrderState.EXPIRED, "too late")
STRANGER = Wallet("0x" + "99" * 20)


async def test_signals_that_run_for_a_while_are_found_oldest_first(store: PostgresStore) -> None:
    for second, name in enumerate(("a", "b", "waits", "ended", "young")):
        await store.record_signal(signal(name), later(second))
        if name != "waits":
            await store.release_claim(SignalId(name), "w1")
    await store.finish_signal(SignalId("ended"), SignalState.FILLED, None, later(9))
    found = await store.list_running_signals(later(4), 10)
    assert [stored.signal.signal_id for stored in found] == ["a", "b"]
    assert len(await store.list_running_signals(later(9), 1)) == 1


async def test_an_order_is_loose_until_it_is_done_and_booked(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    (loose,) = await funded.list_loose_orders(10)
    assert (loose.order_hash, loose.state) == (intent.order.order_hash, OrderState.PREPARED)
    assert (loose.signal_id, loose.position_id) == ("s1", intent.position_id)
    assert (loose.changed_at, loose.is_adopted, loose.is_booked) == (NOW, False, False)
    assert await funded.begin_sending(intent.order.order_hash, 1, later(1))
    await booked(funded, intent, trade(intent, settlement=Settlement.MATCHED))
    (loose,) = await funded.list_loose_orders(10)
    assert (loose.state, loose.is_booked) == (OrderState.MATCHED, True)
    await funded.fold(intent.order.order_hash, [trade(intent)], NOW)
    (loose,) = await funded.list_loose_orders(10)
    assert not loose.is_booked
    await funded.apply_order(intent.order.order_hash, NOW)
    assert await funded.list_loose_orders(10) == []


async def test_a_late_booking_is_loose_again_and_marked(funded: PostgresStore) -> None:
    intent = await reserved(funded, entry())
    await booked(funded, intent, Ruling(OrderState.VOID, "nobody saw it"))
    assert await funded.list_loose_orders(10) == []
    await funded.fold(intent.order.order_hash, [trade(intent)], later(60))
    (loose,) = await funded.list_loose_orders(10)
    assert loose.is_adopted
    assert not loose.is_booked


async def test_an_exit_is_loose_without_a_signal(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, ExitReason.OPERATOR, NOW)
    await funded.commit_exit(leave(position.position_id), NOW)
    (loose,) = await funded.list_loose_orders(10)
    assert (loose.signal_id, loose.position_id) == (None, position.position_id)


async def test_other_wallets_orders_are_left_to_their_own_stacks(
    funded: PostgresStore, database_url: str
) -> None:
    await reserved(funded, entry())
    for wallet, count in ((STRANGER, 0), (None, 1)):
        other = PostgresStore(database_url, RiskRules(), wallet, pool_size=1)
        assert len(await other.list_loose_orders(10)) == count
        await other.close()


async def test_what_a_done_order_still_holds_is_stranded_until_it_is_booked_again(
    funded: PostgresStore,
) -> None:
    intent = await reserved(funded, entry())
    await booked(funded, intent, UNSENT)
    assert await funded.list_stranded(10) == []
    async with funded.transaction() as connection:
        await connection.execute(text("UPDATE reservations SET released_at = NULL"))
        await connection.execute(text("UPDATE limits SET used = used + 50"))
    assert await funded.list_stranded(10) == [intent.order.order_hash]
    await funded.apply_order(intent.order.order_hash, NOW)
    assert await funded.list_stranded(10) == []
    assert not await funded.audit_limits()


async def test_a_stranded_offer_is_found_too(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, ExitReason.OPERATOR, NOW)
    exit_order = leave(position.position_id)
    await funded.commit_exit(exit_order, NOW)
    await booked(funded, exit_order.intent, UNSENT)
    async with funded.transaction() as connection:
        await connection.execute(text("UPDATE offers SET released_at = NULL"))
    assert await funded.list_stranded(10) == [exit_order.intent.order.order_hash]
