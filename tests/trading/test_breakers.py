"""Each breaker trips exactly at its number, holds until its time, and is lifted by a word."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.breakers import (
    HALF,
    Breaker,
    Losses,
    Override,
    Result,
    Standing,
    Trip,
    cooldowns,
    count_result,
    day_loss,
    end_of_day,
    entries_halt,
    failure_trip,
    for_all,
    holds,
    is_drawdown_lifted,
    override_end,
    pause_of,
    size_factor,
)
from trading.rules import RiskRules
from trading.types import ONE, ConditionId, Usd, Wallet

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TODAY = NOON.date()
RULES = RiskRules()
MARKET, WHALE = ConditionId("0xc3"), Wallet("0xb2")
CENT = Decimal("0.000001")
moments = st.timedeltas(timedelta(days=-3), timedelta(days=3)).map(lambda by: NOON + by)


def after(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


def result(pnl: str | Decimal, at: datetime = NOON) -> Result:
    return Result(Usd(Decimal(pnl)), at, MARKET, WHALE)


def on(day: date, pnl: str | Decimal) -> Standing:
    return Standing(pnl_by_day={day: Usd(Decimal(pnl))})


def counted(*pnls: str) -> Losses:
    losses = Losses()
    for n, pnl in enumerate(pnls):
        losses = count_result(losses, result(pnl, after(n)), RULES)
    return losses


def word(breaker: Breaker, until: datetime, key: str = "", at: datetime = NOON) -> Override:
    return Override(breaker, key, at, until, "ann", "looked at it")


def trip(until: datetime, breaker: Breaker = Breaker.FAILURE_RATE, key: str = "") -> Trip:
    return Trip(breaker, key, NOON, until, "tripped")


@given(st.integers(-3, 3).map(lambda n: n * CENT), moments)
def test_a_day_halts_exactly_above_its_loss(above: Decimal, now: datetime) -> None:
    standing = on(now.date(), -(RULES.daily_loss_max + above))
    assert bool(entries_halt(standing, now, RULES)) is (above > 0)


def test_the_daily_halt_says_its_numbers() -> None:
    assert entries_halt(on(TODAY, "-500.01"), NOON, RULES) == "daily loss 500.01 above 500"


def test_the_halt_of_a_day_ends_with_the_utc_day() -> None:
    standing, last = on(TODAY, "-600"), NOON.replace(hour=23, minute=59, second=59)
    assert entries_halt(standing, last, RULES)
    assert not entries_halt(standing, last + timedelta(seconds=1), RULES)


@given(st.timedeltas(timedelta(0), timedelta(days=30)))
def test_a_clock_set_back_never_lifts_the_halt_of_a_day(back: timedelta) -> None:
    assert entries_halt(on(TODAY, "-600"), NOON - back, RULES)


def test_a_good_yesterday_does_not_hide_a_bad_today_from_a_clock_set_back() -> None:
    yesterday = TODAY - timedelta(days=1)
    days = {yesterday: Usd(Decimal(900)), TODAY: Usd(Decimal(-600))}
    assert day_loss(Standing(pnl_by_day=days), NOON - timedelta(days=1)) == 600


def test_a_day_is_a_utc_day_wherever_the_clock_is() -> None:
    auckland = datetime(2026, 11, 23, 9, 0, tzinfo=timezone(timedelta(hours=13)))  # the 22nd
    assert entries_halt(on(TODAY, "-600"), auckland, RULES)
    assert end_of_day(auckland) == datetime(2026, 11, 23, tzinfo=UTC)


def test_no_result_is_no_loss() -> None:
    assert day_loss(Standing(), NOON) == 0
    assert entries_halt(Standing(), NOON, RULES) == ""


@pytest.mark.parametrize("pnls", [("-1",) * 4, ("-1", "-1", "0", "-1", "-1"), ("-1", "2") * 9])
def test_fewer_losses_in_a_row_pause_nothing(pnls: tuple[str, ...]) -> None:
    assert pause_of(counted(*pnls)) is None


def test_five_losses_in_a_row_pause_for_an_hour_from_the_fifth() -> None:
    pause = pause_of(counted(*["-1"] * 5))
    assert pause is not None
    assert (pause.tripped_at, pause.until) == (after(4), after(4 + 3600))
    standing = Standing(trips=(pause,))
    assert "paused until 2026-11-22T13:00:04" in entries_halt(standing, after(5), RULES)
    assert not entries_halt(standing, after(4 + 3600), RULES)


def test_a_pause_is_not_made_longer_by_the_next_loss_nor_shorter_by_a_clock_set_back() -> None:
    paused = counted(*["-1"] * 5)
    assert count_result(paused, result("-1", after(9)), RULES).paused_until == paused.paused_until
    losses = paused
    for n in range(5):
        losses = count_result(losses, result("-1", after(n - 7200)), RULES)
    assert losses.paused_until == paused.paused_until


@given(st.lists(st.sampled_from(["-1", "0", "1"]), max_size=12))
def test_a_pause_needs_five_losses_and_nothing_else_between(pnls: list[str]) -> None:
    row, has_paused = 0, False
    for pnl in pnls:
        row = row + 1 if pnl == "-1" else 0
        if row == RULES.losses_in_row_max:
            row, has_paused = 0, True
    losses = counted(*pnls)
    assert losses.in_row == row
    assert (losses.paused_until is not None) is has_paused


def test_a_loss_cools_its_market_and_its_whale_down() -> None:
    market, whale = cooldowns(result("-0.000001"), RULES)
    assert (market.breaker, market.key) == (Breaker.MARKET_COOLDOWN, MARKET)
    assert (whale.breaker, whale.key) == (Breaker.WHALE_COOLDOWN, WHALE)
    assert market.until == whale.until == NOON + timedelta(minutes=15)
    assert entries_halt(Standing(trips=(market,)), after(15 * 60 - 1), RULES) == market.reason
    assert not entries_halt(Standing(trips=(market,)), after(15 * 60), RULES)


def test_a_gain_cools_nothing_down_nor_does_a_cooldown_of_nothing() -> None:
    assert cooldowns(result("0"), RULES) == ()
    off = replace(RULES, market_cooldown=timedelta(0), whale_cooldown=timedelta(0))
    assert cooldowns(result("-9"), off) == []


@given(st.integers(0, 400), st.integers(0, 400))
def test_failures_trip_exactly_above_ten_percent_of_twenty_orders_or_more(
    ended: int, failed: int
) -> None:
    failed = min(failed, ended)
    found = failure_trip(ended, failed, NOON, RULES)
    assert (found is not None) is (ended >= 20 and failed * 10 > ended)
    if found is not None:
        assert found.until == NOON + RULES.failure_pause
        assert f"{failed} of {ended}" in found.reason


@pytest.mark.parametrize(("drawdown", "factor"), [("0.10", ONE), ("0.100001", HALF), ("1", HALF)])
def test_a_drawdown_above_ten_percent_halves_sizes(drawdown: str, factor: Decimal) -> None:
    assert size_factor(Decimal(drawdown), RULES) == factor
    assert size_factor(Decimal(drawdown), RULES, is_lifted=True) == ONE


@given(moments, moments)
def test_a_trip_holds_by_its_end_alone_whatever_the_clock_did_meanwhile(
    until: datetime, now: datetime
) -> None:
    assert holds(trip(until), (), now) is (now < until)


def test_the_reason_that_holds_longest_is_told() -> None:
    longer = replace(trip(after(9)), reason="longer")
    assert entries_halt(Standing(trips=(trip(after(5)), longer)), NOON, RULES) == "longer"


@pytest.mark.parametrize("standing", [Standing(kill="k"), Standing(halt="k")])
def test_a_halt_and_the_kill_switch_stop_entries_whatever_is_overridden(
    standing: Standing,
) -> None:
    words = tuple(word(each, after(60)) for each in Breaker)
    assert entries_halt(replace(standing, overrides=words), NOON, RULES) == "k"


def test_a_word_lifts_a_trip_until_its_time_and_no_later_trip() -> None:
    stands, lifted = trip(after(600)), word(Breaker.FAILURE_RATE, after(60))
    assert not holds(stands, (lifted,), after(59))
    assert holds(stands, (lifted,), after(60))
    later = replace(stands, tripped_at=after(1))
    assert holds(later, (lifted,), after(2))
    assert holds(stands, (word(Breaker.LOSSES_IN_ROW, after(60)),), NOON)


def test_a_word_about_one_market_lifts_no_other() -> None:
    cold = trip(after(600), Breaker.MARKET_COOLDOWN, MARKET)
    assert not holds(cold, (word(Breaker.MARKET_COOLDOWN, after(60), MARKET),), NOON)
    assert not holds(cold, (word(Breaker.MARKET_COOLDOWN, after(60)),), NOON)
    assert holds(cold, (word(Breaker.MARKET_COOLDOWN, after(60), "0xother"),), NOON)


def test_a_word_lifts_the_halt_of_a_day_until_its_time() -> None:
    standing = replace(on(TODAY, "-600"), overrides=(word(Breaker.DAILY_LOSS, after(60)),))
    assert not entries_halt(standing, after(59), RULES)
    assert entries_halt(standing, after(60), RULES)


def test_a_cooldown_bears_on_its_own_market_and_not_on_all() -> None:
    cold = trip(after(600), Breaker.MARKET_COOLDOWN, MARKET)
    standing = Standing(trips=(cold, trip(after(60))))
    assert entries_halt(standing, after(61), RULES)
    assert not entries_halt(for_all(standing), after(61), RULES)
    assert entries_halt(for_all(standing), after(59), RULES)


def test_a_word_gives_full_sizes_back_until_its_time() -> None:
    standing = Standing(overrides=(word(Breaker.DRAWDOWN, after(60)),))
    assert is_drawdown_lifted(standing, after(59))
    assert not is_drawdown_lifted(standing, after(60))


def test_a_word_without_a_time_counts_until_what_it_lifts_ends() -> None:
    trips = (trip(after(60)), trip(after(90)), trip(after(900), Breaker.LOSSES_IN_ROW))
    assert override_end(Breaker.FAILURE_RATE, trips, NOON) == after(90)
    assert override_end(Breaker.WHALE_COOLDOWN, trips, NOON) == NOON
    assert override_end(Breaker.DAILY_LOSS, trips, NOON) == end_of_day(NOON)
    assert Breaker.WHALE_COOLDOWN.is_keyed
    assert not Breaker.DRAWDOWN.is_keyed
