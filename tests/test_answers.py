from decimal import Decimal

import pytest

from answers import number, plain, short, usd


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        ("10010.000000000000", "10010"),
        ("1E+4", "10000"),
        ("-0.500000", "-0.5"),
        ("0.000001", "0.000001"),
    ],
)
def test_figures_are_written_in_full_without_trailing_zeros(figure: str, text: str) -> None:
    assert number(Decimal(figure)) == short(Decimal(figure)) == text


def test_no_figure_is_null_for_programs_and_a_dash_for_people() -> None:
    assert number(None) is None
    assert short(None) == usd(None) == "-"


def test_dollars_have_their_sign_before_them() -> None:
    assert [usd(Decimal(n)) for n in ("1234567.891", "-0.5")] == ["$1,234,567.89", "-$0.50"]


def test_control_characters_are_left_out() -> None:
    assert plain("Will \x1b]0;it\x07 be\u202e über?\n") == "Will ]0;it be über?"
