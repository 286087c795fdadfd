"""What may go wrong, how often, and the dice; after `quiet` nothing does any more."""

import random
from dataclasses import dataclass

from tests.simulation.loop import MICROS
from tests.simulation.venue import Chances


@dataclass(slots=True)
class Hazards:
    """Shares of all calls, unless said otherwise."""

    db_lost: float = 0.0  # before it did anything
    db_unsure: float = 0.0  # after it did everything
    db_slow: float = 0.0
    kill: float = 0.0  # at a call, before or after its effect
    freeze: float = 0.0
    bell_deaf: float = 0.0
    post_before: float = 0.0  # dropped, hung or failed before it was worked
    post_after: float = 0.0
    post_not_now: float = 0.0
    post_refused: float = 0.0
    post_delayed: float = 0.0
    post_late: float = 0.0  # booked up to 20 s after the connection was dropped
    restart: float = 0.0  # the venue's engine, for a second or two
    cancel_lost: float = 0.0
    read_error: float = 0.0
    read_hang: float = 0.0
    read_lag: float = 0.0
    read_blind: float = 0.0  # the venue's order reader knows nothing for a moment
    read_muddle: float = 0.0  # trades doubled and shuffled
    news_lost: float = 0.0
    news_late: float = 0.0
    news_twice: float = 0.0

    def quiet(self) -> None:
        """Let nothing go wrong from now on."""
        for name in self.__slots__:
            setattr(self, name, 0.0)


LAG_MAX = 5 * MICROS  # what the readers lag at most: less than the grace of a vanished order
FREEZE_MAX = 15 * MICROS  # a frozen sender, and
LATE_MAX = 20 * MICROS  # a late booking: together within the quarantine


def draw_hazards(rng: random.Random) -> Hazards:
    """Draw how rough a run is: calm, mixed, or with one kind of trouble turned up."""
    rough = rng.choice((0.0, 0.3, 1.0, 1.0, 2.0))

    def some(share: float) -> float:
        return min(rough * share * rng.choice((0.0, 1.0, 1.0, 3.0)), 0.6)

    return Hazards(
        db_lost=min(some(0.01), 0.05),
        db_unsure=some(0.01),
        db_slow=min(some(0.01), 0.05),
        kill=some(0.02),
        freeze=some(0.01),
        bell_deaf=some(0.1),
        post_before=some(0.08),
        post_after=some(0.08),
        post_not_now=some(0.04),
        post_refused=some(0.01),
        post_delayed=some(0.07),
        post_late=some(0.05),
        restart=some(0.02),
        cancel_lost=some(0.1),
        read_error=some(0.05),
        read_hang=some(0.02),
        read_lag=some(0.2),
        read_blind=some(0.03),
        read_muddle=some(0.1),
        news_lost=some(0.2),
        news_late=some(0.2),
        news_twice=some(0.1),
    )


def draw_chances(rng: random.Random) -> Chances:
    """Draw how the venue matches and settles in a run."""
    rough = rng.choice((0.0, 0.5, 1.0, 1.0, 2.0))
    return Chances(
        partial=min(0.2 * rough, 0.6),
        unfilled=0.08 * rough,
        split=0.3 * rough,
        retrying=rng.choice((0.0, 0.06, 0.4)) * min(rough, 1.0),
        failed=rng.choice((0.0, 0.5, 0.9)),
        slow=0.1 * rough,
        race=0.15 * rough,
        ignored=0.1 * rough,
    )
