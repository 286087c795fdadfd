from collections import Counter
from itertools import pairwise

import pytest

from tests.chaos.kill_plan import SHARES, KillKind, plan_kills


def test_two_hundred_kills_have_the_shares_of_the_plan() -> None:
    kinds = Counter(kill.kind for kill in plan_kills(200, 3.0, 500.0, seed=7))
    assert kinds == {kind: 2 * share for kind, share in SHARES.items()}


@pytest.mark.parametrize("count", [0, 1, 4, 7, 33])
def test_any_number_of_kills_can_be_asked_for(count: int) -> None:
    kills = plan_kills(count, 3.0, 60.0, seed=1)
    assert len(kills) == count
    assert all(3.0 < kill.at_s < 60.0 for kill in kills)
    assert [kill.at_s for kill in kills] == sorted(kill.at_s for kill in kills)


def test_kills_are_spread_over_the_whole_load() -> None:
    kills = plan_kills(100, 0.0, 165.0, seed=5)
    gaps = [after.at_s - before.at_s for before, after in pairwise(kills)]
    assert min(gaps) > 0.2
    assert max(gaps) < 4.0


def test_a_seed_plans_its_own_kills() -> None:
    assert plan_kills(50, 0, 100, seed=1) == plan_kills(50, 0, 100, seed=1)
    assert plan_kills(50, 0, 100, seed=1) != plan_kills(50, 0, 100, seed=2)


def test_freezes_last_some_seconds() -> None:
    kills = plan_kills(200, 0, 400, seed=1)
    frozen = [kill.lasts_s for kill in kills if kill.kind is KillKind.FREEZE]
    assert frozen
    assert all(3.0 <= lasts_s <= 9.0 for lasts_s in frozen)
