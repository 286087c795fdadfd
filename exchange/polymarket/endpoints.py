"""Where the venue answers, and the contracts that settle its orders."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import aiohttp

from trading.types import Protocol, Wallet

CHAIN_ID = 137
"""Polygon."""

EXCHANGE_V2 = Wallet("0xe111180000d2663c0091e4f400237545b87b996b")
NEG_RISK_EXCHANGE_V2 = Wallet("0xe2222d279d744050d28e00520010520000310f59")
EXCHANGE_V3 = Wallet("0xe3333700ca9d93003f00f0f71f8515005f6c00aa")
EXCHANGE_V1 = Wallet("0x4bfb41d5b3570defd03c39a9a4d8de6bd8b8982e")
NEG_RISK_EXCHANGE_V1 = Wallet("0xc5d563a36ae78145c45a50134d48a1215220f80a")
EXCHANGES = (EXCHANGE_V2, NEG_RISK_EXCHANGE_V2, EXCHANGE_V3)
"""The exchanges that settle today; their logs have one shape (docs/venue.md, "Contracts")."""

_PRODUCTION_DOMAIN = "polymarket.com"
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

    @property
    def is_production(self) -> bool:
        """Tell whether orders would reach the real venue."""
        host = urlsplit(self.clob).hostname or ""
        return host == _PRODUCTION_DOMAIN or host.endswith("." + _PRODUCTION_DOMAIN)

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


def exchange_of(protocol: Protocol, *, neg_risk: bool) -> Wallet:
    """Return the contract that settles an order; Protocol V2 has one for all markets."""
    match protocol:
        case Protocol.PROTOCOL_V2:
            return EXCHANGE_V3
        case Protocol.CLOB_V2:
            return NEG_RISK_EXCHANGE_V2 if neg_risk else EXCHANGE_V2
        case Protocol.V1:
            return NEG_RISK_EXCHANGE_V1 if neg_risk else EXCHANGE_V1


def domain_version(protocol: Protocol) -> str:
    """Return the version in the EIP-712 domain of a protocol's exchange."""
    return {Protocol.V1: "1", Protocol.CLOB_V2: "2", Protocol.PROTOCOL_V2: "3"}[protocol]


def is_position_id(token_id: str) -> bool:
    """Tell whether a token is a Protocol V2 position: bits 40 to 103 of its id are zero."""
    return token_id.isdecimal() and not int(token_id) & _RESERVED_BITS
