"""How long an order is on its way: drawn by seed and by what is sent, so equal every time."""

from datetime import timedelta
from math import exp, log
from random import Random

from backtest.plan import Latency

_Z90 = 1.2815515655446004  # of a standard normal


class Delays:
    """Draws latencies. One does not depend on which others were drawn before it."""

    def __init__(self, latency: Latency, seed: int) -> None:
        if not 0 < latency.p50_ms <= latency.p90_ms:
            raise ValueError(f"expected 0 < p50 <= p90 in ms, received {latency}")
        self._median_ms = latency.p50_ms
        self._spread = log(latency.p90_ms / latency.p50_ms) / _Z90
        self._seed = seed

    def of(self, key: str) -> timedelta:
        """Return the delay of the order with this key."""
        chance = Random(f"{self._seed} {key}")  # noqa: S311 - a simulation, not a secret
        return timedelta(milliseconds=self._median_ms * exp(self._spread * chance.gauss(0, 1)))
