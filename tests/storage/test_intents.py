from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from storage.book_tables import intents
from storage.postgres import PostgresStore
from tests.storage.builders import NOW, entry, later, reserved
from trading.types import IntentId, Protocol, SignatureType


async def test_the_exact_unsigned_order_comes_back(funded: PostgresStore) -> None:
    wanted = entry()
    unsigned = replace(
        wanted.order.unsigned,
        salt=2**256 - 1,
        maker_amount=49_999_999,
        taker_amount=9_007_199_254_740_993,
        signature_type=SignatureType.POLY_1271,
        protocol=Protocol.PROTOCOL_V2,
        expiration_s=1_790_000_300,
    )
    wanted = replace(wanted, order=replace(wanted.order, unsigned=unsigned))
    await reserved(funded, wanted)
    found = await funded.load_attempt(wanted.intent_id)
    assert found is not None
    assert found.order == wanted.order
    assert isinstance(found.order.unsigned.salt, int)


async def test_an_unknown_attempt_is_none(store: PostgresStore) -> None:
    assert await store.load_attempt(IntentId("none")) is None


async def test_the_same_bytes_may_go_again_for_twelve_seconds(funded: PostgresStore) -> None:
    await reserved(funded, entry("s1#1"))
    await reserved(funded, replace(entry("s2#1"), expires_at=NOW + timedelta(seconds=60)))
    statement = select(intents.c.retry_until).order_by(intents.c.intent_id)
    async with funded.transaction() as connection:
        assert list((await connection.execute(statement)).scalars()) == [later(12), later(60)]
