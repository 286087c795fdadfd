"""A worker dies at every point of an order's life; the next one ends it as if nothing had been."""

from collections.abc import Mapping, Sequence

import pytest

from tests.chaos.crash_matrix import play_all
from tests.chaos.crash_play import Outcome
from tests.chaos.crash_points import MEANING, PLANTED, RUNS, SHORT, SKIPPED, Kind, Run
from tests.chaos.crash_stage import Lane


@pytest.fixture(scope="session")
async def played(request: pytest.FixtureRequest, lanes: Sequence[Lane]) -> Mapping[str, Outcome]:
    """The outcomes of all runs that this session asks for, played at once."""
    asked = {
        item.callspec.params["run"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and "played" in item.fixturenames
    }
    return await play_all(lanes, [run for run in (*RUNS, PLANTED) if run in asked])


def check(run: Run, played: Mapping[str, Outcome]) -> None:
    outcome = played[run.name]
    assert not outcome.faults, "\n".join([*outcome.faults, outcome.told])


@pytest.mark.parametrize("run", [r for r in RUNS if r.is_short], ids=lambda run: run.name)
def test_a_death_changes_nothing(run: Run, played: Mapping[str, Outcome]) -> None:
    check(run, played)


@pytest.mark.acceptance
@pytest.mark.parametrize("run", [r for r in RUNS if not r.is_short], ids=lambda run: run.name)
def test_no_death_changes_anything(run: Run, played: Mapping[str, Outcome]) -> None:
    check(run, played)


@pytest.mark.acceptance
@pytest.mark.parametrize("run", [PLANTED], ids=lambda run: run.name)
def test_an_order_with_another_salt_is_caught(run: Run, played: Mapping[str, Outcome]) -> None:
    assert any("at the venue is not ours" in fault for fault in played[run.name].faults)


@pytest.mark.parametrize("point", MEANING)
@pytest.mark.parametrize("kind", Kind)
def test_every_point_is_played_with_every_kind_or_said_not_to_exist(point: str, kind: Kind) -> None:
    is_played = any(run.point == point and run.kind is kind for run in RUNS)
    assert is_played is ((point, kind) not in SKIPPED)


def test_every_run_has_a_name_of_its_own() -> None:
    names = [run.name for run in RUNS]
    assert len(set(names)) == len(names)
    assert set(names) >= SHORT
