"""Tests of how requests are parsed, beyond what whole requests show."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper.model import OrderRefusedError
from paper.wire import (
    END_CURSOR,
    FIRST_CURSOR,
    INVALID_PAYLOAD,
    VERSION_MISMATCH,
    CancelMarketIn,
    Json,
    PostedV1,
    PostedV2,
    cursor_for,
    parse_body,
    parse_cursor,
    parse_json,
    parse_posted,
    parse_seconds,
    parse_tokens,
)
from tests.paper.posted_orders import V1, Asked, body_v1, body_v2, key_number

V2_BODY = body_v2(key_number(3), "key", Asked("12", salt=7))[0]
V1_BODY = body_v1(key_number(3), "key", Asked("12", salt=7, exchange=V1))[0]


@given(st.integers(min_value=0, max_value=10**12))
def test_a_cursor_stands_for_its_offset(offset: int) -> None:
    assert parse_cursor(cursor_for(offset)) == offset


def test_the_first_cursor_and_none_are_the_beginning() -> None:
    assert cursor_for(0) == FIRST_CURSOR
    assert [parse_cursor(text) for text in (FIRST_CURSOR, "", None)] == [0, 0, 0]
    with pytest.raises(OrderRefusedError, match="Next item"):
        parse_cursor(END_CURSOR)


def test_each_generation_is_parsed_where_it_belongs() -> None:
    new = parse_posted(V2_BODY, v1_dialect=False)
    assert isinstance(new, PostedV2)
    assert (new.order.salt, new.order.token_id, new.order.side) == (7, 12, "BUY")
    assert new.order.timestamp == 1_795_344_855_202
    old = parse_posted(V1_BODY, v1_dialect=True)
    assert isinstance(old, PostedV1)
    assert (old.order.fee_rate_bps, old.order.nonce, old.post_only) == (1000, 0, False)
    for body, v1_dialect in ((V2_BODY, True), (V1_BODY, False)):
        with pytest.raises(OrderRefusedError, match=VERSION_MISMATCH):
            parse_posted(body, v1_dialect=v1_dialect)


def test_the_first_generation_knows_no_deposit_wallets() -> None:
    body = {**V1_BODY, "order": {**V1_BODY["order"], "signatureType": 3}}
    with pytest.raises(OrderRefusedError, match=INVALID_PAYLOAD):
        parse_posted(body, v1_dialect=True)


def test_fields_that_are_not_known_are_ignored() -> None:
    posted = parse_posted({**V2_BODY, "news": [1, 2]}, v1_dialect=False)
    assert posted.owner == "key"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(V2_BODY["order"])), json_values)
def test_any_json_in_any_field_is_an_order_or_a_refusal(name: str, value: Json) -> None:
    body = {**V2_BODY, "order": {**V2_BODY["order"], name: value}}
    with contextlib.suppress(OrderRefusedError):
        parse_posted(body, v1_dialect=False)


@given(st.binary(max_size=40) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_tokens_or_a_refusal(body: bytes) -> None:
    with contextlib.suppress(OrderRefusedError):
        parse_tokens(body)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "[NaN]"])
def test_numbers_that_json_does_not_have_are_refused(text: str) -> None:
    with pytest.raises(OrderRefusedError):
        parse_json(text.encode())


def test_a_time_is_a_natural_number_or_absent() -> None:
    assert parse_seconds("17", "no") == 17
    assert parse_seconds(None, "no") is None
    assert parse_seconds("", "no") is None
    for wrong in ("-1", "1.5", "9" * 13, "now"):
        with pytest.raises(OrderRefusedError, match="no"):
            parse_seconds(wrong, "no")


def test_a_refusal_carries_its_complaint() -> None:
    with pytest.raises(OrderRefusedError, match="what is this"):
        parse_body(CancelMarketIn, {"market": 5}, "what is this")
