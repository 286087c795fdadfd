"""Keeps the public record of fills by wallet and by market, as the Data API's indexer does."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from paper.fills import PublicFill, public_fills
from paper.model import TradeStatus
from paper.stakes import StakeMove
from paper.venue import Venue

UNSETTLED = {TradeStatus.FAILED, TradeStatus.RETRYING}


class PublicTrades:
    """Every fill ever matched, oldest first; what is not indexed yet is left out when read.

    Fills become visible `lag_ms` after their match, once their transaction is known, and go again
    when their trade fails. The lists only grow, so that a place in one stays a valid cursor.
    """

    def __init__(self, venue: Venue, lag_ms: int) -> None:
        self._venue = venue
        self._lag_ms = lag_ms
        self.behind_ms = 0  # by how much an answer is out of date, besides the usual lag
        self._seen = 0
        self._all: list[PublicFill] = []
        self._by_wallet: defaultdict[str, list[PublicFill]] = defaultdict(list)
        self._by_condition: defaultdict[str, list[PublicFill]] = defaultdict(list)
        self._moves: list[StakeMove] = []

    @property
    def move_count(self) -> int:
        """Return how many moves were noted."""
        return len(self._moves)

    def note_move(self, move: StakeMove) -> None:
        """Add a move that is no trade; it becomes visible as late as a fill."""
        self._moves.append(move)

    def moves(self, *, wallet: str = "", condition_id: str = "") -> list[StakeMove]:
        """Return the moves of a wallet or of a market that the indexer has seen, oldest first."""
        until = self._until()
        return [
            move
            for move in self._moves
            if move.at <= until
            and wallet.lower() in ("", move.wallet.lower())
            and condition_id.lower() in ("", move.condition_id.lower())
        ]

    def all(self) -> Sequence[PublicFill]:
        """Return every fill, visible or not."""
        self._catch_up()
        return self._all

    def of_wallet(self, wallet: str) -> Sequence[PublicFill]:
        """Return a wallet's fills, visible or not."""
        self._catch_up()
        return self._by_wallet.get(wallet.lower(), ())

    def of_condition(self, condition_id: str) -> Sequence[PublicFill]:
        """Return a market's fills, visible or not."""
        self._catch_up()
        return self._by_condition.get(condition_id.lower(), ())

    def visible(self, fills: Sequence[PublicFill]) -> list[PublicFill]:
        """Return those of the fills that the indexer has seen, oldest first."""
        until = self._until()
        return [fill for fill in fills if _is_indexed(fill, until)]

    def newest_first(
        self, fills: Sequence[PublicFill], before: int | None
    ) -> Iterator[tuple[int, PublicFill]]:
        """Yield visible fills with their place in the list, from below the place `before` down."""
        until = self._until()
        first = len(fills) if before is None else min(before, len(fills))
        for place in range(first - 1, -1, -1):
            if _is_indexed(fills[place], until):
                yield place, fills[place]

    def _until(self) -> int:
        return self._venue.now() - self._lag_ms - self.behind_ms

    def _catch_up(self) -> None:
        trades = self._venue.trades()
        for position in range(self._seen, len(trades)):
            for fill in public_fills(trades[position]):
                self._all.append(fill)
                self._by_wallet[fill.wallet.lower()].append(fill)
                self._by_condition[fill.trade.condition_id.lower()].append(fill)
        self._seen = len(trades)


def _is_indexed(fill: PublicFill, until: int) -> bool:
    trade = fill.trade
    return (
        trade.matched_at <= until and bool(trade.transaction_hash) and trade.status not in UNSETTLED
    )
