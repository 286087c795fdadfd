"""How far a scoring of wallets has come, and what it found."""

from dataclasses import dataclass

from trading.evidence import Halves, RankCorrelation
from trading.types import Wallet

NOBODY = Wallet("")


@dataclass(frozen=True, slots=True)
class ScoreTally:
    """How far a scoring has come. `after` is the last wallet that was dealt with."""

    after: Wallet = NOBODY
    is_done: bool = False
    scored: int = 0
    failed: int = 0
    with_evidence: int = 0
    paused: tuple[Wallet, ...] = ()
    halves: tuple[Halves, ...] = ()
    correlation: RankCorrelation | None = None

    def describe(self) -> str:
        """Return one line a person understands."""
        words = [f"{self.scored} scored"]
        words += [f"{self.failed} not read"] if self.failed else []
        words += [f"{len(self.paused)} paused, edge gone"] if self.paused else []
        found = self.with_evidence or "no"
        words.append(f"{found} with evidence of skill")
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """Which wallet is to be scored, None for all that are followed, and what is done already."""

    wallet: Wallet | None = None
    tally: ScoreTally = ScoreTally()
