"""The whole flow under seeded accidents: nothing doubled, lost or overspent."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.scenario import Play
from tests.simulation.seeds import play_range

ROOT = Path(__file__).parent.parent.parent
TWIN = range(700)
REACHED = {
    "entries filled": 200,
    "exits filled": 100,
    "kills": 100,
    "freezes": 50,
    "hand-overs": 10,
    "resolutions": 20,
    "cancels": 20,
    "terminations": 10,
    "trades FAILED": 20,
    "signals PARTIAL": 10,
    "signals FAILED_SETTLEMENT": 3,
    "signals CANCELLED": 5,
}
"""What the twin must have seen at least, else it proves nothing."""


def test_no_seed_breaks_a_promise_and_all_kinds_of_trouble_are_met() -> None:
    tally = play_range(TWIN)
    assert not tally.failures, [f"seed {f.seed}: {f.violations}" for f in tally.failures]
    assert tally.seeds == len(TWIN)
    met = {name: tally.counts.get(name, 0) for name in REACHED}
    assert all(met[name] >= REACHED[name] for name in REACHED), met


@pytest.mark.parametrize("seed", [3, 17])
def test_a_seed_plays_the_same_again_in_another_process(seed: int) -> None:
    told: list[str] = []
    play = Play(seed)
    play.world.trace = told.append
    play.run()
    here = hashlib.sha256("\n".join(told).encode()).hexdigest()
    script = (
        "import hashlib, logging\n"
        "logging.getLogger('temporalio.workflow').disabled = True\n"
        "from tests.simulation.scenario import Play\n"
        f"play, told = Play({seed}), []\n"
        "play.world.trace = told.append\n"
        "play.run()\n"
        "print(hashlib.sha256('\\n'.join(told).encode()).hexdigest())\n"
    )
    environment = {"PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT)}
    there = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(told) > 20
    assert there.stdout.strip() == here


def test_the_command_plays_a_range_and_ends_with_one_json_line() -> None:
    tally = _command("--seeds", "0:20", "--processes", "1")
    assert tally["seeds"] == 20
    assert tally["violations"] == 0


@pytest.mark.acceptance
def test_a_hundred_thousand_seeds_break_no_promise() -> None:
    tally = _command("--seeds", "0:100000", "--processes", "2")
    assert tally["seeds"] == 100_000
    assert tally["violations"] == 0


def _command(*words: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    last: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return last
