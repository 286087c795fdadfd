"""Answers the chain questions of JSON-RPC: blocks, logs and read-only calls of the contracts."""

from collections.abc import Callable, Sequence

from paper.contract_calls import ContractCalls
from paper.contracts import CHAIN_ID
from paper.log_filter import log_row, parse_filter
from paper.notation import as_object
from paper.rpc_transactions import RawTransactions
from paper.rpc_wire import INVALID_PARAMS, LIMIT_EXCEEDED, RpcError, hex_number, hex_text, param
from paper.venue import Venue

BLOCK_RANGE_MAX = 2_000  # as public Polygon nodes limit eth_getLogs
GAS_PRICE, GAS_LIMIT = 30_000_000_000, 30_000_000
HEAD_TAGS = {"latest", "pending", "safe", "finalized"}


class ChainAnswers:
    """The methods that need no subscription, by name."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._transactions = RawTransactions(venue)
        self.methods: dict[str, Callable[[Sequence[object]], object]] = {
            "eth_chainId": lambda _: hex(CHAIN_ID),
            "net_version": lambda _: str(CHAIN_ID),
            "web3_clientVersion": lambda _: "whalecopy-paper",
            "eth_gasPrice": lambda _: hex(GAS_PRICE),
            "eth_syncing": lambda _: False,
            "eth_blockNumber": lambda _: hex(self._venue.block_number()),
            "eth_getBlockByNumber": self._block,
            "eth_getLogs": self._logs,
            "eth_getTransactionReceipt": self._receipt,
            "eth_call": ContractCalls(venue).call,
            **self._transactions.methods,
        }

    def header(self, number: int) -> dict[str, object] | None:
        """Write a block's header; None for one that is not mined or no longer kept."""
        block = self._venue.block(number)
        if block is None:
            return None
        logs = self._venue.logs(number, number)
        return {
            "number": hex(number),
            "hash": block.hash,
            "parentHash": block.parent_hash,
            "timestamp": hex(block.timestamp),
            "gasLimit": hex(GAS_LIMIT),
            "gasUsed": "0x0",
            "baseFeePerGas": hex(GAS_PRICE),
            "logsBloom": "0x" + "0" * 512,
            "transactions": list(dict.fromkeys(log.transaction_hash for log in logs)),
        }

    def _block(self, params: Sequence[object]) -> object:
        return self.header(self._number(param(params, 0), "latest"))

    def _logs(self, params: Sequence[object]) -> object:
        wanted = parse_filter(param(params, 0))
        options = as_object(param(params, 0)) or {}
        if "blockHash" in options:
            raise RpcError(INVALID_PARAMS, "blockHash is not supported, use fromBlock and toBlock")
        first = self._number(options.get("fromBlock"), "latest")
        last = min(self._number(options.get("toBlock"), "latest"), self._venue.block_number())
        if last - first >= BLOCK_RANGE_MAX:
            raise RpcError(LIMIT_EXCEEDED, f"block range exceeds {BLOCK_RANGE_MAX} blocks")
        if last < first:
            return []
        return [log_row(log) for log in self._venue.logs(first, last) if wanted.matches(log)]

    def _number(self, value: object, default: str) -> int:
        tag = default if value is None else value
        if tag in HEAD_TAGS:
            return self._venue.block_number()
        if tag == "earliest":
            return 0
        return hex_number(tag)

    def _receipt(self, params: Sequence[object]) -> object:
        """Find a transaction by its logs in the newest blocks; older ones are unknown."""
        wanted = hex_text(param(params, 0), 64)
        head = self._venue.block_number()
        found = self._venue.logs(max(0, head - BLOCK_RANGE_MAX), head)
        logs = [log for log in found if log.transaction_hash.lower() == wanted]
        if not logs:
            return self._transactions.receipt(wanted)
        return {
            "transactionHash": wanted,
            "transactionIndex": hex(logs[0].transaction_index),
            "blockNumber": hex(logs[0].block_number),
            "blockHash": logs[0].block_hash,
            "status": "0x1",
            "gasUsed": "0x0",
            "logs": [log_row(log) for log in logs],
        }
