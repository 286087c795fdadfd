"""How fast orders may leave, and what the venue's modes do to that."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from trading.rules import ThrottleRules
from trading.submits import SubmitKind, SubmitOutcome, VenueMode
from trading.throttle import Rate, full, give_back, rate_of, restrict, take
from trading.types import OrderState, Side

NOW = datetime(2026, 11, 2, tzinfo=UTC)
RULES = ThrottleRules()
RATE = Rate(Decimal(8), 12)
SECOND = timedelta(seconds=1)


def not_now(retry_after_s: str | None = None) -> SubmitOutcome:
    wait = None if retry_after_s is None else Decimal(retry_after_s)
    return SubmitOutcome(
        SubmitKind.NOT_NOW, None, "later", retry_after_s=wait, mode=VenueMode.RESTARTING
    )


def test_a_full_bucket_lets_a_burst_pass_and_then_one_at_a_time() -> None:
    bucket, waits = full(RATE, NOW), []
    for _ in range(14):
        bucket, wait = take(bucket, RATE, NOW)
        waits.append(wait)
    assert waits[:12] == [timedelta(0)] * 12
    assert waits[12:] == [timedelta(milliseconds=125), timedelta(milliseconds=250)]


def test_a_token_that_was_not_used_is_there_for_the_next() -> None:
    bucket = full(Rate(Decimal(1), 1), NOW)
    bucket, _ = take(bucket, Rate(Decimal(1), 1), NOW)
    once, wait = take(bucket, Rate(Decimal(1), 1), NOW)
    assert wait == SECOND
    assert take(give_back(once), Rate(Decimal(1), 1), NOW)[1] == SECOND


def test_a_clock_set_back_fills_no_bucket() -> None:
    bucket, _ = take(full(RATE, NOW), RATE, NOW)
    after, wait = take(bucket, RATE, NOW - 60 * SECOND)
    assert after.tokens == 10
    assert wait == timedelta(0)


def test_entries_and_exits_have_rates_of_their_own() -> None:
    rules = ThrottleRules(entries_per_s=Decimal(1), entries_burst=2)
    assert rate_of(Side.BUY, rules) == Rate(Decimal(1), 2)
    assert rate_of(Side.SELL, rules) == Rate(RULES.exits_per_s, RULES.exits_burst)


@given(st.lists(st.integers(min_value=0, max_value=2_000_000), min_size=1, max_size=200))
def test_no_window_sees_more_than_the_burst_and_what_flows_in(pauses_us: list[int]) -> None:
    bucket, now, leaves = full(RATE, NOW), NOW, []
    for pause_us in pauses_us:
        now += timedelta(microseconds=pause_us)
        bucket, wait = take(bucket, RATE, now)
        leaves.append(now + wait)
    for i, begin in enumerate(leaves):
        for j in range(i, len(leaves)):
            span_s = Decimal((leaves[j] - begin) // timedelta(microseconds=1)) / 1_000_000
            assert j - i + 1 <= RATE.burst + span_s * RATE.per_s + Decimal("0.01")


def test_the_pause_doubles_up_to_its_bound_while_the_venue_repeats_itself() -> None:
    known, pauses = None, []
    for _ in range(7):
        now = NOW if known is None else known.until
        known = restrict(known, not_now(), now, RULES)
        assert known is not None
        pauses.append((known.until - now) // SECOND)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert known is not None
    assert known.strikes == 7


def test_orders_turned_away_together_double_no_pause() -> None:
    known = restrict(None, not_now(), NOW, RULES)
    assert known is not None
    for _ in range(5):
        assert restrict(known, not_now(), NOW + SECOND / 2, RULES) == known
    probed = restrict(known, not_now(), known.until, RULES)
    assert probed is not None
    assert (probed.strikes, probed.until) == (2, known.until + 2 * SECOND)


def test_the_venues_own_word_counts_and_never_shortens_what_it_said_before() -> None:
    known = restrict(None, not_now("120"), NOW, RULES)
    assert known is not None
    assert known.until == NOW + 120 * SECOND
    assert known.mode is VenueMode.RESTARTING
    again = restrict(known, not_now("1"), NOW, RULES)
    assert again is not None
    assert again.until == known.until


def test_work_on_orders_ends_a_restriction_and_silence_does_not() -> None:
    known = restrict(None, not_now(), NOW, RULES)
    silence = SubmitOutcome(SubmitKind.UNKNOWN, None, "timed out")
    assert restrict(known, silence, NOW, RULES) == known
    worked = SubmitOutcome(SubmitKind.ACCEPTED, OrderState.LIVE, "live")
    assert restrict(known, worked, NOW, RULES) is None
    refused = SubmitOutcome(SubmitKind.REJECTED, OrderState.REJECTED, "tick")
    assert restrict(known, refused, NOW, RULES) is None
