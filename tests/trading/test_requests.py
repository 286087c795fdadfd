from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from trading.requests import lowest_of, reason_of, share_of
from trading.types import ExitReason, ExitRequest, Price, SignalId

SHARES = st.decimals(min_value=0, max_value=1, places=4)
MANY = st.lists(SHARES, max_size=6)


def ask(share: Decimal | str, signal: str | None = None) -> ExitRequest:
    signal_id = None if signal is None else SignalId(signal)
    return ExitRequest(ExitReason.WHALE_EXIT, Decimal(share), signal_id)


def test_two_sales_sell_one_after_the_other_of_what_was_held() -> None:
    assert share_of([ask("0.5", "a"), ask("0.3", "b")]) == Decimal("0.65")
    assert share_of([]) == 0


def test_a_signal_that_asks_twice_counts_once() -> None:
    assert share_of([ask("0.5", "a"), ask("0.5", "a")]) == Decimal("0.5")
    assert share_of([ask("0.5"), ask("0.5")]) == Decimal("0.75")


@given(MANY)
def test_the_order_of_those_who_ask_does_not_matter(shares: list[Decimal]) -> None:
    there, back = [ask(share) for share in shares], [ask(share) for share in reversed(shares)]
    assert share_of(there) == share_of(back)


@given(MANY, SHARES)
def test_together_they_sell_no_less_than_each_and_never_more_than_all(
    shares: list[Decimal], one_more: Decimal
) -> None:
    requests = [ask(share) for share in [*shares, one_more]]
    assert max([one_more, *shares]) <= share_of(requests) + Decimal("0.00000001")
    assert 0 <= share_of(requests) <= 1
    assert share_of([*requests, ask("1")]) == 1


def test_an_exit_is_named_after_who_wants_everything() -> None:
    stop = ExitRequest(ExitReason.STOP_LOSS)
    assert reason_of([ask("0.5"), stop, ExitRequest(ExitReason.OPERATOR)]) is stop.reason
    assert reason_of([ask("0.5"), ask("0.2")]) is ExitReason.WHALE_EXIT


def test_only_a_person_lets_it_go_below_the_floor_and_the_lowest_word_counts() -> None:
    low, lower = Price(Decimal("0.004")), Price(Decimal("0.002"))
    persons = [ExitRequest(ExitReason.OPERATOR, lowest=lowest) for lowest in (low, lower, None)]
    assert lowest_of(persons) == lower
    assert lowest_of(persons[2:]) is None
    assert lowest_of([ExitRequest(ExitReason.STOP_LOSS, lowest=low)]) is None
