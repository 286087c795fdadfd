from datetime import timedelta

from activities.records import Command
from review_answers import answer_command, answer_resolved, answer_review, answer_reviews
from storage.replays import Resolved
from storage.reviews import Review, ReviewKind, StoredReview
from storage.views import TokenLabel
from tests.storage.builders import NOW, YES, order_hash
from trading.types import SignalId

HEX = SignalId("0123456789abcdef" * 4)
ORDER = {
    "order_hash": order_hash("s1#1"),
    "state": "UNKNOWN",
    "posts": 2,
    "faults": [],
    "intent": {"side": "BUY", "size": "100", "terms": {"price": None}},
    "evidence": [{"kind": "submit", "text": "UNKNOWN  HTTP\x1b[2J 500", "at": "12:00"}],
    "flags": ["had_unknown", "adopted"],
}
OPEN = StoredReview(
    review_id=7,
    review=Review(
        ReviewKind.ORDER_FAULT,
        "impossible \x1b[2J transition " + "x" * 100,
        NOW,
        order_hash("s1#1"),
        HEX,
        token_id=YES,
    ),
    token=TokenLabel(YES, "Will it?", "will-it", "Yes"),
    evidence={"orders": [ORDER]},
)
CLOSED = StoredReview(
    review_id=6,
    review=Review(ReviewKind.VENUE_REJECTED, "no balance", NOW, signal_id=HEX),
    token=None,
    evidence={"orders": []},
    resolved_at=NOW + timedelta(minutes=5),
    resolved_by="ann",
    resolution="SEEN",
    note="topped up",
)


def test_the_queue_is_one_line_for_each_without_what_could_move_a_cursor() -> None:
    answer = answer_reviews([OPEN], open_only=True)
    header, line = answer.as_text().splitlines()
    assert header.split()[:4] == ["ID", "OPENED", "SEVERITY", "KIND"]
    assert "RESOLVED" not in header
    assert line.split()[0] == "7"
    assert "Yes 'Will it?'" in line
    assert line.endswith("…")
    assert "\x1b" not in line
    [found] = answer.as_json()
    assert isinstance(found, dict)
    assert (found["review_id"], found["question"]) == (7, "Will it?")
    assert "evidence" not in found


def test_an_empty_queue_says_so() -> None:
    assert answer_reviews([], open_only=True).as_text() == "nothing to review"
    assert "ever" in answer_reviews([], open_only=False).as_text()


def test_what_was_resolved_says_by_whom() -> None:
    assert "SEEN by ann" in answer_reviews([OPEN, CLOSED], open_only=False).as_text()
    text = answer_review(CLOSED, {"orders": []}).as_text()
    assert "resolved  SEEN by ann at 2026-11-22 12:05:00 UTC" in text
    assert "note      topped up" in text
    assert "when it is dealt with" not in text
    assert "  none" in text.splitlines()


def test_a_review_is_shown_with_evidence_of_then_and_orders_of_now() -> None:
    answer = answer_review(OPEN, {"orders": [ORDER | {"state": "MATCHED"}]})
    text = answer.as_text()
    assert "\x1b" not in text
    assert "submit  UNKNOWN  HTTP[2J 500  12:00" in text
    assert "    had_unknown" in text
    then, now = text.split("orders now")
    assert "UNKNOWN" in then
    assert "state MATCHED, posts 2" in now
    assert "whalecopy review resolve 7" in now
    found = answer.as_json()
    assert isinstance(found, dict)
    assert found["evidence"] == OPEN.evidence
    assert found["now"] == {"orders": [ORDER | {"state": "MATCHED"}]}


def test_what_was_done_is_told() -> None:
    done = answer_resolved(Resolved(7, halt_cleared=True, replay=HEX), asked_to_clear=True)
    assert "the halt of its token is cleared" in done.as_text()
    assert "whalecopy why 0123456789ab" in done.as_text()
    assert done.as_json() == {"review_id": 7, "halt_cleared": True, "replay_signal_id": HEX}
    none = answer_resolved(Resolved(7, halt_cleared=False, replay=None), asked_to_clear=True)
    assert none.as_text() == "review 7 is resolved\nno halt stood"
    plain = answer_resolved(Resolved(7, halt_cleared=False, replay=None), asked_to_clear=False)
    assert plain.as_text() == "review 7 is resolved"


def test_a_command_that_was_taken_says_where_to_look() -> None:
    answer = answer_command(HEX, "hold", Command("ann", "odd"))
    assert "whalecopy why 0123456789ab" in answer.as_text()
    assert answer.as_json() == {
        "signal_id": HEX,
        "command": "hold",
        "who": "ann",
        "why": "odd",
        "accepted": True,
    }
