"""What a look back amounts to."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from backtest.figures import Money, figure, units_of
from backtest.plan import Plan
from backtest.records import EquityPoint, Outcome
from backtest.replay import Replayed, replay
from tests.backtest.past import OTHER, START, WHALE, a_market, a_story, after
from trading.types import ExitReason, Usd, Wallet

PLAN = Plan(resamples=200)


def an_outcome(
    pnl: str, market: str = "m", day: int = 0, whale: Wallet = WHALE, cost: str = "100"
) -> Outcome:
    found = a_market(market)
    return Outcome(
        whale=whale,
        market=found,
        token_id=found.token_ids[0],
        opened_at=START + timedelta(days=day),
        closed_at=START + timedelta(days=day, hours=1),
        cost=Usd(Decimal(cost)),
        bought=Usd(Decimal(cost) - 1),
        sold=Usd(Decimal(0)),
        fees=Usd(Decimal(1)),
        realised=Usd(Decimal(pnl)),
        pnl=Usd(Decimal(pnl)),
        left_by=ExitReason.RESOLUTION,
    )


def a_replayed(*outcomes: Outcome) -> Replayed:
    return replace(replay(a_story(), PLAN), outcomes=outcomes)


def test_money_is_summed_over_positions() -> None:
    found = figure(a_replayed(an_outcome("30"), an_outcome("-10", "n")), PLAN)
    assert found.money == Money(
        positions=2,
        wins=1,
        cost=Usd(Decimal(200)),
        turnover=Usd(Decimal(198)),
        fees=Usd(Decimal(2)),
        realised=Usd(Decimal(20)),
        marked=Usd(Decimal(0)),
    )
    assert found.money.hit_rate == Decimal("0.5")
    assert found.money.result == Decimal("0.1")
    assert found.money.pnl == 20


def test_marks_are_told_apart_from_what_was_realised() -> None:
    held = replace(an_outcome("5"), closed_at=None, realised=Usd(Decimal(-1)))
    money = figure(a_replayed(held), PLAN).money
    assert [money.realised, money.marked, money.pnl] == [-1, 6, 5]


def test_nothing_copied_has_no_rates_and_the_plain_words() -> None:
    found = figure(a_replayed(), PLAN)
    assert found.money.hit_rate is None
    assert found.money.result is None
    assert found.luck.words == "no evidence: nothing copied"
    assert found.luck.probability == 1


def test_all_copies_of_a_market_are_one_unit() -> None:
    outcomes = [an_outcome("1"), an_outcome("2", "n"), an_outcome("4", day=1)]
    units = units_of(outcomes, is_daily=False)
    assert [figure for unit in units for figure in (unit.cost, unit.pnl)] == [200, 5, 100, 2]
    assert len(units_of(outcomes, is_daily=True)) == 1


def test_by_day_a_market_belongs_whole_to_the_day_of_its_first_copy() -> None:
    outcomes = [an_outcome("1"), an_outcome("2", "n", 1), an_outcome("4", day=1)]
    units = units_of(outcomes, is_daily=True)
    assert [unit.pnl for unit in units] == [5, 2]


def test_days_are_the_units_once_there_are_twenty() -> None:
    few = figure(a_replayed(*(an_outcome("1", str(n), n) for n in range(19))), PLAN)
    many = figure(a_replayed(*(an_outcome("1", str(n), n) for n in range(20))), PLAN)
    assert (few.unit, many.unit) == ("market", "day")


def test_a_whale_that_always_wins_is_found_and_another_is_not() -> None:
    outcomes = [an_outcome("90", f"m{n}") for n in range(40)]
    outcomes += [an_outcome("-90", f"n{n}", whale=OTHER) for n in range(40)]
    found = figure(a_replayed(*outcomes), PLAN)
    one, other = found.whales
    assert (one.wallet, other.wallet) == (WHALE, OTHER)
    assert one.luck.has_evidence
    assert one.luck.words == "evidence of an edge after costs"
    assert other.luck.words == "no evidence"
    assert one.luck.probability >= one.luck.probability_alone


def test_having_looked_at_many_weakens_what_one_shows() -> None:
    outcomes = [an_outcome("90", f"m{n}") for n in range(7)]
    alone = figure(a_replayed(*outcomes), replace(PLAN, looked_at=1, whales=frozenset({WHALE})))
    among = figure(a_replayed(*outcomes), replace(PLAN, looked_at=1000, whales=frozenset({WHALE})))
    assert alone.whales[0].luck.has_evidence
    assert not among.whales[0].luck.has_evidence
    assert (alone.tested, among.tested) == (1, 1000)


def test_the_deepest_fall_is_from_the_highest_peak_before_it() -> None:
    worth = [10_000, 11_000, 9_900, 10_500, 10_000, 12_000, 11_500]
    points = tuple(
        EquityPoint(after(n), Usd(Decimal(usd)), Usd(Decimal(0))) for n, usd in enumerate(worth)
    )
    found = figure(replace(a_replayed(), equity=points), PLAN)
    assert found.drawdown == 1100
    assert found.drawdown_share == Decimal("0.1")


def test_each_day_tells_what_was_realised_and_how_equity_changed() -> None:
    points = (
        EquityPoint(START, Usd(Decimal(10_010)), Usd(Decimal(0))),
        EquityPoint(START + timedelta(days=1), Usd(Decimal(9_990)), Usd(Decimal(-5))),
    )
    found = figure(replace(a_replayed(), equity=points), PLAN)
    assert [day.realised for day in found.days] == [0, -5]
    assert [day.change for day in found.days] == [10, -20]


def test_refusals_are_counted_the_most_frequent_first() -> None:
    found = figure(replay(a_story(), PLAN), PLAN)
    assert found.refusals == {"FILLED": 1}
    assert found.whales[0].copied == 1
