"""Offers the real servers of `tests/servers.py`, and wallets that trade on them, to all tests."""

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# How long an example takes to be made says how busy the machine is, and nothing of the code.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

pytest_plugins = ["tests.servers", "tests.chaos.crash_lanes"]

STACKS = ("tests/chaos/", "tests/end_to_end/")


def lane_of(nodeid: str) -> str:
    """Name what must run in one lane: a file, or all that starts whole stacks and shares plays."""
    file = nodeid.partition("::")[0]
    return "stacks" if file.startswith(STACKS) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Give each lane what belongs together."""
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = lane_of
    return scheduler
