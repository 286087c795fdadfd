"""Tests of the names of the faults."""

import pytest

from paper.fault_names import DELAYS_MS, NAMES, delay_ms
from paper.faults import Point


@pytest.mark.parametrize("point", list(Point))
def test_a_point_names_each_of_its_faults_once(point: Point) -> None:
    assert len(NAMES[point]) == len(set(NAMES[point])) > 0


def test_only_faults_that_exist_last_unasked() -> None:
    known = {name for names in NAMES.values() for name in names}
    assert set(DELAYS_MS) <= known
    assert delay_ms("hang") == 10_000
    assert delay_ms("stale") == 60_000
    assert delay_ms("drop_before") == 0
