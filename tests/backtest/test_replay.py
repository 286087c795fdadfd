"""Whole looks back: what is copied, what it makes, and that nothing is known too early."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from backtest.errors import HindsightError
from backtest.plan import Plan
from backtest.port import Event, MarketListed
from backtest.replay import Replayed, replay
from tests.backtest.past import (
    OTHER,
    START,
    WHALE,
    Past,
    a_book,
    a_fill,
    a_good_past,
    a_market,
    a_story,
    after,
    won,
)
from trading.types import ExitReason, FeeSchedule, Side, Usd

PLAN = Plan()


def ends(found: Replayed) -> list[str]:
    return [verdict.outcome for verdict in found.verdicts]


def test_a_good_whale_is_copied_and_its_win_is_paid_out() -> None:
    found = replay(a_story(), PLAN)
    assert ends(found) == ["FILLED"]
    [fill] = found.fills
    [outcome] = found.outcomes
    assert outcome.left_by is ExitReason.RESOLUTION
    assert outcome.pnl == fill.size - fill.cost - fill.fee > 0
    assert found.equity[-1].equity == PLAN.bankroll + outcome.pnl


def test_a_lost_bet_costs_what_went_in_and_no_more() -> None:
    fees = FeeSchedule(Decimal("0.07"), 1)
    found = replay(a_story(paid=("0", "1"), market=a_market(fees=fees)), PLAN)
    [outcome] = found.outcomes
    assert outcome.fees > 0
    assert outcome.pnl == -outcome.cost


def test_a_void_market_pays_half() -> None:
    found = replay(a_story(paid=("0.5", "0.5")), PLAN)
    [outcome] = found.outcomes
    assert outcome.pnl == outcome.bought * 0


def test_the_order_meets_the_book_of_its_arrival_not_that_of_the_signal() -> None:
    market = a_market()
    moved = a_book(market, after(12.2), "0.50", "0.51")
    found = replay(a_story(moved, market=market), PLAN)
    [fill] = found.fills
    assert fill.sent_at < after(12.2) < fill.at
    assert fill.levels[0].price == Decimal("0.51")


def test_a_whale_without_a_past_is_not_copied() -> None:
    story = a_story()
    story.pasts = {}
    assert ends(replay(story, PLAN)) == ["QUALITY_TOO_LOW"]


def test_a_past_that_closes_after_the_window_began_does_not_count() -> None:
    """The future is planted: a brilliant record, all of which closes after the signal."""
    story = a_story()
    later = [replace(t, closed_at=t.closed_at + timedelta(days=365)) for t in a_good_past()]
    story.pasts = {WHALE: later}
    found = replay(story, PLAN)
    assert ends(found) == ["QUALITY_TOO_LOW"]


def test_events_out_of_the_order_of_time_are_refused() -> None:
    story = a_story()
    story.told.append(a_fill(a_market(), after(5)))
    with pytest.raises(HindsightError, match="in the order of time"):
        replay(story, PLAN)


def test_a_result_of_an_unlisted_market_is_refused() -> None:
    with pytest.raises(HindsightError, match="to be listed"):
        replay(Past([won(a_market(), after(1))]), PLAN)


def a_long_story(paid: tuple[str, str]) -> Past:
    told: list[Event] = []
    for n in range(6):
        begins = n * 7200
        market = a_market(f"m{n}", ends_at=after(begins + 6000))
        told += [
            MarketListed(after(begins), market, "news"),
            a_book(market, after(begins)),
            a_fill(market, after(begins + 10)),
            a_book(market, after(begins + 10)),
            a_book(market, after(begins + 60)),
            won(market, after(begins + 7000), *(paid if n >= 4 else ("1", "0"))),
        ]
    return Past(told)


def test_other_results_later_change_nothing_before() -> None:
    one = replay(a_long_story(("1", "0")), PLAN)
    two = replay(a_long_story(("0", "1")), PLAN)
    cut = after(4 * 7200 + 7000)
    assert [v for v in one.verdicts if v.at < cut] == [v for v in two.verdicts if v.at < cut]
    assert [f for f in one.fills if f.at < cut] == [f for f in two.fills if f.at < cut]
    assert [e for e in one.equity if e.at < cut] == [e for e in two.equity if e.at < cut]
    assert one.equity[-1] != two.equity[-1]


def test_a_past_cut_short_is_the_beginning_of_the_whole() -> None:
    whole = replay(a_long_story(("1", "0")), PLAN)
    cut = after(3 * 7200)
    short = replay(a_long_story(("1", "0")), replace(PLAN, until=cut))
    assert list(short.verdicts) == [v for v in whole.verdicts if v.at < cut]
    assert list(short.fills) == [f for f in whole.fills if f.at < cut]


def test_the_same_seed_gives_the_same_and_another_another() -> None:
    one, again = (replay(a_long_story(("1", "0")), PLAN) for _ in range(2))
    other = replay(a_long_story(("1", "0")), replace(PLAN, seed=2))
    assert one == again
    assert [f.at for f in one.fills] != [f.at for f in other.fills]


def test_before_since_nothing_is_copied_but_all_is_learned() -> None:
    found = replay(a_long_story(("1", "0")), replace(PLAN, since=after(3 * 7200)))
    assert {v.at >= after(3 * 7200) for v in found.verdicts} == {True}
    assert found.begins_at == after(3 * 7200)
    assert found.scores[WHALE].closed_trades > len(a_good_past())


def test_only_the_chosen_whales_are_copied() -> None:
    market = a_market("n")
    told: list[Event] = [
        MarketListed(after(0), market, "news"),
        a_book(market, after(1)),
        a_fill(market, after(10), wallet=OTHER),
        a_book(market, after(10)),
        a_book(market, after(20)),
    ]
    story = Past(told, pasts={WHALE: a_good_past(), OTHER: a_good_past()})
    assert ends(replay(story, replace(PLAN, whales=frozenset({WHALE})))) == []
    assert ends(replay(story, PLAN)) == ["FILLED"]


def test_what_is_held_at_the_end_is_marked_at_the_bid() -> None:
    market = a_market()
    told = a_story(a_book(market, after(30), "0.52", "0.53"), market=market).told[:-1]
    found = replay(Past(told), PLAN)
    [outcome] = found.outcomes
    assert outcome.closed_at is None
    assert outcome.realised == 0
    [fill] = found.fills
    assert outcome.pnl == fill.size * Decimal("0.52") - fill.cost


def test_a_stop_is_taken_on_two_reads_and_not_on_one() -> None:
    market = a_market()
    low = ("0.40", "0.41")
    once = a_story(a_book(market, after(60), *low), a_book(market, after(60.5)), market=market)
    assert replay(once, PLAN).outcomes[0].left_by is ExitReason.RESOLUTION
    twice = a_story(a_book(market, after(60), *low), a_book(market, after(62), *low), market=market)
    [outcome] = replay(twice, PLAN).outcomes
    assert outcome.left_by is ExitReason.STOP_LOSS
    assert outcome.closed_at is not None
    assert outcome.closed_at < after(64)


def test_the_whales_own_sale_is_mirrored_in_proportion() -> None:
    market = a_market()
    half = a_fill(market, after(600), size="2000", price="0.49", side=Side.SELL, tx="sale")
    found = replay(a_story(half, a_book(market, after(600)), market=market), PLAN)
    assert ends(found) == ["FILLED", "FILLED"]
    bought, sold = found.fills
    assert sold.side is Side.SELL
    assert sold.size == (bought.size / 2).quantize(Decimal("0.01"))
    assert sold.reason is ExitReason.WHALE_EXIT


def test_a_wash_trade_is_counted_and_not_copied() -> None:
    market = a_market()
    against = a_fill(market, after(10.1), price="0.50", side=Side.SELL, tx="against")
    found = replay(a_story(against, market=market), PLAN)
    assert found.washed == 2
    assert ends(found) == []


def test_an_order_heard_of_too_late_is_not_copied() -> None:
    found = replay(a_story(), replace(PLAN, heard_after=timedelta(seconds=11)))
    assert ends(found) == ["SIGNAL_TOO_OLD"]


def test_a_market_nobody_listed_and_one_without_a_book_are_told() -> None:
    market = a_market()
    assert ends(replay(Past([a_fill(market, after(1)), won_elsewhere()]), PLAN)) == []
    listed: list[Event] = [
        MarketListed(after(0), market, "news"),
        a_fill(market, after(1)),
        MarketListed(after(100), a_market("n"), "news"),
    ]
    assert ends(replay(Past(listed), PLAN)) == ["BOOK_INVALID"]
    unlisted: list[Event] = [a_fill(market, after(1)), MarketListed(after(9), a_market("n"), "x")]
    assert ends(replay(Past(unlisted), PLAN)) == ["MARKET_UNKNOWN"]


def won_elsewhere() -> Event:
    return MarketListed(after(1.5), a_market("n"), "news")


def test_the_whales_own_result_is_known_only_after_it_closed() -> None:
    market = a_market()
    found = replay(a_story(market=market), PLAN)
    assert found.own_pnl[WHALE] == Usd(Decimal(2000))
    assert found.own_pnl[OTHER] == 0


def test_progress_is_told() -> None:
    told: list[tuple[datetime, int, int]] = []
    replay(a_story(), PLAN, lambda at, signals, fills: told.append((at, signals, fills)))
    assert told == [(START, 0, 0)]


def test_a_history_may_be_empty_of_what_is_judged() -> None:
    found = replay(a_story(), replace(PLAN, since=START + timedelta(days=9)))
    assert found.verdicts == ()
    assert found.begins_at <= found.ends_at


def test_a_loss_larger_than_a_day_may_lose_halts_the_next_entry() -> None:
    """Sized as a fixed sum that cannot be refused, so that only the breaker can say no."""
    rules = replace(PLAN.rules, risk=replace(PLAN.rules.risk, daily_loss_max=Usd(Decimal(1))))
    market, second = a_market(), a_market("second", ends_at=after(90_000))
    later: list[Event] = [
        MarketListed(after(40_100), second, "news"),
        a_book(second, after(40_101)),
        a_fill(second, after(42_010)),
        a_book(second, after(42_010)),
        won(second, after(80_000)),
    ]
    story = a_story(paid=("0", "1"), market=market)
    story.told += later
    found = replay(story, replace(PLAN, rules=rules))
    assert ends(found) == ["FILLED", "ENTRIES_HALTED"]


def test_a_closed_trade_is_learned_once_and_known_to_the_next_window() -> None:
    story = a_long_story(("1", "0"))
    story.pasts = {}
    story.names = {WHALE: "whale"}
    found = replay(story, replace(PLAN, window=timedelta(hours=1)))
    assert found.scores[WHALE].closed_trades == 6 - 1
