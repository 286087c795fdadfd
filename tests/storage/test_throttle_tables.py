from storage.throttle_tables import throttled


def test_what_was_throttled_is_found_by_wallet_and_time() -> None:
    (index,) = throttled.indexes
    assert [column.name for column in index.columns] == ["wallet", "timestamp"]
