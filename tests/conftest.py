"""Offers the real servers of `tests/servers.py`, and wallets that trade on them, to all tests."""

from hypothesis import HealthCheck, settings

# How long an example takes to be made says how busy the machine is, and nothing of the code.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

pytest_plugins = ["tests.servers", "tests.chaos.crash_lanes"]
