"""Who traded with whom, and what was sold since: the buys of whales that are no reason to buy."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from trading.tallies import Tally, TallyKey, key_of
from trading.types import ZERO, Side, TokenId, Wallet, WhaleFill

REMEMBERED_FOR = timedelta(minutes=1)
"""Longer than any entry may be delayed."""
MINED_WITHIN = timedelta(seconds=4)
"""How much later than its match a trade's block may be: two blocks."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a trade stands in time: by block and log where the chain told it, else by its second.

    The venue's second is that of the match, the chain's that of the block, seconds later: a trade
    that only the venue told may be younger than one whose block has a later time.
    """

    traded_at: datetime
    block: int = -1
    log: int = -1

    @property
    def is_on_chain(self) -> bool:
        """Tell whether the chain has told it."""
        return self.block >= 0

    def is_before(self, other: "Place") -> bool:
        """Tell whether it surely was earlier; what nobody can tell is not."""
        if self.is_on_chain and other.is_on_chain:
            return (self.block, self.log) < (other.block, other.log)
        lag = MINED_WITHIN if other.is_on_chain else timedelta()
        return self.traded_at + lag < other.traded_at


@dataclass(slots=True)
class _Traded:
    tally: Tally
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
        key = key_of(fill)
        self._trades.pop(key, None)
        self._keep(key, _Traded(tally, now))
        while (oldest := next(iter(self._trades))) != key:
            if now - self._trades[oldest].heard_at <= REMEMBERED_FOR:
                break
            self._forget(oldest)

    def is_among_whales(self, key: TallyKey) -> bool:
        """Tell whether another followed wallet took the other side in the same transaction."""
        beside = self._places.get((key.transaction_hash, key.token_id), {})
        return any(o.side is not key.side and o.wallet != key.wallet for o in beside)

    def sold_since(self, wallet: Wallet, token_id: TokenId, bought: Iterable[Tally]) -> Decimal:
        """Return how many shares of a token a wallet surely sold after all these purchases."""
        places = [place_of(tally) for tally in bought]
        traded = self._places.get((wallet, token_id), {})
        sold = [t.tally for key, t in traded.items() if key.side is Side.SELL]
        since = (t for t in sold if all(place.is_before(place_of(t)) for place in places))
        return sum((tally.best.size for tally in since), ZERO)

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


def place_of(tally: Tally) -> Place:
    """Return where a trade stands by its last log, else by the second that the venue told."""
    last = max(tally.logs.values(), key=_index_of, default=None)
    if last is None or last.block_number is None:
        return Place(tally.traded_at.replace(microsecond=0))
    return Place(last.traded_at.replace(microsecond=0), last.block_number, _index_of(last))


def _index_of(fill: WhaleFill) -> int:
    return -1 if fill.log_index is None else fill.log_index
