from storage.audit import find_signals
from storage.postgres import PostgresStore
from tests.storage.builders import later, signal


async def test_signals_are_found_by_the_beginning_of_their_id_newest_first(
    store: PostgresStore,
) -> None:
    for n, name in enumerate(("ab1", "ab2", "ab3", "b")):
        await store.record_signal(signal(name), later(n))
    assert await find_signals(store, "ab", 2) == ["ab3", "ab2"]
    assert await find_signals(store, "a%", 2) == []
