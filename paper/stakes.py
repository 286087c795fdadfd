"""What wallets do to their stakes without trading: full sets made and given up, NO converted."""

from dataclasses import dataclass
from enum import StrEnum


class StakeKind(StrEnum):
    """A split makes full sets of collateral, a merge gives them up, a conversion gives up NO."""

    SPLIT = "SPLIT"
    MERGE = "MERGE"
    CONVERSION = "CONVERSION"

    @property
    def outcomes(self) -> tuple[int, ...]:
        """Return the outcomes of the market whose tokens are concerned."""
        return (1,) if self is StakeKind.CONVERSION else (0, 1)


@dataclass(frozen=True, slots=True)
class StakeMove:
    """One transaction of one wallet; micros of every token concerned, time in ms."""

    wallet: str
    kind: StakeKind
    condition_id: str
    size: int
    at: int
    transaction_hash: str
