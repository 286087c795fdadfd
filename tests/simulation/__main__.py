"""Play seeds of the simulation: one with its trace, or a range on several cores."""

import argparse
import json
import logging
import sys
import time

from tests.simulation.scenario import Play
from tests.simulation.seeds import Tally, play_all


def main() -> int:
    """Play what was asked for; the last line is one JSON object."""
    options = _parser().parse_args()
    if options.seed is not None:
        return _play_one(options.seed, with_trace=options.trace)
    first, last = (int(part) for part in options.seeds.split(":"))
    tally, seconds, told = Tally(), 0.0, 0
    for tally, seconds in play_all(first, last, options.processes):
        pace = tally.seeds / seconds if seconds else 0.0
        text = f"\r{tally.seeds} of {last - first} seeds, {pace:.0f}/s"
        sys.stderr.write(f"{text}, {len(tally.failures)} failed ")
        sys.stderr.flush()
        for failure in tally.failures[told:]:
            _say(f"\nseed {failure.seed}: {'; '.join(failure.violations[:3])}")
            _say(f"  again: python -m tests.simulation --seed {failure.seed} --trace")
        told = len(tally.failures)
    sys.stderr.write("\n")
    _say(json.dumps(tally.report(seconds)))
    return 1 if tally.failures else 0


def _play_one(seed: int, *, with_trace: bool) -> int:
    logging.getLogger("temporalio.workflow").disabled = True
    began, play = time.perf_counter(), Play(seed)
    if with_trace:
        play.world.trace = _say
    tally = Tally()
    outcome = play.run()
    tally.add(outcome)
    for violation in outcome.violations:
        _say(f"seed {seed}: {violation}")
    _say(json.dumps(tally.report(time.perf_counter() - began)))
    return 1 if outcome.violations else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--seed", type=int, help="play one seed")
    what.add_argument("--seeds", metavar="A:B", help="play the seeds from A up to, not with, B")
    parser.add_argument("--trace", action="store_true", help="tell everything that happens")
    parser.add_argument("--processes", type=int, default=2)
    return parser


if __name__ == "__main__":
    sys.exit(main())
