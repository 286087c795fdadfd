"""Asks the venue whether we may trade: from here, with this account, with this key."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from exchange.polymarket.client import TradingAccount
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import PolymarketMarketData
from exchange.polymarket.rest import PrivateRest, Rest
from exchange.polymarket.wire_admission import (
    read_allowances,
    read_api_keys,
    read_closed_only,
    read_geoblock,
)
from exchange.port import UnavailableError
from trading.admission import Geoblock
from trading.types import Usd, Wallet


async def fetch_geoblock(access: VenueAccess) -> Geoblock:
    """Return what the venue says of our place: its page tells, not the order book; no key needed.

    Source: docs.polymarket.com, API reference, geoblock.
    """
    rest = Rest(access, access.endpoints.geoblock_url)
    return read_geoblock(_required(await rest.fetch(""), "geoblock"))


class PolymarketAdmission:
    """Implements Admission against the venue."""

    def __init__(self, access: VenueAccess, account: TradingAccount) -> None:
        """Ask for one account."""
        self._account = account
        self._access = access
        self._clob = PrivateRest(access, account.user)
        self._public = PolymarketMarketData(access)

    async def fetch_geoblock(self) -> Geoblock:
        """Return what the venue says of our place."""
        return await fetch_geoblock(self._access)

    async def fetch_closed_only(self) -> bool:
        """Tell whether the account may only close positions."""
        path = "/auth/ban-status/closed-only"
        return read_closed_only(_required(await self._clob.fetch(path), path))

    async def fetch_clock(self) -> datetime:
        """Return the venue's time, in whole seconds."""
        return await self._public.fetch_clock()

    async def fetch_allowances(self) -> tuple[Usd, Mapping[Wallet, Usd]]:
        """Return the wallet's collateral, and how much of it each exchange may take."""
        path = "/balance-allowance"
        kind = ("signature_type", str(int(self._account.signature_type)))
        payload = await self._clob.fetch(path, ("asset_type", "COLLATERAL"), kind)
        return read_allowances(_required(payload, path))

    async def fetch_api_keys(self) -> Sequence[str]:
        """Return the ids of the account's API keys."""
        path = "/auth/api-keys"
        return read_api_keys(_required(await self._clob.fetch(path), path))


def _required(payload: object | None, path: str) -> object:
    if payload is None:
        raise UnavailableError(f"{path}: expected an answer, received HTTP 404")
    return payload
