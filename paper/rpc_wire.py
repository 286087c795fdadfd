"""JSON-RPC 2.0 on the wire: requests, answers, errors and hexadecimal values."""

import re
from collections.abc import Callable, Sequence

from paper.notation import as_object, read_json, write_json

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND = -32700, -32600, -32601
INVALID_PARAMS, INTERNAL_ERROR = -32602, -32603
LIMIT_EXCEEDED = -32005
BATCH_MAX = 100
HEX = re.compile(r"0x[0-9a-fA-F]*")
QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,16}")

Answer = Callable[[str, Sequence[object]], object]


class RpcError(Exception):
    """A request cannot be answered; `code` is the JSON-RPC error code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def respond(text: str, answer: Answer) -> str:
    """Answer a request or a batch of them; every request gets its answer, also a notification."""
    try:
        message = read_json(text)
    except ValueError:
        return write_json(_failure(None, PARSE_ERROR, "parse error"))
    if not isinstance(message, list):
        return write_json(_respond_once(message, answer))
    if not message or len(message) > BATCH_MAX:
        return write_json(
            _failure(None, INVALID_REQUEST, f"a batch holds 1 to {BATCH_MAX} requests")
        )
    return write_json([_respond_once(item, answer) for item in message])


def _respond_once(message: object, answer: Answer) -> dict[str, object]:
    request = as_object(message) or {}
    method, params, name = request.get("method"), request.get("params", []), request.get("id")
    if not isinstance(method, str) or not isinstance(params, list):
        return _failure(name, INVALID_REQUEST, "expected a method and a list of params")
    try:
        return {"jsonrpc": "2.0", "id": name, "result": answer(method, params)}
    except RpcError as error:
        return _failure(name, error.code, str(error))


def _failure(name: object, code: int, message: str) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": name, "error": {"code": code, "message": message}}


def notification(subscription: str, result: object) -> str:
    """Write what a subscription tells."""
    params = {"subscription": subscription, "result": result}
    return write_json({"jsonrpc": "2.0", "method": "eth_subscription", "params": params})


def param(params: Sequence[object], index: int) -> object:
    """Return a parameter, None where it was left out."""
    return params[index] if index < len(params) else None


def hex_text(value: object, digits: int) -> str:
    """Read 0x and so many hexadecimal digits, as lower case."""
    if not isinstance(value, str) or len(value) != digits + 2 or not HEX.fullmatch(value):
        raise RpcError(INVALID_PARAMS, f"expected 0x and {digits} hexadecimal digits")
    return value.lower()


def hex_number(value: object) -> int:
    """Read a hexadecimal quantity."""
    if not isinstance(value, str) or not QUANTITY.fullmatch(value):
        raise RpcError(INVALID_PARAMS, "expected a hexadecimal quantity such as 0x1b4")
    return int(value, 16)
