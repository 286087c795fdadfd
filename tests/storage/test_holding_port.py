from storage.holding_port import HoldingStore, MirrorStore
from storage.postgres import PostgresStore


def test_the_records_keep_both_ports(store: PostgresStore) -> None:
    holdings: HoldingStore = store
    mirrors: MirrorStore = store
    assert holdings is mirrors
