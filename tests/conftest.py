"""Offers the real servers of `tests/servers.py`, and wallets that trade on them, to all tests."""

pytest_plugins = ["tests.servers", "tests.chaos.crash_lanes"]
