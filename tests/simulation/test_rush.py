"""However many want out of a position at once, it is sold once."""

import logging

import pytest

from tests.simulation.rush import SOLD, Rush, an_exit_for_everybody

SEEDS = range(120)
LONG = range(1_700)


@pytest.fixture(autouse=True)
def quiet() -> None:
    """Keep the workflows' own log out of the way."""
    logging.getLogger("temporalio.workflow").disabled = True


def play(seeds: range) -> tuple[dict[int, list[str]], int]:
    """Return what went wrong by seed, and how many seeds came to a rush."""
    faults, rushes = {}, 0
    for seed in seeds:
        rush = Rush(seed)
        faults[seed] = list(rush.find_faults())
        rushes += SOLD in rush.world.tables.signals
    return {seed: found for seed, found in faults.items() if found}, rushes


def test_stop_target_person_and_whale_within_10_ms_are_one_exit() -> None:
    faults, rushes = play(SEEDS)
    assert faults == {}
    assert rushes >= 50


@pytest.mark.acceptance
def test_a_thousand_rushes_are_one_exit_each() -> None:
    faults, rushes = play(LONG)
    assert faults == {}
    assert rushes >= 1_000


def test_an_exit_for_everybody_sells_too_much_and_is_caught() -> None:
    with an_exit_for_everybody():
        caught = (seed for seed in SEEDS if any("I11" in f for f in Rush(seed).find_faults()))
        seed = next(caught)
    assert list(Rush(seed).find_faults()) == []
