"""Tests of choosing ports."""

import socket

import pytest

from embedded.ports import LOOPBACK, free_port


def test_a_free_port_is_taken_as_preferred() -> None:
    port = free_port()
    assert free_port(port) == port


def test_another_port_is_chosen_when_the_preferred_is_taken() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        assert free_port(taken) not in (0, taken)


def test_no_port_at_all_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: socket.socket, _address: object) -> None:
        raise OSError("all taken")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(OSError, match="no TCP port is free"):
        free_port(7233)
