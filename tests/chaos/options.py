"""The command line of the chaos run."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RATE = 1.0  # whale orders per second that two cores copy in time, the venue and the kills beside
FILLS_MAX = 5  # of one whale order; each is told on its own
KILL_GAP_S = 0.8  # mean seconds between two kills, at least


@dataclass(frozen=True, slots=True)
class ChaosOptions:
    """What was asked of the run; the same options plan the same load and the same kills."""

    trades: int
    kills: int
    seed: int
    order_type: str = "mixed"
    rate: float = RATE
    faults: str = "chaos"
    plant: str = ""
    loses_day: bool = False
    fills_max: int = FILLS_MAX
    home: Path | None = None
    as_json: bool = False

    @property
    def load_s(self) -> float:
        """Return how long the load lasts: as the rate says, longer where many kills must fit."""
        return max(self.trades / self.rate, self.kills * KILL_GAP_S)

    @property
    def order_types(self) -> tuple[str, str]:
        """Return the entries' time in force of the first and of the second worker."""
        return ("FAK", "GTC") if self.order_type == "mixed" else (self.order_type, self.order_type)


def parse_options(words: Sequence[str]) -> ChaosOptions:
    """Read the command line; a wrong one ends the process with status 2 and says why."""
    given = _parser().parse_args(words)
    return ChaosOptions(
        trades=given.trades,
        kills=given.kills,
        seed=given.seed,
        order_type=given.order_type,
        rate=given.rate,
        faults=given.faults,
        plant=given.plant,
        loses_day=given.lose_day,
        fills_max=given.fills,
        home=given.home,
        as_json=given.json,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Trade while processes are killed and the venue misbehaves, then audit.",
    )
    add = parser.add_argument
    add("--trades", type=_positive, default=1000, metavar="N", help="whale orders, 1000")
    add("--kills", type=_count, default=200, metavar="N", help="processes struck, 200")
    add("--seed", type=int, default=7, metavar="N", help="of load, kills and faults, 7")
    add("--order-type", choices=("mixed", "FAK", "GTC"), default="mixed", help="of entries")
    add("--rate", type=_rate, default=RATE, metavar="R", help=f"whale orders per second, {RATE:g}")
    add("--faults", default="chaos", metavar="PROFILE", help="of the venue: chaos, stress or none")
    add("--plant", default="", metavar="BUG", help="a bug put into the workers (see plants.py)")
    add("--lose-day", action="store_true", help="a loss in the middle: entries stop, exits go on")
    add("--fills", type=_positive, default=FILLS_MAX, metavar="N", help="of a whale order, 1 to N")
    add("--home", type=Path, default=None, metavar="DIR", help="where all files stay")
    add("--json", action="store_true", help="print nothing but the report's line")
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError(f"expected 0 or more, received {text}")
    return count


def _positive(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, received {text}")
    return count


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= 1000:
        raise argparse.ArgumentTypeError(f"expected a rate above 0, received {text}")
    return rate
