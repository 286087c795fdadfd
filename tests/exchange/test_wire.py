"""The venue's JSON is read without floats, tolerantly, and nonsense is always a WireError."""

import contextlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.polymarket.wire import (
    Items,
    Moment,
    Number,
    OptionalMoment,
    OptionalNumber,
    SizeOrZero,
    Text,
    WireCondition,
    WireHash,
    WireModel,
    WirePrice,
    WireSide,
    WireToken,
    WireWallet,
    as_list,
    as_object,
    excerpt,
    parse,
    read_json,
    read_objects,
    to_micro,
)
from exchange.port import WireError
from trading.types import Side

_Texts = Annotated[tuple[Text, ...], Items]


class _Everything(WireModel):
    number: Number = Decimal(0)
    maybe: OptionalNumber = None
    size: SizeOrZero = Decimal(0)
    price: WirePrice = Decimal("0.5")
    text: Text = ""
    order: WireHash | None = None
    wallet: WireWallet | None = None
    condition: WireCondition | None = None
    token: WireToken | None = None
    side: WireSide | None = None
    at: Moment | None = None
    ends_at: OptionalMoment = None


def test_fractions_are_read_as_decimals_and_never_as_floats() -> None:
    assert read_json('{"p": 0.1}') == {"p": Decimal("0.1")}


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", '{"p": NaN}', "[Infinity]", "[" * 100_000, b"\xff"]
)
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(WireError, match="expected JSON"):
        read_json(text)


@pytest.mark.parametrize("value", ["0.43", Decimal("0.43")])
def test_numbers_may_be_text_or_numbers(value: object) -> None:
    assert parse(_Everything, {"number": value}).number == Decimal("0.43")


@pytest.mark.parametrize(
    "value", ["NaN", "inf", "abc", "", None, True, [], "1e30", "1e-50", "1" * 100, 10**15]
)
def test_what_is_no_sensible_number_is_refused(value: object) -> None:
    with pytest.raises(WireError, match="number"):
        parse(_Everything, {"number": value})


def test_an_absent_number_is_zero_or_none_where_the_venue_leaves_it_out() -> None:
    row = parse(_Everything, {"size": "", "maybe": ""})
    assert (row.size, row.maybe) == (Decimal(0), None)
    assert parse(_Everything, {"maybe": "2"}).maybe == Decimal(2)


@pytest.mark.parametrize("value", ["0", "1", "-0.1", "1.01"])
def test_a_price_lies_between_zero_and_one(value: str) -> None:
    with pytest.raises(WireError, match="price"):
        parse(_Everything, {"price": value})


def test_a_size_is_not_negative() -> None:
    with pytest.raises(WireError, match="size"):
        parse(_Everything, {"size": "-1"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1795348800", datetime(2026, 11, 22, 12, 0, tzinfo=UTC)),
        (1795348800, datetime(2026, 11, 22, 12, 0, tzinfo=UTC)),
        ("1795348800123", datetime(2026, 11, 22, 12, 0, 0, 123_000, UTC)),
        ("2026-11-22T12:00:00Z", datetime(2026, 11, 22, 12, 0, tzinfo=UTC)),
        ("2026-11-22T14:00:00+02:00", datetime(2026, 11, 22, 12, 0, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
    ],
)
def test_times_come_in_seconds_milliseconds_and_iso(value: object, expected: datetime) -> None:
    assert parse(_Everything, {"at": value}).at == expected


@pytest.mark.parametrize("value", ["", "yesterday", -1, True, "1e14", None])
def test_what_is_no_time_is_refused(value: object) -> None:
    class _Row(WireModel):
        at: Moment

    with pytest.raises(WireError, match="at"):
        parse(_Row, {"at": value})


@pytest.mark.parametrize("value", [None, "", "0", 0])
def test_no_time_may_be_said_in_four_ways(value: object) -> None:
    assert parse(_Everything, {"ends_at": value}).ends_at is None


def test_hashes_wallets_and_conditions_become_lower_case() -> None:
    row = parse(
        _Everything,
        {"order": "0x" + "AB" * 32, "wallet": "0x" + "Cd" * 20, "condition": "0xDD22"},
    )
    assert (row.order, row.wallet, row.condition) == ("0x" + "ab" * 32, "0x" + "cd" * 20, "0xdd22")


@pytest.mark.parametrize(
    "payload",
    [
        {"order": "0x12"},
        {"order": "zz" + "ab" * 32},
        {"wallet": 7},
        {"condition": "dd22"},
        {"condition": "0xgg"},
        {"token": "0x12"},
        {"token": "1" * 79},
        {"token": True},
        {"side": "HOLD"},
        {"side": 1},
        {"text": []},
        [],
        None,
    ],
)
def test_ids_and_words_that_make_no_sense_are_refused(payload: object) -> None:
    with pytest.raises(WireError, match="expected _Everything"):
        parse(_Everything, payload)


def test_a_token_id_may_be_a_number() -> None:
    assert parse(_Everything, {"token": 71}).token == "71"


def test_a_side_may_be_written_small() -> None:
    assert parse(_Everything, {"side": "buy"}).side is Side.BUY


def test_unknown_fields_are_ignored_and_missing_ones_named() -> None:
    class _Row(WireModel):
        wanted: Text

    assert parse(_Row, {"wanted": 5, "new": 1}).wanted == "5"
    with pytest.raises(WireError, match="wanted: Field required, received nothing"):
        parse(_Row, {})


def test_lists_may_be_the_text_of_lists() -> None:
    class _Row(WireModel):
        items: _Texts = ()

    assert parse(_Row, {"items": '["a", "b"]'}).items == ("a", "b")
    assert parse(_Row, {"items": ["a"]}).items == ("a",)
    assert parse(_Row, {"items": ""}).items == ()
    for nonsense in ("[", "{}", 7, "[NaN]", "[" * 100_000):
        with pytest.raises(WireError):
            parse(_Row, {"items": nonsense})


def test_a_frame_holds_one_object_or_an_array_of_them() -> None:
    assert read_objects('{"a": 1}') == [{"a": 1}]
    assert read_objects('[{"a": 1}, {}]') == [{"a": 1}, {}]
    with pytest.raises(WireError, match="expected an object"):
        read_objects("[1]")


def test_shapes_are_checked() -> None:
    assert as_object({}) == {}
    assert as_list([]) == []
    with pytest.raises(WireError):
        as_list({})


def test_an_excerpt_fits_a_text_column() -> None:
    assert excerpt("a\0b" + "c" * 10_000, 5) == "a�bcc"
    assert excerpt(b"\xffabc", 2) == "�a"
    excerpt("\ud800").encode()


def test_feeds_are_rounded_to_the_six_decimals_of_the_chain() -> None:
    assert to_micro(Decimal("0.30000000000000004")) == Decimal("0.3")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats() | st.decimals(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(_Everything.model_fields)), _JSON))
def test_whatever_a_field_holds_is_read_or_refused(payload: dict[str, object]) -> None:
    with contextlib.suppress(WireError):
        parse(_Everything, payload)


@given(st.text() | st.binary() | _JSON.map(lambda value: json.dumps(value, default=str)))
def test_whatever_a_frame_holds_is_read_or_refused(text: str | bytes) -> None:
    with contextlib.suppress(WireError):
        read_objects(text)
