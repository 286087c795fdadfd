"""A standing halt is taken away by a person, on record, and only where nobody must look first."""

from sqlalchemy import select

from storage.breakers import HaltScope
from storage.clearing import Clearance, lift_halt, list_halts
from storage.postgres import PostgresStore
from storage.tables import events
from tests.storage.builders import NOW, WALLET, YES, entry, later, reserved, trade

ANN = Clearance("ann", "mended")


async def test_halts_are_listed_the_oldest_first(funded: PostgresStore) -> None:
    await funded.halt_token(YES, "unknown for too long", later(1))
    await funded.halt_wallet("the API key is refused", NOW)
    assert [(h.scope, h.key) for h in await list_halts(funded)] == [
        (HaltScope.WALLET, WALLET),
        (HaltScope.TOKEN, YES),
    ]


async def test_a_halt_is_lifted_once_and_an_event_says_by_whom(funded: PostgresStore) -> None:
    await funded.halt_wallet("the API key is refused", NOW)
    assert await lift_halt(funded, HaltScope.WALLET, WALLET, ANN, later(1)) is None
    again = await lift_halt(funded, HaltScope.WALLET, WALLET, ANN, later(2))
    assert again == "it does not stand any more"
    async with funded.transaction() as connection:
        query = select(events.c.title, events.c.ids).where(events.c.type == "halt_cleared")
        told = (await connection.execute(query)).all()
    assert [tuple(row) for row in told] == [("ann cleared it: mended", {"wallet": WALLET})]


async def test_a_fault_is_looked_at_before_its_token_is_bought_again(
    funded: PostgresStore,
) -> None:
    intent = await reserved(funded, entry())
    assert await funded.begin_sending(intent.order.order_hash, 1, NOW)
    await funded.fold(intent.order.order_hash, [trade(intent, size="200")], NOW)
    why_not = await lift_halt(funded, HaltScope.TOKEN, YES, ANN, later(1))
    assert why_not is not None
    assert "review show" in why_not
    assert len(await list_halts(funded)) == 1
