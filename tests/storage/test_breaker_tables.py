from storage.breaker_tables import breaker_overrides, breaker_trips, kills


def test_a_breaker_trips_once_for_each_wallet_and_key_and_has_one_word_about_it() -> None:
    for table in (breaker_trips, breaker_overrides):
        names = [column.name for column in table.primary_key]
        assert names == ["wallet", "breaker", "key"]


def test_each_source_and_place_holds_the_kill_switch_once() -> None:
    assert [column.name for column in kills.primary_key] == ["source", "place"]
