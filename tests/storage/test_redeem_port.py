from storage.port import Event
from storage.postgres import PostgresStore
from storage.redeem_port import RedeemStore
from tests.storage.builders import NOW


async def test_the_store_keeps_redemptions_and_tells_each_event_once(store: PostgresStore) -> None:
    records: RedeemStore = store
    event = Event("redemption", "INFO", "done", NOW)
    assert await records.record_event_once("r1/DONE", event)
    assert not await records.record_event_once("r1/DONE", event)
