"""Takes the newest blocks of the chain back and mines them again, where the plan says so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paper.chain import Chain
from paper.faults import Faults, Point
from paper.model import BlockMined, ChainLog, LogsRemoved, VenueEvent

REORG = "reorg"


@dataclass(frozen=True, slots=True)
class _Planned:
    at: int
    first: int
    generation: int


class Reorgs:
    """Draws for every block with logs whether it is taken back, `delay_s` after it was mined.

    It goes with all blocks above it: their logs are told again as removed, and once more as part
    of the blocks that took their place. What is planned ends with the plan.
    """

    def __init__(self, chain: Chain, faults: Faults, publish: Callable[[VenueEvent], None]) -> None:
        self._chain = chain
        self._faults = faults
        self._publish = publish
        self._planned: list[_Planned] = []

    def watch(self, number: int, logs: Sequence[ChainLog], now: int) -> None:
        """Draw the fate of a block that was just mined."""
        if not logs:
            return
        fault = self._faults.draw(Point.CHAIN, f"block {number}", {}, (REORG,))
        if fault is not None:
            at = now + fault.delay_ms
            self._planned.append(_Planned(at, number, self._faults.generation))

    def step(self, now: int) -> None:
        """Take back what is due."""
        due = [planned for planned in self._planned if now >= planned.at]
        if not due:
            return
        self._planned = [planned for planned in self._planned if now < planned.at]
        for planned in due:
            if planned.generation == self._faults.generation:
                self._take_back(planned.first)

    def _take_back(self, first: int) -> None:
        gone, again = self._chain.reorganise(first)
        self._publish(LogsRemoved(gone))
        for number in range(first, self._chain.number + 1):
            logs = tuple(log for log in again if log.block_number == number)
            self._publish(BlockMined(number, logs))
