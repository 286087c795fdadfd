"""Questions to one node: a few at a time, and later where it says that they are too many."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from exchange.polymarket.chain_gap import BlockRange
from exchange.port import UnavailableError

AT_ONCE = 4
"""Ranges and receipts asked for at the same time."""
WAITING_MAX = 1000
BLOCK_S = 2
PAUSE_BLOCKS_MAX = 16


@dataclass(frozen=True, slots=True)
class Question:
    """A request, and what it is about."""

    what: str  # logs | heads | number | gap | block | receipt | end
    block: int = 0
    blocks: BlockRange | None = None
    transaction: str = ""
    was_refused: bool = False

    @property
    def is_urgent(self) -> bool:
        """Tell whether a fill, or a whole gap, waits for the answer."""
        return self.what not in ("gap", "receipt")


class ChainQuestions:
    """What is to be asked of a node, in turn; nothing while it says that it is asked too much.

    Pauses are counted in the node's own blocks, two seconds each: 1, 2, 4, 8, 16 of them while
    refusals follow each other, half of it by chance, or as many as the node names. They outlive
    the socket, as the node's limit does.
    """

    def __init__(self, rng: Random) -> None:
        """Take what spreads the pauses."""
        self._rng = rng
        self._urgent: deque[Question] = deque()
        self._waiting: deque[Question] = deque()
        self._open: set[Question] = set()
        self._refusals = 0
        self._pause_blocks = 0

    def clear(self) -> None:
        """Forget what was asked on a socket that is gone."""
        self._urgent.clear()
        self._waiting.clear()
        self._open.clear()

    def add(self, question: Question) -> None:
        """Ask in turn; what is asked or waits already is not asked twice."""
        line = self._urgent if question.is_urgent else self._waiting
        if question in line or question in self._open:
            return
        self._check_room()
        line.append(question)

    def add_first(self, questions: Iterable[Question]) -> None:
        """Ask before all that waits, in this order."""
        self._check_room()
        self._waiting.extendleft(reversed([*questions]))

    def due(self) -> Sequence[Question]:
        """Take out what is to be asked now."""
        if self._pause_blocks:
            return ()
        due = [*self._urgent]
        self._urgent.clear()
        while self._waiting and len(self._open) < AT_ONCE:
            self._open.add(self._waiting[0])
            due.append(self._waiting.popleft())
        return due

    def answered(self, question: Question, *, is_served: bool) -> None:
        """Note an answer; one that served what was asked ends a row of refusals."""
        self._open.discard(question)
        if is_served and not self._pause_blocks:
            self._refusals = 0

    def refused(self, question: Question, pause_s: int) -> int:
        """Ask again after a pause; return its blocks. What is refused meanwhile adds nothing."""
        line = self._urgent if question.is_urgent else self._waiting
        line.appendleft(question)
        if not self._pause_blocks:
            longest = min(1 << self._refusals, PAUSE_BLOCKS_MAX)
            self._refusals = min(self._refusals + 1, PAUSE_BLOCKS_MAX)
            self._pause_blocks = self._rng.randint((longest + 1) // 2, longest)
        self._pause_blocks = max(self._pause_blocks, -(-pause_s // BLOCK_S))
        return self._pause_blocks

    def new_block(self) -> None:
        """Count a block of a pause."""
        self._pause_blocks = max(self._pause_blocks - 1, 0)

    def _check_room(self) -> None:
        if len(self._waiting) + len(self._urgent) >= WAITING_MAX:
            raise UnavailableError(f"more than {WAITING_MAX} questions wait for the node")
