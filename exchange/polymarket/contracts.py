"""The contracts that settle the venue's orders, and the domains that orders are signed in."""

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
