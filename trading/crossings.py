"""Who traded with whom, and what was sold since: the buys of whales that are no reason to buy."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from trading.tallies import Tally, TallyKey, key_of
from trading.types import ZERO, Side, TokenId, Wallet, WhaleFill

REMEMBERED_FOR = timedelta(minutes=1)
"""Longer than any entry may be delayed."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a fill stands in time: by its second, then by block and log where these are known."""

    traded_at: datetime
    block: int = -1
    log: int = -1

    def is_before(self, other: "Place") -> bool:
        """Tell whether it surely was earlier; within a second only the chain knows."""
        if self.traded_at == other.traded_at and min(self.block, other.block) < 0:
            return False
        return self < other


@dataclass(slots=True)
class _Traded:
    tally: Tally
    place: Place
    heard_at: datetime


@dataclass(slots=True)
class Crossings:
    """The followed wallets' last minute: both sides of every trade, whatever order it came in.

    A trade between two followed wallets may be one owner's two pockets: nobody new bought. And a
    buy that is heard after the sale that undid it must not be copied.
    """

    _trades: dict[TallyKey, _Traded] = field(default_factory=dict)  # by the last report
    _places: dict[tuple[str, TokenId], dict[TallyKey, _Traded]] = field(default_factory=dict)

    def note(self, fill: WhaleFill, tally: Tally, now: datetime) -> None:
        """Remember a report; forget those that no entry can depend on any more."""
        key, place = key_of(fill), place_of(fill)
        known = self._trades.pop(key, None)
        if known is not None:
            place = max(known.place, place)
        self._keep(key, _Traded(tally, place, now))
        while (oldest := next(iter(self._trades))) != key:
            if now - self._trades[oldest].heard_at <= REMEMBERED_FOR:
                break
            self._forget(oldest)

    def is_among_whales(self, key: TallyKey) -> bool:
        """Tell whether another followed wallet took the other side in the same transaction."""
        beside = self._places.get((key.transaction_hash, key.token_id), {})
        return any(o.side is not key.side and o.wallet != key.wallet for o in beside)

    def sold_since(self, wallet: Wallet, token_id: TokenId, place: Place) -> Decimal:
        """Return how many shares of a token a wallet is known to have sold after a place."""
        traded = self._places.get((wallet, token_id), {})
        sold = (t for key, t in traded.items() if key.side is Side.SELL)
        return sum((t.tally.best.size for t in sold if place.is_before(t.place)), ZERO)

    def _keep(self, key: TallyKey, traded: _Traded) -> None:
        self._trades[key] = traded
        for party in (key.transaction_hash, key.wallet):
            self._places.setdefault((party, key.token_id), {})[key] = traded

    def _forget(self, key: TallyKey) -> None:
        del self._trades[key]
        for party in (key.transaction_hash, key.wallet):
            beside = self._places[(party, key.token_id)]
            del beside[key]
            if not beside:
                del self._places[(party, key.token_id)]


def place_of(fill: WhaleFill) -> Place:
    """Return where a fill stands; its second, since that is all that some sources tell."""
    second = fill.traded_at.replace(microsecond=0)
    if fill.block_number is None or fill.log_index is None:
        return Place(second)
    return Place(second, fill.block_number, fill.log_index)
