"""Answers about our right to trade are read outright, or refused."""

from decimal import Decimal

import pytest

from exchange.polymarket.wire_admission import (
    read_allowances,
    read_api_keys,
    read_closed_only,
    read_geoblock,
)
from exchange.port import WireError
from trading.admission import Geoblock

SPENDER = "0x" + "Ab" * 20
UNLIMITED = str((1 << 256) - 1)


def test_a_place_is_read() -> None:
    row = {"blocked": True, "ip": "203.0.113.7", "country": "US", "region": "NY"}
    assert read_geoblock(row) == Geoblock(is_blocked=True, country="US", region="NY")
    assert read_geoblock({"blocked": False}) == Geoblock(is_blocked=False, country="", region="")


@pytest.mark.parametrize("row", [{}, {"blocked": "false"}, {"blocked": None}, [], "no", None])
def test_what_does_not_say_whether_we_are_blocked_is_refused(row: object) -> None:
    with pytest.raises(WireError):
        read_geoblock(row)


@pytest.mark.parametrize("row", [{}, {"closed_only": 0}, {"closed_only": "yes"}, None])
def test_what_does_not_say_whether_we_may_buy_is_refused(row: object) -> None:
    with pytest.raises(WireError):
        read_closed_only(row)


def test_whether_we_may_buy_is_read() -> None:
    assert read_closed_only({"closed_only": True})
    assert not read_closed_only({"closed_only": False})


def test_balance_and_allowances_are_read_from_micro_units() -> None:
    cash, allowed = read_allowances({"balance": "1500000", "allowances": {SPENDER: UNLIMITED}})
    assert cash == Decimal("1.5")
    assert allowed[SPENDER.lower()] > Decimal(10) ** 60  # type: ignore[index]


@pytest.mark.parametrize("allowance", ["-1", "1.5", "x", "9" * 79, None, True])
def test_an_allowance_that_is_no_whole_number_is_refused(allowance: object) -> None:
    with pytest.raises(WireError):
        read_allowances({"balance": "0", "allowances": {SPENDER: allowance}})


def test_ids_of_keys_are_read() -> None:
    assert read_api_keys({"apiKeys": ["a", "b"]}) == ("a", "b")
    with pytest.raises(WireError):
        read_api_keys({"apiKeys": [""]})
