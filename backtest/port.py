"""What a look back takes: a history told event by event, each no earlier than it was known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from trading.types import ConditionId, Market, OrderBook, Price, TokenId, Wallet, WhaleFill
from trading.whales import ClosedTrade


class BookView(Protocol):
    """A market's books at one instant; a token's book is built when it is asked for."""

    def book(self, token_id: TokenId) -> OrderBook:
        """Return a token's book."""


@dataclass(frozen=True, slots=True)
class MarketListed:
    """A market can be traded from now on; `category` is what scores count concentration by."""

    at: datetime
    market: Market
    category: str


@dataclass(frozen=True, slots=True)
class BookSeen:
    """A market's books changed. `stands`: they are taken to hold until the next one comes."""

    at: datetime
    condition_id: ConditionId
    view: BookView
    stands: bool = False


@dataclass(frozen=True, slots=True)
class FillSeen:
    """A wallet traded; `at` is when it did, we hear of it later."""

    at: datetime
    fill: WhaleFill


@dataclass(frozen=True, slots=True)
class MarketResolved:
    """A market was settled; payouts in the order of its tokens, 1 for a win."""

    at: datetime
    condition_id: ConditionId
    payouts: tuple[Price, ...]


Event = MarketListed | BookSeen | FillSeen | MarketResolved


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a history comes from, over which time, and what in it is assumed or invented."""

    name: str
    starts_at: datetime
    ends_at: datetime
    notes: tuple[str, ...] = ()


class History(Protocol):
    """A recorded past. Events come in the order of `at`; each call of `events` begins anew."""

    @property
    def origin(self) -> Origin:
        """Return where it comes from."""

    @property
    def names(self) -> Mapping[Wallet, str]:
        """Return every wallet that trades in it, and what a person calls it."""

    @property
    def pasts(self) -> Mapping[Wallet, Sequence[ClosedTrade]]:
        """Return trades that wallets closed before the history begins."""

    def events(self) -> Iterator[Event]:
        """Yield what happened."""
