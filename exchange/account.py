"""What the venue says of our own account as a whole, to hold our books against."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from trading.orders import VenueTrade
from trading.types import OrderBook, OrderHash, Shares, TokenId, Usd


class VenueAccount(Protocol):
    """Our account at the venue. Every method raises UnavailableError or WireError."""

    async def fetch_cash(self) -> Usd:
        """Return the wallet's settled collateral."""

    async def fetch_shares(self, token_id: TokenId) -> Shares:
        """Return the wallet's settled holding of a token, by the order book's own reckoning."""

    async def fetch_holdings(self) -> Mapping[TokenId, Shares]:
        """Return all that the wallet holds by the public record, which lags and may be stale."""

    async def fetch_open_orders(self) -> Sequence[OrderHash]:
        """Return the hashes of all our resting orders."""

    async def fetch_own_trades(self, since: datetime) -> Sequence[VenueTrade]:
        """Return our parts of all trades of all markets since a time, as taker and as maker."""


class BookBatches(Protocol):
    """Books of several tokens in one request."""

    async def fetch_books(self, token_ids: Sequence[TokenId]) -> Sequence[OrderBook]:
        """Return the books of those tokens that the venue has one for.

        Raises:
            UnavailableError: no usable answer came.
        """
