from paper.log_filter import LogFilter, log_row, parse_filter
from tests.paper.told_venue import HASH, a_log

TOPIC = "0x" + "aa" * 32
ADDRESS = "0xE111180000d2663C0091e4f400237545B87B996B"


def test_a_filter_without_conditions_lets_everything_through() -> None:
    assert parse_filter({}) == LogFilter(frozenset(), ())
    assert parse_filter({"topics": None, "address": None}).matches(a_log(1, (), ADDRESS))


def test_more_topics_than_a_log_has_match_nothing() -> None:
    assert not parse_filter({"topics": [TOPIC, None]}).matches(a_log(1, (TOPIC,), ADDRESS))


def test_a_log_is_written_in_hexadecimal() -> None:
    row = log_row(a_log(255, (TOPIC,), ADDRESS, 3))
    assert row["address"] == ADDRESS.lower()
    assert (row["blockNumber"], row["logIndex"], row["transactionIndex"]) == ("0xff", "0x3", "0x0")
    assert row["transactionHash"] == HASH
    assert row["removed"] is False
