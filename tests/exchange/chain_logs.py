"""Builds logs of filled orders with the ABI of the exchanges."""

from dataclasses import dataclass
from decimal import Decimal

from eth_abi.abi import encode

from exchange.polymarket.contracts import EXCHANGE_V2
from exchange.polymarket.wire_chain import ORDER_FILLED
from tests.exchange.samples import HASH, TX, WHALE, YES
from trading.types import Side, Wallet


@dataclass(frozen=True)
class FillTerms:
    """What was filled, for whom."""

    side: Side = Side.BUY
    cost: str = "10"
    size: str = "20"
    wallet: Wallet = WHALE


def log_row(terms: FillTerms | None = None, **changes: object) -> dict[str, object]:
    """Return a log of the taker's order, without the time of its block."""
    terms = terms or FillTerms()
    cost, size = int(Decimal(terms.cost) * 1_000_000), int(Decimal(terms.size) * 1_000_000)
    amounts = [cost, size] if terms.side is Side.BUY else [size, cost]
    data = encode(
        ["uint8", "uint256", "uint256", "uint256", "uint256", "bytes32", "bytes32"],
        [int(terms.side is Side.SELL), int(YES), *amounts, 250_000, b"\0" * 32, b"\0" * 32],
    )
    return {
        "address": EXCHANGE_V2,
        "topics": [ORDER_FILLED, HASH, _topic(terms.wallet), _topic(EXCHANGE_V2)],
        "data": "0x" + data.hex(),
        "blockNumber": "0x4c4b400",
        "blockHash": "0x" + "bb" * 32,
        "transactionHash": TX,
        "transactionIndex": "0x0",
        "logIndex": "0x1",
        "removed": False,
        **changes,
    }


def _topic(address: str) -> str:
    return "0x" + "00" * 12 + address[2:]
