"""Finds an API key's own trades without reading the whole public tape again."""

from collections.abc import Sequence

from paper.model import Trade
from paper.venue import Venue


class OwnTrades:
    """The positions of each API key's trades in the venue's list, which only grows."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._seen = 0
        self._positions: dict[str, list[int]] = {}

    def of(self, owner: str) -> list[Trade]:
        """Return the trades that a key took or made part of, oldest first."""
        trades = self._venue.trades()
        self._catch_up(trades)
        return [trades[position] for position in self._positions.get(owner, ())]

    def _catch_up(self, trades: Sequence[Trade]) -> None:
        for position in range(self._seen, len(trades)):
            trade = trades[position]
            for owner in {trade.owner, *(maker.owner for maker in trade.makers)} - {""}:
                self._positions.setdefault(owner, []).append(position)
        self._seen = len(trades)
