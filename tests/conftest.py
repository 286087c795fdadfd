"""Offers the real servers of `tests/servers.py` to every room's tests."""

pytest_plugins = ["tests.servers"]
