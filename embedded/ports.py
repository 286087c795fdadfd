"""Finds TCP ports on the loopback address."""

import socket

LOOPBACK = "127.0.0.1"


def free_port(preferred: int = 0) -> int:
    """Choose a port that nothing listens on now.

    Args:
        preferred: the port to take if it is free; 0 has the system choose.

    Returns:
        The preferred port, or any other. Another program may take it before it is used.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, preferred))
        except OSError:
            return free_port() if preferred else _refuse()
        return int(probe.getsockname()[1])


def _refuse() -> int:
    raise OSError(f"no TCP port is free on {LOOPBACK}")
