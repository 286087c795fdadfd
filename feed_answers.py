"""How it is written who is silent, and how many whale trades of a day the feeds told of."""

from collections.abc import Sequence

from answers import Answer
from storage.feed_port import FAST, FeedCoverage, FeedSilence


def with_feeds(
    answer: Answer, coverage: Sequence[FeedCoverage], silences: Sequence[FeedSilence]
) -> Answer:
    """Add the feeds to the answer about the state of everything."""
    assert isinstance(answer.found, dict), "expected the state to be an object"
    found = {
        **answer.found,
        "feeds_silent": {silence.feed: silence.since.isoformat() for silence in silences},
        "whale_trades_today": {
            row.feed: {"trades": row.trades, "told": row.told, "missed": row.missed}
            for row in coverage
        },
    }
    silent = ", ".join(f"{s.feed} since {s.since:%m-%d %H:%M:%S} UTC" for s in silences)
    lines = {"feeds": f"silent: {silent}" if silences else "all heard", "missed": _missed(coverage)}
    words = "\n".join(f"{name:18}{text}" for name, text in lines.items())
    return Answer(found, f"{answer.text}\n{words}")


def _missed(coverage: Sequence[FeedCoverage]) -> str:
    fast = next((row for row in coverage if row.feed == FAST), None)
    if fast is None:
        return "not audited yet today"
    by_feed = ", ".join(f"{row.feed} {row.missed}" for row in coverage if row.feed != FAST)
    return f"{fast.missed} of {fast.trades} whale trades today ({by_feed})"
