from storage.bell import CHANNELS
from storage.postgres import PostgresStore
from storage.whale_port import CHANNEL, WhaleChange, WhaleStore


def test_the_records_can_do_what_whoever_changes_whales_asks_for(store: PostgresStore) -> None:
    records: WhaleStore = store
    assert records is store


def test_changes_ring_on_a_channel_that_is_heard_and_are_named_as_events() -> None:
    assert CHANNEL in CHANNELS
    assert all(change.startswith("whale_") for change in WhaleChange)
