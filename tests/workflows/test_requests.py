from decimal import Decimal

from trading.types import ExitReason, ExitRequest, SignalId
from workflows.requests import Requests

STOP = ExitRequest(ExitReason.STOP_LOSS, who="watch")
CLOSE = ExitRequest(ExitReason.OPERATOR, who="ann")
SOLD = ExitRequest(ExitReason.WHALE_EXIT, Decimal("0.5"), SignalId("s"))


def test_the_same_level_and_the_same_whale_order_wait_once() -> None:
    requests = Requests()
    for _ in range(20_000):
        requests.add(STOP)
        requests.add(SOLD)
    requests.add(CLOSE)
    requests.add(CLOSE)
    assert requests.waiting == (STOP, SOLD, CLOSE, CLOSE)


def test_while_it_is_held_only_a_person_s_word_counts() -> None:
    requests = Requests((SOLD,))
    requests.add(STOP, is_held=True)
    assert not requests.may_begin(is_held=True)
    assert requests.may_begin()
    requests.add(CLOSE, is_held=True)
    assert requests.may_begin(is_held=True)
    assert requests.has_a_persons
    assert requests.take(is_held=True) == (CLOSE,)
    assert requests.take() == (SOLD,)
    assert requests.take() == ()


def test_what_could_not_begin_waits_before_all_others() -> None:
    requests = Requests((SOLD,))
    requests.put_back((CLOSE,))
    assert requests.waiting == (CLOSE, SOLD)


def test_who_wants_everything_is_known_among_those_who_may_begin() -> None:
    requests = Requests((SOLD,))
    assert not requests.wants_all()
    requests.add(STOP)
    assert requests.wants_all()
    assert not requests.wants_all(is_held=True)
    requests.add(CLOSE)
    assert requests.wants_all(is_held=True)
