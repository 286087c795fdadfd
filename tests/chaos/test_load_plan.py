from collections import defaultdict
from pathlib import Path

import pytest

from paper.tape import Snapshot, WhaleOrder, open_tape
from tests.chaos.load_plan import Caps, LoadPlan, plan_load, play_caps
from tests.chaos.options import RATE, ChaosOptions
from tests.chaos.tape import WALLETS, outcome_of, signal_keys, write_load_tape

UNCAPPED = Caps(10**9, 10**9, 10**9, 10**9)


@pytest.fixture(scope="module")
def plan() -> LoadPlan:
    return plan_load(ChaosOptions(trades=1000, kills=200, seed=7))


def test_the_same_options_plan_the_same_load(plan: LoadPlan) -> None:
    assert plan_load(ChaosOptions(trades=1000, kills=200, seed=7)) == plan
    assert plan_load(ChaosOptions(trades=1000, kills=200, seed=8)) != plan


def test_the_load_keeps_the_asked_rate(plan: LoadPlan) -> None:
    assert len(plan.orders) == 1000
    assert plan.ends_at_s == pytest.approx(3 + 1000 / RATE, rel=0.05)


def test_many_kills_stretch_a_short_load() -> None:
    assert ChaosOptions(trades=10, kills=100, seed=1).load_s == 80


def test_enough_orders_are_sales_of_what_was_bought_before(plan: LoadPlan) -> None:
    assert plan.sales >= 0.15 * len(plan.orders)
    refused, _ = play_caps(plan.orders, UNCAPPED)
    assert refused == 0


def test_nothing_is_sold_before_it_can_have_settled(plan: LoadPlan) -> None:
    touched_at: dict[tuple[int, int], float] = {}
    for order in plan.orders:
        key = (order.whale, order.market)
        if order.is_sale:
            assert order.at_s - touched_at[key] >= 8
        touched_at[key] = order.at_s


def test_the_caps_bite_a_little(plan: LoadPlan) -> None:
    refused, used = play_caps(plan.orders, plan.caps)
    assert 0 < refused <= 0.12 * len(plan.orders)
    assert used.wallet > 0.9 * plan.caps.wallet


def test_every_order_is_told_from_every_other(plan: LoadPlan) -> None:
    assert sorted(signal_keys(plan).values()) == [order.number for order in plan.orders]


def test_the_tape_holds_the_plan_and_its_books_rise_for_what_whales_trade(tmp_path: Path) -> None:
    plan = plan_load(ChaosOptions(trades=20, kills=0, seed=3))
    tape = open_tape(write_load_tape(tmp_path / "load.tape", plan))
    events = list(tape.events())
    orders = [event for event in events if isinstance(event, WhaleOrder)]
    assert [order.number for order in orders] == [order.number for order in plan.orders]
    sizes = [sum(fill.size for fill in order.fills) // 1_000_000 for order in orders]
    assert sizes == [order.size for order in plan.orders]
    assert {order.wallet for order in orders} <= set(WALLETS)
    bids: defaultdict[int, list[int]] = defaultdict(list)
    for event in events:
        if isinstance(event, Snapshot):
            market = int(event.condition_id, 16) - 1
            first = event.bids[0].price
            bids[market].append(first if outcome_of(market) == 0 else -first)
    assert all(prices == sorted(prices) for prices in bids.values())


def test_whale_orders_can_be_kept_in_one_piece() -> None:
    plan = plan_load(ChaosOptions(trades=50, kills=0, seed=3, fills_max=1))
    assert {order.fills for order in plan.orders} == {1}
