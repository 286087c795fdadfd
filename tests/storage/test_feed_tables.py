from storage.feed_tables import feed_coverage, feed_silences


def test_a_day_is_counted_once_per_feed_and_a_feed_has_one_open_alarm() -> None:
    assert [column.name for column in feed_coverage.primary_key] == ["day", "feed"]
    unique = [index for index in feed_silences.indexes if index.unique]
    assert [column.name for column in unique[0].columns] == ["feed"]
