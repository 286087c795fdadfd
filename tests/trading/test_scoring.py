from trading.scoring import NOBODY, ScoreRequest, ScoreTally
from trading.types import Wallet


def test_a_tally_says_what_was_done_and_what_was_not_found() -> None:
    assert ScoreTally().describe() == "0 scored, no with evidence of skill"
    tally = ScoreTally(scored=41, failed=2, with_evidence=3, paused=(Wallet("0xa"),))
    words = "41 scored, 2 not read, 1 paused, edge gone, 3 with evidence of skill"
    assert tally.describe() == words


def test_a_request_is_for_all_from_the_first_on() -> None:
    assert ScoreRequest().wallet is None
    assert ScoreRequest().tally.after == NOBODY
