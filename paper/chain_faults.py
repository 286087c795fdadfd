"""What the node gets wrong on purpose: requests that fail, and logs it forgets to tell."""

import itertools

from paper.derive import account_name
from paper.faults import Faults, Point
from paper.model import ChainLog
from paper.rpc_wire import INTERNAL_ERROR, RpcError

RPC_ERROR = "rpc_error"
NODE_FAILED = "internal error"


class NodeDownError(Exception):
    """A request is answered with an HTTP status instead of JSON-RPC."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class FailingNode:
    """Draws for every request whether it fails.

    `rpc_error` answers with the HTTP status of the rule; without one, and always on a WebSocket,
    with a JSON-RPC error.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._requests = itertools.count(1)

    def check(self, method: str, *, is_http: bool) -> None:
        """Raise RpcError or NodeDownError where the plan strikes this request."""
        if not self._faults.concern(Point.CHAIN):
            return
        facts = {"method": method, "transport": "http" if is_http else "ws"}
        key = f"request {next(self._requests)}"
        fault = self._faults.draw(Point.CHAIN, key, facts, (RPC_ERROR,))
        if fault is None:
            return
        text = fault.text or NODE_FAILED
        if fault.status is not None and is_http:
            raise NodeDownError(fault.status, text)
        raise RpcError(INTERNAL_ERROR, text)


def facts_of_log(log: ChainLog) -> dict[str, str]:
    """Return what a rule can match a log by; order and wallet are those of an OrderFilled."""
    facts = {
        "subscription": "logs",
        "transaction_hash": log.transaction_hash,
        "removed": "true" if log.removed else "false",
    }
    if len(log.topics) > 2:
        facts |= {"order_id": log.topics[1], "maker": account_name("0x" + log.topics[2][-40:])}
    return facts
