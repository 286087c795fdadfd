"""Tests of giving disappeared asks to made-up wallets."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper.model import MICROS, Level, Side
from paper.tape import WhaleOrder
from paper.tapes.cast import CAST, Character, Style
from paper.tapes.moments import Moment
from paper.tapes.story import (
    HOLD_MS,
    REST_MS,
    Ending,
    choose_sides,
    is_copyable,
    is_lasting,
    slice_fills,
    tell_story,
)

ID = "0xaa"
ENDING = Ending(ends_at=900_000, winner=0)
TAKER = Character("taker", "skilful", Style.TAKER, 1.0, 0.5, 10, 10)


def shares(cents: int, count: int) -> Level:
    return Level(cents * 10_000, count * MICROS)


def moment(at: int = 100_000, outcome_index: int = 0, *gone: Level) -> Moment:
    return Moment(at, ID, outcome_index, gone or (shares(50, 3_000),), 490_000, 500_000, 500_000)


def story(
    moments: Sequence[Moment], *cast: Character, ending: Ending = ENDING, seed: int = 1
) -> list[WhaleOrder]:
    addresses = {c.name: f"0x{c.name}" for c in cast}
    return list(tell_story(moments, {ID: ending}, cast, addresses, seed))


def every(step_ms: int, count: int, outcome_index: int = 0, start: int = 100_000) -> list[Moment]:
    return [moment(start + i * step_ms, outcome_index) for i in range(count)]


def test_a_taker_buys_what_disappeared_of_the_side_it_believes_in() -> None:
    orders = story(every(60_000, 9), TAKER)
    assert orders
    assert orders[0] == WhaleOrder(
        at=orders[0].at,
        number=1,
        wallet="0xtaker",
        condition_id=ID,
        outcome_index=0,
        side=Side.BUY,
        is_maker=False,
        fills=(shares(50, 3_000),),
    )
    assert [o.number for o in orders] == list(range(1, len(orders) + 1))


def test_nobody_buys_the_side_nobody_believes_in() -> None:
    assert story(every(60_000, 9, outcome_index=1), TAKER) == []


def test_a_wrong_wallet_buys_the_side_that_loses() -> None:
    wrong = replace(TAKER, right_share=0.0)
    orders = story(every(60_000, 9, outcome_index=1), wrong)
    assert {o.outcome_index for o in orders} == {1}


def test_small_moments_are_left_alone() -> None:
    assert story([moment(100_000, 0, shares(50, 1_999))] * 20, TAKER) == []


def test_a_wallet_rests_between_its_orders_and_stops_after_five() -> None:
    orders = story(every(1_000, 700), TAKER)
    gaps = [b.at - a.at for a, b in pairwise(orders)]
    assert min(gaps) >= REST_MS
    assert len(orders) == 5


def test_a_maker_is_hit_at_one_price_on_the_other_side() -> None:
    maker = replace(TAKER, style=Style.MAKER)
    gone = (shares(50, 1_500), shares(52, 4_000))
    orders = story([moment(100_000 + i * 60_000, 1, *gone) for i in range(9)], maker)
    assert orders
    for order in orders:
        assert order.is_maker
        assert order.outcome_index == 0
        assert order.side is Side.BUY
        assert {fill.price for fill in order.fills} == {480_000}
        assert sum(fill.size for fill in order.fills) == 4_000 * MICROS


def test_a_maker_is_left_out_where_no_single_price_is_large_enough() -> None:
    maker = replace(TAKER, style=Style.MAKER)
    gone = (shares(50, 1_500), shares(51, 1_500))
    assert story([moment(100_000 + i * 60_000, 1, *gone) for i in range(9)], maker) == []


def test_a_seller_sells_what_it_holds_when_bids_disappear() -> None:
    seller = replace(TAKER, sells=True)
    moments = every(1_000, 60) + every(1_000, 300, outcome_index=1, start=160_000)
    orders = story(moments, seller)
    bought = sum(f.size for o in orders if o.side is Side.BUY for f in o.fills)
    sales = [o for o in orders if o.side is Side.SELL]
    assert sales
    assert all(o.outcome_index == 0 and not o.is_maker for o in sales)
    assert all({f.price for f in o.fills} == {500_000} for o in sales)
    assert 0 < sum(f.size for o in sales for f in o.fills) <= bought
    last_buy = max(o.at for o in orders if o.side is Side.BUY and o.at < sales[0].at)
    assert sales[0].at - last_buy >= HOLD_MS


def test_a_wallet_that_does_not_sell_holds_to_the_end() -> None:
    moments = every(1_000, 60) + every(1_000, 300, outcome_index=1, start=160_000)
    assert {o.side for o in story(moments, TAKER)} == {Side.BUY}


def test_a_slicer_takes_a_level_in_many_fills() -> None:
    slicer = replace(TAKER, style=Style.SLICED)
    for order in story(every(60_000, 9), slicer):
        assert 10 <= len(order.fills) <= 100
        assert sum(fill.size for fill in order.fills) == 3_000 * MICROS


def test_the_same_seed_tells_the_same_story_and_another_seed_another() -> None:
    moments = every(1_000, 700)
    one, again, other = (story(moments, *CAST, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_a_wallet_is_right_in_its_share_of_the_markets(share: float) -> None:
    endings = {str(i): Ending(1, i % 2) for i in range(20)}
    character = replace(TAKER, right_share=share)
    sides = choose_sides([character], endings, random.Random(3))
    right = sum(sides["taker", i] == ending.winner for i, ending in endings.items())
    assert right == round(20 * share)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (moment(), True),
        (moment(at=660_000), False),
        (replace(moment(), bid_after=460_000), False),
        (replace(moment(), ask_after=511_000), False),
        (
            replace(
                moment(100_000, 0, shares(5, 90_000)),
                ask_after=50_000,
                bid_after=40_000,
                ask_highest=50_000,
            ),
            False,
        ),
        (
            replace(moment(100_000, 0, shares(95, 9_000)), ask_after=950_000, ask_highest=950_000),
            False,
        ),
    ],
    ids=["good", "late", "wide", "moved", "cheap", "dear"],
)
def test_a_copier_has_a_chance_early_inside_the_band_and_near_the_price(
    changed: Moment, expected: object
) -> None:
    assert is_copyable(changed, ENDING) is expected


def test_a_moment_lasts_while_its_asks_stay_near_the_price() -> None:
    assert is_lasting(moment())
    assert not is_lasting(replace(moment(), ask_highest=511_000))


@given(
    st.lists(st.integers(1, 3_000_000), min_size=1, max_size=5),
    st.integers(1, 100),
    st.integers(0, 9),
)
def test_slices_add_up_at_every_price(cents: list[int], count: int, seed: int) -> None:
    fills = [Level((i + 1) * 10_000, size * 10_000) for i, size in enumerate(cents)]
    cut = slice_fills(fills, count, random.Random(seed))
    for fill in fills:
        parts = [part.size for part in cut if part.price == fill.price]
        assert sum(parts) == fill.size
        assert len(parts) == 1 or min(parts) >= 5 * MICROS
        assert all(part % 10_000 == 0 for part in parts)
    assert len(cut) <= count + len(fills)
