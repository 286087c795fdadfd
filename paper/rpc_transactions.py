"""The methods of JSON-RPC by which a plain key sends a transaction and follows it."""

import itertools
from collections.abc import Callable, Sequence

from paper.chain_faults import NodeDownError
from paper.derive import account_name
from paper.faults import Point
from paper.office import Asked, Kind, OfficeError, Stage, Transaction
from paper.raw_transactions import BYTES_MAX, RawError, read_raw
from paper.rpc_wire import HEX, INVALID_PARAMS, RpcError, hex_text, param
from paper.venue import Venue

REFUSED = -32_000  # the code of Ethereum nodes for a transaction that they do not take
GAS_USED = 180_000
NODE_LOST = 502
BROKEN = {
    "before": ("drop_before", "error_before"),
    "after": ("drop_after", "error_after"),
}


class RawTransactions:
    """Nonces, gas and raw transactions; only redemptions are known to any contract."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._sent = itertools.count(1)
        self.methods: dict[str, Callable[[Sequence[object]], object]] = {
            "eth_getTransactionCount": self._count,
            "eth_estimateGas": lambda _: hex(GAS_USED),
            "eth_sendRawTransaction": self._send,
        }

    def receipt(self, transaction_hash: str) -> dict[str, object] | None:
        """Write the receipt of a wallet's mined transaction, without its logs."""
        found = self._venue.mined_transaction(transaction_hash)
        return None if found is None else _receipt(found)

    def _count(self, params: Sequence[object]) -> object:
        address, tag = hex_text(param(params, 0), 40), param(params, 1)
        signer = account_name(address)
        return hex(self._venue.nonce(Kind.EOA, signer, pending=tag == "pending"))

    def _send(self, params: Sequence[object]) -> object:
        raw = param(params, 0)
        if not isinstance(raw, str) or not HEX.fullmatch(raw) or len(raw) > 2 * BYTES_MAX + 2:
            raise RpcError(INVALID_PARAMS, "expected a signed transaction in hexadecimal")
        number = next(self._sent)
        self._break(number, "before")
        try:
            read = read_raw(bytes.fromhex(raw[2:]))
            asked = Asked(
                kind=Kind.EOA,
                signer=read.sender,
                wallet=read.sender,
                nonce=read.nonce,
                calls=(read.call,),
                transaction_hash=read.transaction_hash,
            )
            self._venue.send(asked)
        except (RawError, OfficeError, ValueError) as error:
            raise RpcError(REFUSED, str(error)) from error
        self._break(number, "after")
        return read.transaction_hash

    def _break(self, number: int, when: str) -> None:
        faults = self._venue.faults
        if faults.draw(Point.RELAY, f"raw {number} {when}", {"kind": "EOA"}, BROKEN[when]):
            raise NodeDownError(NODE_LOST, "bad gateway")


def _receipt(transaction: Transaction) -> dict[str, object]:
    is_done = transaction.stage in (Stage.MINED, Stage.CONFIRMED)
    assert transaction.block_number is not None, "expected a mined transaction"
    return {
        "transactionHash": transaction.transaction_hash,
        "transactionIndex": "0x0",
        "blockNumber": hex(transaction.block_number),
        "status": "0x1" if is_done else "0x0",
        "gasUsed": hex(GAS_USED),
        "logs": [],
    }
