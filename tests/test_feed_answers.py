from answers import Answer
from feed_answers import with_feeds
from storage.feed_port import FeedCoverage, FeedSilence
from tests.storage.builders import NOW

STATUS = Answer({"wallet": "0x1"}, "wallet            0x1")
DAY = NOW.date()


def test_who_is_silent_and_what_was_missed_is_said() -> None:
    coverage = [
        FeedCoverage(DAY, "chain", 10, 9),
        FeedCoverage(DAY, "fast", 10, 10),
        FeedCoverage(DAY, "rtds", 10, 6),
    ]
    answer = with_feeds(STATUS, coverage, [FeedSilence("rtds", NOW)])
    assert isinstance(answer.found, dict)
    assert answer.found["wallet"] == "0x1"
    assert answer.found["feeds_silent"] == {"rtds": NOW.isoformat()}
    assert answer.found["whale_trades_today"]["rtds"] == {"trades": 10, "told": 6, "missed": 4}
    assert answer.text.splitlines()[1:] == [
        f"feeds             silent: rtds since {NOW:%m-%d %H:%M:%S} UTC",
        "missed            0 of 10 whale trades today (chain 1, rtds 4)",
    ]


def test_before_the_first_audit_nothing_is_claimed() -> None:
    words = with_feeds(STATUS, [], []).text.splitlines()
    assert words[1:] == [
        "feeds             all heard",
        "missed            not audited yet today",
    ]
