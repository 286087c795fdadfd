import asyncio

from storage.port import Levels, Mark
from storage.postgres import PostgresStore
from tests.storage.builders import (
    NO,
    NOW,
    WHALE,
    YES,
    bought,
    entry,
    later,
    price,
    reserved,
    sold,
)
from trading.rules import RiskRules
from trading.types import PositionId, Wallet

LEVELS = Levels(price("0.42"), price("0.65"), None, price("0.51"))


async def test_the_open_position_of_a_whale_and_token_is_found(funded: PostgresStore) -> None:
    assert await funded.find_open(WHALE, YES) is None
    position = await bought(funded)
    assert await funded.find_open(WHALE, YES) == position
    assert await funded.find_open(WHALE, NO) is None
    assert await funded.find_open(Wallet("0x" + "00" * 20), YES) is None
    assert await funded.list_open() == [position]
    await sold(funded, position)
    assert await funded.find_open(WHALE, YES) is None
    assert await funded.list_open() == []


async def test_a_store_without_a_wallet_sees_every_wallets_positions(
    funded: PostgresStore, database_url: str
) -> None:
    position = await bought(funded)
    for wallet, expected in ((None, [position]), (Wallet("0x" + "00" * 20), [])):
        other = PostgresStore(database_url, RiskRules(), wallet)
        assert await other.list_open() == expected
        assert await other.list_dust() == []
        assert (await other.find_open(WHALE, YES) is not None) is bool(expected)
        await other.close()


async def test_the_newest_mark_of_a_batch_is_kept_and_older_ones_are_ignored(
    funded: PostgresStore,
) -> None:
    position = await bought(funded)
    await funded.save_marks([])
    await funded.save_marks([Mark(YES, price("0.55"), later(2)), Mark(YES, price("0.54"), NOW)])
    await funded.save_marks([Mark(YES, price("0.10"), later(1)), Mark(NO, price("0.45"), NOW)])
    stored = await funded.load_position(position.position_id)
    assert stored is not None
    assert (stored.mark_price, stored.marked_at) == (price("0.55"), later(2))


async def test_a_closed_position_keeps_its_last_mark(funded: PostgresStore) -> None:
    closed = await sold(funded, await bought(funded))
    await funded.save_marks([Mark(YES, price("0.99"), later(60))])
    assert await funded.load_position(closed.position_id) == closed


async def test_batches_of_marks_at_once_never_wait_in_a_ring(funded: PostgresStore) -> None:
    for n in range(6):
        whale = Wallet(f"0x{n:040x}")
        await reserved(funded, entry(f"s{n}#1", whale=whale, token_id=(YES, NO)[n % 2]))
    batches = [
        funded.save_marks([Mark(t, price("0.5"), later(n)) for t in ((YES, NO), (NO, YES))[n % 2]])
        for n in range(20)
    ]
    await asyncio.gather(*batches)
    assert {position.marked_at for position in await funded.list_open()} == {later(19)}


async def test_an_unknown_position_is_none(store: PostgresStore) -> None:
    assert await store.load_position(PositionId("nobody's")) is None


async def test_positions_are_found_by_the_beginning_of_their_ids(funded: PostgresStore) -> None:
    position = await bought(funded)
    assert await funded.find_positions(position.position_id[:7], 2) == [position]
    assert await funded.find_positions(position.position_id, 2) == [position]
    assert await funded.find_positions("%", 2) == []
