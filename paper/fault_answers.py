"""What a struck request is answered: a refusal in the venue's words, or an answer gone wrong."""

import json
from collections.abc import Callable, Mapping

from paper.derive import digest, hash_text
from paper.fault_modes import Refusal
from paper.faults import Fault
from paper.wire import END_CURSOR, Json

_RESTRICTED = (
    "Trading restricted in your region, please refer to available regions - "
    "https://docs.polymarket.com/developers/CLOB/geoblock"
)
_RETRY_AFTER_S = 1

_REFUSALS: Mapping[str, tuple[int, str]] = {
    "error": (500, "internal server error"),
    "error_before": (500, "could not run the execution"),
    "error_after": (500, "could not run the execution"),
    "rate_limited": (429, "Too Many Requests"),
    "timed_out": (500, "order timed out"),
    "unauthorized": (401, "Unauthorized/Invalid api key"),
    "restricted": (403, _RESTRICTED),
    "closed_only": (400, "'{maker}' address in closed only mode"),
    "no_balance": (400, "not enough balance / allowance"),
}


def refusal_of(fault: Fault, facts: Mapping[str, str]) -> Refusal | None:
    """Return what a fault refuses a request with; None for one that refuses nothing."""
    if fault.fault not in _REFUSALS:
        return None
    status, text = _REFUSALS[fault.fault]
    words = fault.text or text.format(maker=facts.get("maker", ""))
    headers: dict[str, str] = {}
    if fault.fault == "rate_limited":
        seconds = _RETRY_AFTER_S if fault.retry_after_s is None else fault.retry_after_s
        headers["Retry-After"] = str(seconds)
    return Refusal(fault.status or status, {"error": words}, headers)


def garbled(fault: Fault, body: bytes, key: str) -> bytes:
    """Return a good answer's body as a fault makes it arrive; most faults leave it alone."""
    if fault.fault == "empty":
        return b""
    if fault.fault == "malformed":
        return body[: len(body) // 2]
    change = _CHANGES.get(fault.fault)
    if change is None:
        return body
    return json.dumps(change(json.loads(body), key)).encode()


def _with_wrong_ids(answer: Json, key: str) -> Json:
    if isinstance(answer, list):
        return [_with_wrong_ids(leg, key) for leg in answer]
    assert isinstance(answer, dict)
    wrong = hash_text("wrong id", key, answer["orderID"])
    return {**answer, "orderID": wrong} if answer["orderID"] else answer


def _nothing(answer: Json, _key: str) -> Json:
    if isinstance(answer, dict) and "data" in answer:
        return {**answer, "data": [], "count": 0, "next_cursor": END_CURSOR}
    return None


def _shuffled(page: Json, key: str) -> Json:
    return _with_rows(page, lambda rows: sorted(rows, key=lambda row: digest(key, row)))


def _doubled(page: Json, _key: str) -> Json:
    return _with_rows(page, lambda rows: [row for row in rows for _ in range(2)])


def _with_rows(page: Json, change: Callable[[list[Json]], list[Json]]) -> Json:
    assert isinstance(page, dict)
    rows = page["data"]
    assert isinstance(rows, list)
    changed = change(rows)
    return {**page, "data": changed, "count": len(changed)}


_CHANGES: Mapping[str, Callable[[Json, str], Json]] = {
    "wrong_id": _with_wrong_ids,
    "null": _nothing,
    "shuffle": _shuffled,
    "duplicate": _doubled,
}
