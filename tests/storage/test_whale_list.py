"""Whales are found by name and address, with what was done to them."""

from dataclasses import replace

from storage.postgres import PostgresStore
from storage.whale_list import find_whales, list_whale_events, load_override_word
from storage.whale_port import WhaleChange, Word
from tests.storage.builders import NOW, WHALE, usd, whale
from trading.overrides import Overrides
from trading.types import Wallet

ANN = Word("ann", "she asked", NOW)
OTHER = Wallet("0x" + "b3" * 20)


async def test_an_exact_address_comes_before_what_begins_so_and_the_followed_before_others(
    store: PostgresStore,
) -> None:
    await store.follow_whale(whale(), ANN)
    other = replace(whale(), standing=replace(whale().standing, wallet=OTHER))
    await store.follow_whale(other, ANN)
    assert [w.standing.wallet for w in await find_whales(store, "0xb", 9)] == [WHALE, OTHER]
    assert [w.standing.wallet for w in await find_whales(store, "DEEP-blue", 9)] == [WHALE, OTHER]
    assert len(await find_whales(store, "0xB", 1)) == 1
    await store.change_whale(WHALE, WhaleChange.REMOVED, ANN)
    assert [w.standing.wallet for w in await find_whales(store, "0xb", 9)] == [OTHER, WHALE]
    assert [w.standing.wallet for w in await find_whales(store, WHALE, 9)] == [WHALE]


async def test_hostile_words_find_nothing_and_break_nothing(store: PostgresStore) -> None:
    await store.follow_whale(whale(), ANN)
    for words in ("%", "_", "0x%", "' OR true --", "\x00", "\ud800"):
        assert await find_whales(store, words, 9) == []


async def test_what_was_done_is_told_newest_first_with_who_set_the_overrides(
    store: PostgresStore,
) -> None:
    await store.follow_whale(whale(), ANN)
    assert await load_override_word(store, WHALE) is None
    await store.set_overrides(WHALE, Overrides(position_max=usd(9)), ANN)
    word = await load_override_word(store, WHALE)
    assert word is not None
    assert (word.who, word.why, word.at) == ("ann", "she asked", NOW)
    done = await list_whale_events(store, WHALE, 9)
    assert [event.type for event in done] == ["whale_overridden", "whale_added"]
    assert done[0].metadata["position_max"] == "9"
    assert await list_whale_events(store, OTHER, 9) == []
