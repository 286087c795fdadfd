import json
from collections.abc import Sequence
from typing import Any

import pytest

from paper.rpc_wire import RpcError, hex_number, hex_text, notification, param, respond


def echo(method: str, params: Sequence[object]) -> object:
    if method == "fail":
        raise RpcError(-1, "no")
    return [method, *params]


def answered(message: object) -> Any:
    return json.loads(respond(json.dumps(message), echo))


def test_a_request_gets_its_result() -> None:
    assert answered({"id": "a", "method": "m", "params": [1]})["result"] == ["m", 1]


def test_an_error_carries_its_code() -> None:
    assert answered({"id": 1, "method": "fail"})["error"] == {"code": -1, "message": "no"}


@pytest.mark.parametrize(
    "message",
    [{}, 1, "x", None, {"method": 1}, {"method": "m", "params": {"a": 1}}, [], [{}] * 101],
)
def test_what_is_no_request_is_invalid(message: object) -> None:
    assert answered(message)["error"]["code"] == -32600


def test_every_item_of_a_batch_is_judged_alone() -> None:
    answers = answered([1, {"id": 2, "method": "m"}])
    assert answers[0]["error"]["code"] == -32600
    assert answers[1]["result"] == ["m"]


def test_what_is_not_json_is_a_parse_error() -> None:
    for text in ("", "{", "[" * 100_000):
        assert json.loads(respond(text, echo))["error"]["code"] == -32700


def test_a_notification_names_its_subscription() -> None:
    frame = json.loads(notification("0x1", {"a": 1}))
    assert frame["method"] == "eth_subscription"
    assert frame["params"] == {"subscription": "0x1", "result": {"a": 1}}


def test_missing_parameters_are_none() -> None:
    assert (param([1], 0), param([1], 1)) == (1, None)


def test_hexadecimal_values_are_read_strictly() -> None:
    assert hex_text("0xAB", 2) == "0xab"
    assert hex_number("0x1b4") == 436
    for wrong in (1, "ab", "0xg1", "0xabc", None):
        with pytest.raises(RpcError, match="expected"):
            hex_text(wrong, 2)
    for wrong in (436, "436", "0x", "0x" + "f" * 17):
        with pytest.raises(RpcError, match="expected"):
            hex_number(wrong)
