import asyncio
from dataclasses import replace

from storage.postgres import PostgresStore
from tests.storage.builders import NO, NOW, WALLET, WHALE, YES, later, market, price, whale
from trading.types import Price, TokenId, Wallet


async def test_a_market_is_found_by_either_token_as_it_was_saved(store: PostgresStore) -> None:
    await store.save_market(market(), NOW)
    for token_id in (YES, NO):
        found = await store.load_market(token_id)
        assert found == market()
        assert str(found.tick_size) == "0.01"
        assert str(found.min_size) == "5"
    assert await store.load_market(TokenId("1")) is None


async def test_a_market_is_refreshed_and_keeps_its_payouts(store: PostgresStore) -> None:
    await store.save_market(market(), NOW)
    won = (Price(price(1)), Price(price(0)))
    await store.save_market(replace(market(payouts=won), is_closed=True), later(1))
    await store.save_market(replace(market(), question="Did it? \x00"), later(2))
    found = await store.load_market(YES)
    assert found is not None
    assert found.payouts == won
    assert found.question == "Did it? \\0"
    assert not found.is_closed


async def test_a_whale_is_found_as_it_was_saved(store: PostgresStore) -> None:
    assert await store.load_whale(WHALE) is None
    await store.save_whale(whale(), NOW)
    assert await store.load_whale(WHALE) == whale()
    changed = replace(whale(), rank=None, pseudonym="Other")
    await store.save_whale(changed, later(1))
    assert await store.load_whale(WHALE) == changed


async def test_only_followed_whales_are_listed(store: PostgresStore) -> None:
    await store.save_whale(whale(), NOW)
    assert await store.list_followed() == {WHALE}
    await store.save_whale(whale(followed=False), NOW)
    assert await store.list_followed() == frozenset()


async def test_one_holder_has_the_lease_and_its_epoch_rises_with_the_holder(
    store: PostgresStore,
) -> None:
    assert await store.acquire_lease(WALLET, "a", NOW) == 1
    assert await store.acquire_lease(WALLET, "b", later(9)) is None
    assert await store.acquire_lease(WALLET, "a", later(9)) == 1
    assert await store.acquire_lease(WALLET, "b", later(18)) is None
    assert await store.acquire_lease(WALLET, "b", later(19)) == 2
    assert await store.acquire_lease(WALLET, "a", later(20)) is None
    assert await store.acquire_lease(WALLET, "b", later(300)) == 2
    assert await store.acquire_lease(Wallet("0x" + "00" * 20), "a", NOW) == 1


async def test_of_many_stacks_at_once_one_has_the_lease(store: PostgresStore) -> None:
    epochs = await asyncio.gather(
        *(store.acquire_lease(WALLET, f"stack {n}", NOW) for n in range(8))
    )
    assert sorted(epochs, key=lambda epoch: epoch is None) == [1, *([None] * 7)]


async def test_a_markets_categories_come_back(store: PostgresStore) -> None:
    filed = replace(market(), categories=("sports", "nba"))
    await store.save_market(filed, NOW)
    assert await store.load_market(YES) == filed
