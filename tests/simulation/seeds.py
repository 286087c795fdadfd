"""Many seeds, on several cores: each one alone, so that a failing one can be played again."""

import gc
import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field

from tests.simulation.scenario import Outcome, Play

CHUNK = 100
FAILURES_MAX = 20


@dataclass(slots=True)
class Tally:
    """What came of a range of seeds."""

    seeds: int = 0
    failures: list[Outcome] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    quiet_s_max: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.quiet_s_max = max(self.quiet_s_max, outcome.quiet_s)
        for name, count in outcome.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        if outcome.violations and len(self.failures) < FAILURES_MAX:
            self.failures.append(outcome)

    def join(self, other: "Tally") -> None:
        self.seeds += other.seeds
        self.quiet_s_max = max(self.quiet_s_max, other.quiet_s_max)
        for name, count in other.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        self.failures = [*self.failures, *other.failures][:FAILURES_MAX]

    def report(self, seconds: float) -> dict[str, object]:
        """Return what a machine may read of it."""
        return {
            "name": "simulation",
            "seeds": self.seeds,
            "violations": len(self.failures),
            "failed_seeds": [failure.seed for failure in self.failures],
            "quiet_s_max": round(self.quiet_s_max, 3),
            "seconds": round(seconds, 1),
            "counts": dict(sorted(self.counts.items())),
        }


def play(seed: int) -> Outcome:
    """Play one seed; collecting garbage waits until it is over."""
    return Play(seed).run()


def play_range(seeds: Sequence[int]) -> Tally:
    """Play some seeds one after the other."""
    log = logging.getLogger("temporalio.workflow")
    was_disabled, was_collecting = log.disabled, gc.isenabled()
    log.disabled = True
    gc.disable()
    gc.freeze()
    tally = Tally()
    try:
        for n, seed in enumerate(seeds):
            tally.add(play(seed))
            if n % 10 == 9:
                gc.collect()
            if len(tally.failures) >= FAILURES_MAX:
                break
    finally:
        log.disabled = was_disabled
        gc.unfreeze()
        if was_collecting:
            gc.enable()
    return tally


def play_all(first: int, last: int, processes: int) -> Iterator[tuple[Tally, float]]:
    """Play all seeds of a range; yield the tally so far after each chunk, with its seconds."""
    began, tally = time.perf_counter(), Tally()
    chunks = [range(n, min(n + CHUNK, last)) for n in range(first, last, CHUNK)]
    with ProcessPoolExecutor(processes) as pool:
        waiting: set[Future[Tally]] = set()
        while (chunks or waiting) and len(tally.failures) < FAILURES_MAX:
            while chunks and len(waiting) < 2 * processes:
                waiting.add(pool.submit(play_range, chunks.pop(0)))
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                tally.join(future.result())
            yield tally, time.perf_counter() - began
        pool.shutdown(cancel_futures=True)
