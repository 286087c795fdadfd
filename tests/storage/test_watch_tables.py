from storage.watch_tables import watch_leases


def test_a_shard_is_held_once_for_each_wallet() -> None:
    assert [column.name for column in watch_leases.primary_key] == ["wallet", "shard"]
