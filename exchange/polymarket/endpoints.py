"""Where the venue answers, and how its two ledgers' tokens are told apart."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import aiohttp

_PRODUCTION_DOMAIN = "polymarket.com"
_GEOBLOCK = "https://polymarket.com/api/geoblock"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_RESERVED_BITS = ((1 << 64) - 1) << 40


@dataclass(frozen=True, slots=True)
class VenueEndpoints:
    """The addresses of the venue's services; the defaults are production."""

    clob: str = "https://clob.polymarket.com"
    gamma: str = "https://gamma-api.polymarket.com"
    data: str = "https://data-api.polymarket.com"
    ws_market: str = "wss://ws-subscriptions-clob.polymarket.com/ws/market"
    ws_user: str = "wss://ws-subscriptions-clob.polymarket.com/ws/user"
    rtds: str = "wss://ws-live-data.polymarket.com"
    rpc_http: tuple[str, ...] = ("https://polygon.drpc.org",)
    rpc_ws: tuple[str, ...] = ("wss://polygon.drpc.org",)
    relayer: str = "https://relayer-v2.polymarket.com"
    geoblock: str = ""  # "" is production's own, or the order book's of a local venue

    @property
    def is_production(self) -> bool:
        """Tell whether orders would reach the real venue."""
        host = urlsplit(self.clob).hostname or ""
        return host == _PRODUCTION_DOMAIN or host.endswith("." + _PRODUCTION_DOMAIN)

    @property
    def geoblock_url(self) -> str:
        """Return where is told whether our place is blocked; production tells it on its page."""
        if self.geoblock:
            return self.geoblock
        return _GEOBLOCK if self.is_production else f"{self.clob}/api/geoblock"

    @property
    def is_local(self) -> bool:
        """Tell whether whatever is sent to a chain stays on this machine."""
        hosts = (urlsplit(url).hostname for url in (self.relayer, *self.rpc_http))
        return all(host in _LOOPBACK for host in hosts)


PRODUCTION = VenueEndpoints()


@dataclass(frozen=True, slots=True)
class VenueAccess:
    """What every adapter needs: addresses, one HTTP session and the clock (aware UTC)."""

    endpoints: VenueEndpoints
    session: aiohttp.ClientSession
    clock: Callable[[], datetime]


def is_position_id(token_id: str) -> bool:
    """Tell whether a token is a Protocol V2 position: bits 40 to 103 of its id are zero."""
    return token_id.isdecimal() and not int(token_id) & _RESERVED_BITS
