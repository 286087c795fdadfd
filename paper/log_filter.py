"""Reads log filters of eth_getLogs and eth_subscribe, and writes the logs they let through."""

from dataclasses import dataclass

from paper.model import ChainLog
from paper.notation import as_object
from paper.rpc_wire import INVALID_PARAMS, LIMIT_EXCEEDED, RpcError, hex_text

FILTER_VALUES_MAX = 1_000
TOPICS_MAX = 4
HASH_DIGITS = 64
ADDRESS_DIGITS = 40


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which logs are wanted; empty addresses and None at a topic's place mean any."""

    addresses: frozenset[str]
    topics: tuple[frozenset[str] | None, ...]

    def matches(self, log: ChainLog) -> bool:
        """Tell whether a log is wanted."""
        if self.addresses and log.address.lower() not in self.addresses:
            return False
        if len(log.topics) < len(self.topics):
            return False
        return all(
            wanted is None or topic.lower() in wanted
            for wanted, topic in zip(self.topics, log.topics, strict=False)
        )


def parse_filter(value: object) -> LogFilter:
    """Read the address and topics of a log filter."""
    options = as_object(value)
    if options is None:
        raise RpcError(INVALID_PARAMS, "expected a filter object")
    topics = options.get("topics")
    if topics is None:
        topics = []
    if not isinstance(topics, list) or len(topics) > TOPICS_MAX:
        raise RpcError(INVALID_PARAMS, f"topics must be a list of at most {TOPICS_MAX}")
    addresses = _hex_set(options.get("address"), ADDRESS_DIGITS)
    return LogFilter(
        addresses or frozenset(), tuple(_hex_set(topic, HASH_DIGITS) for topic in topics)
    )


def _hex_set(value: object, digits: int) -> frozenset[str] | None:
    if value is None:
        return None
    items = value if isinstance(value, list) else [value]
    if len(items) > FILTER_VALUES_MAX:
        raise RpcError(LIMIT_EXCEEDED, f"a filter takes at most {FILTER_VALUES_MAX} values")
    return frozenset(hex_text(item, digits) for item in items)


def log_row(log: ChainLog) -> dict[str, object]:
    """Write a log as eth_getLogs and eth_subscription give it."""
    return {
        "address": log.address.lower(),
        "topics": list(log.topics),
        "data": log.data,
        "blockNumber": hex(log.block_number),
        "blockHash": log.block_hash,
        "blockTimestamp": hex(log.block_timestamp),
        "transactionHash": log.transaction_hash,
        "transactionIndex": hex(log.transaction_index),
        "logIndex": hex(log.log_index),
        "removed": log.removed,
    }
