import os
import subprocess
import sys
from pathlib import Path

import pytest

from activities.markets import MarketDesk
from activities.pricing import PricingActivities
from worker import methods_of

ROOT = Path(__file__).parent.parent
OURS = ("WHALECOPY_", "DATABASE_URL", "REDIS_URL", "TEMPORAL_", "TRADING_MODE", "LIVE_TRADING")
LIVE = {"TRADING_MODE": "live", "LIVE_TRADING": "yes"}
LOST = {"DATABASE_URL": "", "REDIS_URL": "redis://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("words", "env", "told"),
    [
        (
            ["worker.py", "--prepare"],
            LIVE,
            "worker: live trading keeps the key in a process of its own",
        ),
        (["worker.py"], LOST, "worker: expected DATABASE_URL, TEMPORAL_ADDRESS, received none"),
        (["-m", "ingest"], LOST, "ingest: expected DATABASE_URL, TEMPORAL_ADDRESS, received none"),
    ],
    ids=["no key", "no database for a worker", "no database for ingest"],
)
def test_a_process_that_cannot_work_says_why_in_one_line(
    words: list[str], env: dict[str, str], told: str, tmp_path: Path
) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    done = subprocess.run(
        [sys.executable, *words],
        env={**clean, "WHALECOPY_HOME": str(tmp_path), **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1


def test_only_activities_are_registered() -> None:

    names = {method.__name__ for method in methods_of(object.__new__(PricingActivities))}
    assert names == {"estimate_slippage"}
    assert methods_of(object.__new__(MarketDesk)) == []
