from storage.feed_port import FeedCoverage
from tests.storage.builders import NOW


def test_what_was_not_told_was_missed() -> None:
    assert FeedCoverage(NOW.date(), "rtds", trades=10, told=7).missed == 3
