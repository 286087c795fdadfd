import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.notation import decimal_text, json_text, time_text, to_json
from trading.types import SignalState, SignatureType

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=6, max_value=10**14)


@dataclass(frozen=True, slots=True)
class Leaf:
    price: Decimal
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Tree:
    leaves: tuple[Leaf, ...]
    state: SignalState
    kind: SignatureType
    numbers: dict[str, str]
    is_open: bool


def test_records_are_written_field_by_field() -> None:
    at = datetime(2026, 10, 1, 12, tzinfo=UTC)
    tree = Tree(
        (Leaf(Decimal("0.440000"), at), Leaf(Decimal("1E+2"), None)),
        SignalState.FILLED,
        SignatureType.POLY_1271,
        {"b": "1", "a": "2"},
        is_open=True,
    )
    written = to_json(tree)
    assert written == {
        "leaves": [
            {"price": "0.44", "at": "2026-10-01T12:00:00.000Z"},
            {"price": "100", "at": None},
        ],
        "state": "FILLED",
        "kind": 3,
        "numbers": {"b": "1", "a": "2"},
        "is_open": True,
    }
    assert isinstance(written, dict)
    assert type(written["state"]) is str
    assert type(written["kind"]) is int
    assert json_text(written).index('"b"') < json_text(written).index('"a"')


def test_sets_are_written_as_lists() -> None:
    assert to_json(frozenset({"a"})) == ["a"]


def test_a_thing_that_json_cannot_say_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="received complex"):
        to_json(1j)


@given(NUMBERS)
def test_a_number_keeps_its_worth_without_exponent(number: Decimal) -> None:
    text = decimal_text(number)
    assert Decimal(text) == number
    assert "e" not in text.lower()
    assert not text.startswith("-0") or Decimal(text) < 0


@pytest.mark.parametrize(
    ("number", "text"), [("-0.000000", "0"), ("12.500000", "12.5"), ("100", "100"), ("0E-8", "0")]
)
def test_numbers_lose_only_zeros_that_say_nothing(number: str, text: str) -> None:
    assert decimal_text(Decimal(number)) == text


@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_numbers_that_are_none_are_a_bug(number: str) -> None:
    with pytest.raises(AssertionError):
        decimal_text(Decimal(number))


def test_times_are_written_in_utc() -> None:
    at = datetime(2026, 10, 1, 14, 0, 0, 5600, tzinfo=timezone(timedelta(hours=2)))
    assert time_text(at) == "2026-10-01T12:00:00.005Z"


def test_a_time_without_zone_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="aware"):
        time_text(datetime(2026, 10, 1))  # noqa: DTZ001 - the very thing


def test_hostile_text_is_json_and_nothing_more() -> None:
    hostile = '</script>"\n\u2028'
    assert json.loads(json_text(to_json(hostile))) == hostile
    assert "\n" not in json_text(to_json(hostile)), "an event's data is one line"
