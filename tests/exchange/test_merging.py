"""Repeated fills are told from new ones, with and without an identity of their own."""

from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.polymarket import merging
from exchange.polymarket.merging import SurplusMerger
from exchange.polymarket.rtds import fill_of
from exchange.polymarket.wire import parse
from exchange.polymarket.wire_data import ActivityRow
from tests.exchange.samples import AT, activity_row
from trading.types import Shares, Source, WhaleFill

FILL = fill_of(parse(ActivityRow, activity_row()), Source.RTDS, AT)


def sized(size: str) -> WhaleFill:
    return replace(FILL, size=Shares(Decimal(size)))


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "REMEMBERED_MAX", 2)
    merger = SurplusMerger()
    for number in range(3):
        assert merger.new_part(replace(FILL, transaction_hash=str(number)), "x") is not None
    assert merger.new_part(replace(FILL, transaction_hash="0"), "y") is not None


def test_equal_fills_of_one_transaction_all_pass_once() -> None:
    merger = SurplusMerger()
    first = [merger.new_part(FILL, "socket 1") for _ in range(3)]
    second = [merger.new_part(FILL, "socket 2") for _ in range(3)]
    assert first == [FILL, FILL, FILL]
    assert second == [None, None, None]


def test_a_copy_that_knows_more_adds_the_difference_only() -> None:
    merger = SurplusMerger()
    assert merger.new_part(sized("5"), "fills") == sized("5")
    assert merger.new_part(sized("12"), "summed") == sized("7")
    assert merger.new_part(sized("7"), "fills") is None


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_largest_total_of_any_copy_passes_in_whatever_order(
    sizes: list[int], rng: Random
) -> None:
    copies = [("a", sizes), ("b", sizes[: len(sizes) // 2]), ("c", [sum(sizes)])]
    told = [(name, size) for name, told_sizes in copies for size in told_sizes]
    rng.shuffle(told)
    merger = SurplusMerger()
    parts = [merger.new_part(sized(str(size)), name) for name, size in told]
    assert sum(part.size for part in parts if part) == sum(sizes)
