"""When a position is left, and at which price."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.scene import NOW, TICK, order_book, price, shares
from tests.trading.ticks_of_books import gap, judge, lies
from trading.amounts import TICK_SIZES
from trading.exits import (
    ExitLevels,
    ExitRead,
    ExitWatch,
    exit_condition,
    exit_price,
    levels_at_entry,
    raise_trailing,
    read_exit,
)
from trading.rules import ExitRules
from trading.ticks import is_on_grid
from trading.types import ExitReason, OrderBook, Price, Shares

RULES = ExitRules()
ticks = st.sampled_from(sorted(TICK_SIZES))
LEVELS = ExitLevels(price("0.42"), price("0.65"), price("0.55"), price("0.58"))


@pytest.mark.parametrize(
    ("entry", "tick", "stop", "target"),
    [
        ("0.50", "0.01", "0.42", "0.65"),
        ("0.503", "0.01", "0.42", "0.66"),
        ("0.50", "0.001", "0.425", "0.65"),
    ],
)
def test_levels_stand_around_the_entry(entry: str, tick: str, stop: str, target: str) -> None:
    levels = levels_at_entry(price(entry), price(tick), RULES)
    assert levels == ExitLevels(price(stop), price(target), None, price(entry))


@pytest.mark.parametrize(
    ("entry", "stop", "target", "notes"),
    [
        ("0.80", "0.68", "0.99", ["take-profit at 1.0400 is beyond the price grid"]),
        ("0.011", "0.01", "0.02", ["stop-loss at 0.00935 is beyond the price grid"]),
        ("0.01", None, "0.02", ["stop-loss at 0.0085", "stop-loss is off"]),
        ("0.99", "0.84", None, ["take-profit at 1.2870", "take-profit is off"]),
    ],
)
def test_a_level_out_of_reach_is_placed_at_the_last_tick_and_said(
    entry: str, stop: str | None, target: str | None, notes: list[str]
) -> None:
    levels = levels_at_entry(price(entry), TICK, RULES)
    assert levels.stop_loss == (None if stop is None else Decimal(stop))
    assert levels.take_profit == (None if target is None else Decimal(target))
    assert len(levels.notes) == len(notes)
    assert all(note.startswith(start) for note, start in zip(levels.notes, notes, strict=True))


@given(entry=st.decimals(min_value="0.0001", max_value="0.9999", places=6).map(Price), tick=ticks)
def test_every_level_can_be_reached(entry: Price, tick: Price) -> None:
    levels = levels_at_entry(entry, tick, RULES)
    for level in (levels.stop_loss, levels.take_profit):
        assert level is None or is_on_grid(level, tick)
    assert levels.stop_loss is None or levels.stop_loss < entry
    assert levels.take_profit is None or levels.take_profit > entry


def test_the_trailing_stop_arms_at_ten_percent_and_only_rises() -> None:
    entry = price("0.50")
    levels = levels_at_entry(entry, TICK, RULES)
    stops = []
    for bid in ("0.40", "0.54", "0.55", "0.60", "0.57", "0.55"):
        levels = raise_trailing(levels, entry, price(bid), TICK, RULES)
        stops.append(None if levels.trailing_stop is None else str(levels.trailing_stop))
    assert stops == [None, None, "0.52", "0.57", "0.57", "0.57"]
    assert levels.high_water == Decimal("0.60")


def test_a_trailing_stop_beyond_the_grid_arms_at_the_last_tick() -> None:
    entry = price("0.95")
    levels = raise_trailing(ExitLevels(None, None), entry, price("0.98"), TICK, RULES)
    assert levels.trailing_stop is None
    levels = raise_trailing(levels, entry, price("0.99"), TICK, RULES)
    assert levels.trailing_stop == Decimal("0.94")


@pytest.mark.parametrize(
    ("bid", "reason"),
    [
        ("0.56", None),
        ("0.55", ExitReason.TRAILING_STOP),
        ("0.42", ExitReason.STOP_LOSS),
        ("0.64", None),
        ("0.65", ExitReason.TAKE_PROFIT),
    ],
)
def test_the_bid_decides(bid: str, reason: ExitReason | None) -> None:
    assert exit_condition(LEVELS, price(bid)) is reason


def test_levels_that_are_off_trigger_nothing() -> None:
    off = ExitLevels(None, None)
    assert exit_condition(off, price("0.01")) is None
    assert exit_condition(off, price("0.99")) is None


@pytest.mark.parametrize(
    ("book", "fault"),
    [
        (order_book(), ""),
        (order_book(asks=()), ""),  # near a resolution nobody sells
        (order_book(bids=(("0.02", "9000"),), asks=()), "spread is 0.98"),
        (order_book(bids=(("0.01", "9000"),), asks=(("0.99", "9000"),)), "spread is 0.98"),
        (order_book(bids=()), "no bids"),
        (order_book(received_at=NOW - timedelta(seconds=5)), ""),
        (order_book(received_at=NOW - timedelta(seconds=6)), "old"),
        (order_book(bids=(("1", "9000"),), asks=()), "not within"),
        (order_book(bids=(("0.60", "9000"),)), "crossed"),
        (order_book(bids=(("0.49", "9"), ("0.44", "41"))), ""),
        (order_book(bids=(("0.49", "9"), ("0.43", "41"))), "only 9 bid for within 5 ticks"),
    ],
)
def test_only_a_sound_book_may_trigger(book: OrderBook, fault: str) -> None:
    read = read_exit(book, shares("100"), NOW, RULES)
    assert fault in read.fault
    assert bool(fault) is bool(read.fault)
    assert read.read_at == book.received_at


def read(bid: str, at_s: float, fault: str = "", *, is_streamed: bool = False) -> ExitRead:
    return ExitRead(price(bid), NOW + timedelta(seconds=at_s), fault, is_streamed)


def observed(*reads: ExitRead) -> list[ExitReason | None]:
    watch, reasons = ExitWatch(), []
    for one in reads:
        watch, reason = watch.observe(LEVELS, one, RULES)
        reasons.append(reason)
    return reasons


STOP = ExitReason.STOP_LOSS


@pytest.mark.parametrize(
    ("reads", "last"),
    [
        ([read("0.40", 0)], None),
        ([read("0.40", 0), read("0.40", 1)], STOP),
        ([read("0.40", 0), read("0.40", 0.9)], None),
        ([read("0.40", 0), read("0.40", 0.9), read("0.40", 1.0)], STOP),
        ([read("0.40", 0), read("0.40", 0)], None),  # a frozen book is one read
        ([read("0.40", 0), read("0.60", 1), read("0.40", 2)], None),
        ([read("0.40", 0, "crossed"), read("0.40", 1)], None),
        ([read("0.40", 0), read("0.01", 1, "crossed"), read("0.40", 2)], STOP),
        ([read("0.50", 0), read("0.40", 1)], STOP),  # trailing, then the stop: both fall
        ([read("0.70", 0), read("0.40", 1)], None),  # up, then down
        ([read("0.70", 0), read("0.70", 1)], ExitReason.TAKE_PROFIT),
    ],
)
def test_an_exit_needs_two_sound_reads_a_second_apart(
    reads: list[ExitRead], last: ExitReason | None
) -> None:
    reasons = observed(*reads)
    assert reasons[-1] is last
    assert not any(reasons[:-1])


def test_a_stream_confirms_itself_only_when_no_answer_came() -> None:
    streamed = [read("0.40", at_s, is_streamed=True) for at_s in (0, 1, 1.9, 2)]
    assert observed(*streamed) == [None, None, None, STOP]
    assert observed(streamed[0], read("0.40", 1)) == [None, STOP]
    assert observed(read("0.40", 0), streamed[1]) == [None, None]


def test_after_an_exit_the_watch_starts_anew() -> None:
    assert observed(*[read("0.40", s) for s in range(4)]) == [None, STOP, None, STOP]


@given(
    bids=st.lists(
        st.tuples(
            st.sampled_from(["0.40", "0.60", "0.70"]),
            st.booleans(),
            st.sampled_from([0.0, 0.4, 1.0]),
        ),
        max_size=30,
    )
)
def test_an_exit_happens_only_on_two_agreeing_reads(bids: list[tuple[str, bool, float]]) -> None:
    at, watch = 0.0, ExitWatch()
    sound: list[ExitRead] = []
    for bid, is_sound, wait in bids:
        at += wait
        one = read(bid, at, "" if is_sound else "stale")
        watch, reason = watch.observe(LEVELS, one, RULES)
        if is_sound:
            sound.append(one)
        if reason is not None:
            old = [r.read_at <= one.read_at - RULES.reads_apart for r in sound]
            assert any(old)
            since = sound[len(old) - 1 - old[::-1].index(True) :]
            assert {exit_condition(LEVELS, r.bid) for r in since} == {reason}


def test_a_trailing_stop_that_is_off_is_not_armed_again() -> None:
    off = ExitLevels(None, None, None, price("0.50"), is_trailing_off=True)
    levels = raise_trailing(off, price("0.50"), price("0.60"), TICK, RULES)
    assert levels == replace(off, high_water=price("0.60"))


@pytest.mark.parametrize(
    ("trigger", "prices"),
    [
        ("0.42", ["0.40", "0.40", "0.36", "0.01", None]),  # 0.399 and 0.357, up
        ("0.10", ["0.08", "0.08", "0.08", "0.01", None]),  # two ticks are more than 15 %
        ("0.02", ["0.01", "0.01", "0.01", "0.01", None]),
        ("0.99", ["0.97", "0.95", "0.85", "0.01", None]),
    ],
)
def test_the_ladder_goes_down_to_the_floor(trigger: str, prices: list[str | None]) -> None:
    found = [exit_price(price(trigger), step, TICK, RULES) for step in range(5)]
    assert found == [None if p is None else Decimal(p) for p in prices]


def test_a_person_puts_the_floor_lower_and_never_higher() -> None:
    tick = price("0.001")
    for lowest, last in (("0.004", "0.004"), ("0.0041", "0.005"), ("0.2", "0.01"), (None, "0.01")):
        given_price = None if lowest is None else price(lowest)
        found = [exit_price(price("0.006"), step, tick, RULES, given_price) for step in (0, 3, 4)]
        assert found == [max(price("0.004"), price(last)), price(last), None]


@given(
    trigger=st.decimals(min_value="0.0001", max_value="0.9999", places=4).map(Price),
    tick=ticks,
    floor=st.decimals(min_value="0.0001", max_value="0.3", places=4).map(Price),
)
def test_no_try_is_below_the_floor_or_above_the_one_before(
    trigger: Price, tick: Price, floor: Price
) -> None:
    rules = replace(RULES, floor=floor)
    found = [exit_price(trigger, step, tick, rules) for step in range(4)]
    prices = [p for p in found if p is not None]
    assert len(prices) == 4
    assert prices == sorted(prices, reverse=True)
    assert all(is_on_grid(p, tick) and p >= floor for p in prices)


def test_ten_thousand_phantom_books_trigger_nothing() -> None:
    assert judge(lies(Random(1), 10_000), RULES).exits == ()


def test_of_a_thousand_gaps_each_is_left_or_told_within_five_seconds() -> None:
    for seed in range(1000):
        verdict = judge(gap(Random(seed)), RULES)
        assert verdict.told_after is not None, seed
        assert verdict.told_after <= timedelta(seconds=5), seed
        assert ExitReason.TAKE_PROFIT not in verdict.exits, seed


@pytest.mark.parametrize(
    "rules",
    [
        replace(RULES, reads_apart=timedelta(0)),
        replace(RULES, book_age_max=timedelta(days=1)),
        replace(RULES, depth_share=Decimal(0)),
        replace(RULES, spread_max=Price(Decimal(1))),
    ],
    ids=["one read is enough", "any age", "any depth", "any spread"],
)
def test_phantom_books_find_out_rules_that_ask_for_less(rules: ExitRules) -> None:
    assert judge(lies(Random(1), 10_000), rules).exits


def test_phantom_books_find_out_who_looks_at_the_mid_price(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_mid(book: OrderBook, held: Shares, now: datetime, rules: ExitRules) -> ExitRead:
        found = read_exit(book, held, now, replace(rules, spread_max=Price(Decimal(1))))
        if not book.bids or not book.asks:
            return found
        return replace(found, bid=Price((book.bids[0].price + book.asks[0].price) / 2), fault="")

    monkeypatch.setattr("tests.trading.ticks_of_books.read_exit", read_mid)
    assert judge(lies(Random(1), 10_000), RULES).exits


def test_a_fall_that_no_sound_book_shows_is_doubted_until_one_does() -> None:
    levels = LEVELS
    watch, _ = ExitWatch().observe(levels, read("0.70", 0, "thin"), RULES)
    assert watch.doubted_at is None  # nobody loses by waiting for a target
    watch, _ = watch.observe(levels, read("0", 1, "no bids"), RULES)
    watch, _ = watch.observe(levels, read("0.02", 3, "spread"), RULES)
    assert not watch.is_doubtful(NOW + timedelta(seconds=3.9), RULES)
    assert watch.is_doubtful(NOW + timedelta(seconds=4), RULES)
    watch, _ = watch.observe(levels, read("0.60", 4), RULES)
    assert not watch.is_doubtful(NOW + timedelta(seconds=9), RULES)
