"""Levels follow the bid and a person's word; a stop never falls, and every level can be reached."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.scene import NOW, TICK, price
from trading.amounts import TICK_SIZES
from trading.exits import ExitLevels, ExitRead
from trading.levels import Rise, change_levels, follow_bid, place_on_grid
from trading.rules import ExitRules
from trading.ticks import floor_to_tick, is_on_grid
from trading.types import LevelChange, Price

RULES = ExitRules()
FINE = price("0.001")
PLACED = ExitLevels(price("0.42"), price("0.65"), price("0.55"), price("0.58"))
ticks = st.sampled_from(sorted(TICK_SIZES))
prices = st.integers(min_value=1, max_value=9999).map(lambda n: Price(Decimal(n) / 10_000))


@given(entry=prices, told=st.lists(st.tuples(prices, ticks), min_size=1, max_size=30))
def test_a_trailing_stop_never_falls_and_levels_stay_on_the_grid(
    entry: Price, told: list[tuple[Price, Price]]
) -> None:
    levels = ExitLevels(None, None)
    for bid, tick in told:
        before, levels = levels, follow_bid(levels, entry, bid, tick, RULES)
        for level in (levels.stop_loss, levels.take_profit, levels.trailing_stop):
            assert level is None or is_on_grid(level, tick)
        assert levels.high_water is not None
        assert before.high_water is None or levels.high_water >= before.high_water
        if before.trailing_stop is not None:
            assert levels.trailing_stop is not None
            fallen = levels.trailing_stop < floor_to_tick(before.trailing_stop, tick)
            assert not fallen or levels.trailing_stop == Price(1 - tick)


@given(entry=prices, bid=prices, first=ticks, second=ticks)
def test_a_new_grid_moves_no_trigger(entry: Price, bid: Price, first: Price, second: Price) -> None:
    old = follow_bid(ExitLevels(None, None), entry, entry, first, RULES)
    new = place_on_grid(old, entry, second)
    told = floor_to_tick(bid, second)
    inner = second <= told <= 1 - second
    if inner and old.stop_loss is not None and new.stop_loss is not None:
        assert (told <= new.stop_loss) == (told <= max(old.stop_loss, second))
    if inner and old.take_profit is not None and new.take_profit is not None:
        assert (told >= new.take_profit) == (told >= min(old.take_profit, 1 - second))


@pytest.mark.parametrize(
    ("levels", "entry", "tick", "placed"),
    [
        (PLACED, "0.50", "0.01", PLACED),
        (
            ExitLevels(price("0.425"), price("0.651"), price("0.555")),
            "0.50",
            "0.01",
            ExitLevels(price("0.42"), price("0.66"), price("0.55")),
        ),
        (ExitLevels(price("0.004"), None), "0.50", "0.01", ExitLevels(price("0.01"), None)),
        (ExitLevels(price("0.004"), None), "0.008", "0.01", ExitLevels(None, None)),
        (ExitLevels(None, price("0.998")), "0.50", "0.01", ExitLevels(None, price("0.99"))),
        (ExitLevels(None, price("0.998")), "0.995", "0.01", ExitLevels(None, None)),
        (
            ExitLevels(None, None, price("0.995")),
            "0.50",
            "0.01",
            ExitLevels(None, None, price("0.99")),
        ),
    ],
)
def test_levels_are_brought_onto_the_grid_of_now(
    levels: ExitLevels, entry: str, tick: str, placed: ExitLevels
) -> None:
    assert place_on_grid(levels, price(entry), price(tick)) == placed


def test_levels_are_placed_at_the_first_sound_bid_and_then_follow() -> None:
    levels = follow_bid(ExitLevels(None, None), price("0.50"), price("0.51"), TICK, RULES)
    assert levels == ExitLevels(price("0.42"), price("0.65"), None, price("0.51"))
    levels = follow_bid(levels, price("0.50"), price("0.60"), TICK, RULES)
    assert levels.trailing_stop == price("0.57")


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (LevelChange("o", "w"), PLACED),
        (LevelChange("o", "w", price("0.30")), replace(PLACED, stop_loss=price("0.30"))),
        (LevelChange("o", "w", None, price("0")), replace(PLACED, take_profit=None)),
        (
            LevelChange("o", "w", None, None, price("0")),
            replace(PLACED, trailing_stop=None, is_trailing_off=True),
        ),
        (
            LevelChange("o", "w", None, None, price("0.56")),
            replace(PLACED, trailing_stop=price("0.56")),
        ),
    ],
)
def test_a_person_moves_and_drops_levels(change: LevelChange, changed: ExitLevels) -> None:
    assert change_levels(PLACED, change) == changed


def test_a_trailing_stop_that_was_dropped_stays_dropped_until_it_is_set() -> None:
    off = change_levels(PLACED, LevelChange("o", "w", trailing_stop_price=price("0")))
    risen = follow_bid(off, price("0.50"), price("0.90"), TICK, RULES)
    assert risen == replace(off, high_water=price("0.90"))
    other = change_levels(risen, LevelChange("o", "w", stop_loss_price=price("0.30")))
    assert other.is_trailing_off
    again = change_levels(other, LevelChange("o", "w", trailing_stop_price=price("0.70")))
    assert follow_bid(again, price("0.50"), price("0.90"), TICK, RULES).trailing_stop == price(
        "0.85"
    )


@pytest.mark.parametrize(
    ("reads", "high"),
    [
        ([("0.70", 0)], "0.50"),
        ([("0.70", 0), ("0.70", 0.9)], "0.50"),
        ([("0.70", 0), ("0.70", 1)], "0.70"),
        ([("0.70", 0), ("0.60", 0.5), ("0.80", 1)], "0.60"),
        ([("0.70", 0), ("0.50", 0.5), ("0.80", 1)], "0.50"),
        ([("0.70", 0), ("0.70", 1), ("0.90", 1.5), ("0.80", 2.5)], "0.80"),
        ([("0.70", 0), ("0.70", 1), ("0.90", 1.1)], "0.70"),
    ],
)
def test_a_bid_is_a_high_water_mark_once_it_has_lasted(
    reads: list[tuple[str, float]], high: str
) -> None:
    rise, mark = Rise(), price("0.50")
    for bid, at_s in reads:
        read = ExitRead(price(bid), NOW + timedelta(seconds=at_s))
        rise, mark = rise.observe(mark, read, RULES)
    assert mark == price(high)
