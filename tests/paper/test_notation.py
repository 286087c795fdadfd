import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper.notation import (
    as_object,
    as_strings,
    decimal_text,
    iso_time,
    json_number,
    parse_time,
    read_json,
    write_json,
)


@pytest.mark.parametrize(
    ("micros", "text"),
    [(430_000, "0.43"), (5_000_000, "5"), (0, "0"), (-1_500_000, "-1.5"), (1, "0.000001")],
)
def test_micros_are_written_as_plain_decimals(micros: int, text: str) -> None:
    assert decimal_text(micros) == text


@given(st.integers(-(10**15), 10**15))
def test_a_json_number_says_what_the_text_says(micros: int) -> None:
    number = json_number(micros)
    if isinstance(number, int):
        assert decimal_text(micros) == str(number)
    else:
        assert round(number * 1_000_000) == micros


def test_times_are_written_and_read_in_utc() -> None:
    assert iso_time(1_773_307_500_000) == "2026-03-12T09:25:00Z"
    assert iso_time(1_773_307_500_042) == "2026-03-12T09:25:00.042Z"
    assert parse_time("2026-03-12T09:25:00Z") == 1_773_307_500_000
    assert parse_time("2026-03-12T10:25:00+01:00") == 1_773_307_500_000
    assert parse_time("2026-03-12") == 1_773_273_600_000
    assert parse_time("yesterday") is None


def test_json_is_compact_and_read_warily() -> None:
    assert write_json({"a": [1, "b"]}) == '{"a":[1,"b"]}'
    assert read_json('{"a":1}') == {"a": 1}
    for text in ("{", "[" * 200_000, "1" * 10_000):
        with pytest.raises(ValueError, match=r"Expecting|deep|digits"):
            read_json(text)


def test_shapes_are_checked() -> None:
    assert as_object({"a": 1}) == {"a": 1}
    assert as_object([1]) is None
    assert as_strings(["a", "b"]) == ("a", "b")
    assert as_strings(["a", 1]) is None
    assert as_strings("ab") is None
