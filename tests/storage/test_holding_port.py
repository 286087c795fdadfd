from storage.holding_port import HoldingStore, MirrorStore, OwedPage
from storage.postgres import PostgresStore
from tests.storage.builders import NOW, signal


async def test_the_records_keep_both_ports_and_owe_nothing_at_first(store: PostgresStore) -> None:
    holdings: HoldingStore = store
    mirrors: MirrorStore = store
    assert await holdings.list_owed(NOW, NOW) == OwedPage(())
    assert await mirrors.claim_exit_share(signal(), NOW) is None
