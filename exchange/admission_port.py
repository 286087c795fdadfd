"""What the venue says of our right to trade: where we are, what the account and its key may."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from trading.admission import Geoblock
from trading.types import Usd, Wallet


class Admission(Protocol):
    """Every method raises UnavailableError or WireError, and PermanentError for a refused key."""

    async def fetch_geoblock(self) -> Geoblock:
        """Return what the venue says of the place our requests come from."""

    async def fetch_closed_only(self) -> bool:
        """Tell whether the account may only close positions."""

    async def fetch_clock(self) -> datetime:
        """Return the venue's time, in whole seconds."""

    async def fetch_allowances(self) -> tuple[Usd, Mapping[Wallet, Usd]]:
        """Return the wallet's collateral, and how much of it each contract may take."""

    async def fetch_api_keys(self) -> Sequence[str]:
        """Return the ids of the account's API keys; the one that asks is among them."""
