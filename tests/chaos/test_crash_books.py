"""Every way in which both sides' books can differ is told."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.chaos.crash_books import Books, faults, unfinished

HASH = "0x" + "ab" * 32
ORDER: Mapping[str, Any] = {
    "order_id": HASH,
    "side": "BUY",
    "status": "MATCHED",
    "posts": 1,
    "is_done": True,
    "adopted": False,
    "applied_version": 3,
    "version": 3,
    "faults": [],
    "intent_id": "s#1",
}
FILL: Mapping[str, Any] = {
    "order_id": HASH,
    "trade_id": "t",
    "size": Decimal(10),
    "cost": Decimal(5),
    "fee": Decimal("0.1"),
    "settlement": "CONFIRMED",
}
POSITION: Mapping[str, Any] = {
    "position_id": "p",
    "status": "OPEN",
    "size": Decimal(10),
    "settled_size": Decimal(10),
    "exit_epoch": 0,
}
AT_VENUE: Mapping[str, Any] = {"order_id": HASH, "status": "MATCHED", "posts": 1}
FILLED_THERE: Mapping[str, Any] = {
    "order_id": HASH,
    "size": "10",
    "cost": "5",
    "fee": "0.1",
    "status": "CONFIRMED",
}
EQUAL = Books(
    signals=[{"signal_id": "s", "side": "BUY", "state": "FILLED"}],
    orders=[ORDER],
    fills=[FILL],
    held=[],
    positions=[POSITION],
    cash=Decimal(90),
    venue_orders=[AT_VENUE],
    venue_fills=[FILLED_THERE],
    venue_cash=Decimal(90),
    venue_shares=Decimal(10),
    breaches=[],
)
OTHER = "0x" + "cd" * 32


def test_equal_books_have_no_fault() -> None:
    assert faults(EQUAL) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"signals": [{"signal_id": "s", "side": "BUY", "state": "RUNNING"}]}, "RUNNING"),
        ({"orders": [{**ORDER, "is_done": False}]}, "on its way"),
        ({"orders": [{**ORDER, "applied_version": 2}]}, "on its way"),
        ({"held": [{"kind": "reservation", "intent_id": "s#1"}]}, "not released"),
        ({"held": [{"kind": "offer", "intent_id": "p#exit-1-1"}]}, "not released"),
        ({"positions": [{**POSITION, "status": "EXITING"}]}, "EXITING"),
    ],
)
def test_what_is_on_its_way_is_unfinished(changed: Mapping[str, Any], words: str) -> None:
    (told,) = unfinished(replace(EQUAL, **changed))
    assert words in told


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"venue_orders": [AT_VENUE, AT_VENUE]}, "twice"),
        ({"venue_orders": [AT_VENUE, {**AT_VENUE, "order_id": OTHER}]}, "is not ours"),
        ({"venue_orders": []}, "is not at the venue"),
        ({"venue_orders": [{**AT_VENUE, "posts": 2}]}, "came 2 times"),
        ({"venue_orders": [{**AT_VENUE, "status": "LIVE"}]}, "still rests"),
        ({"orders": [{**ORDER, "status": "VOID"}]}, "but VOID with us"),
        ({"orders": [{**ORDER, "faults": ["overfilled"]}]}, "overfilled"),
        ({"orders": [{**ORDER, "adopted": True}]}, "is late"),
        ({"fills": []}, "fills of"),
        ({"fills": [{**FILL, "cost": Decimal("5.000001")}]}, "fills of"),
        ({"fills": [{**FILL, "settlement": "MINED"}]}, "is MINED"),
        ({"cash": Decimal("90.000001")}, "cash"),
        ({"venue_shares": Decimal(9)}, "shares"),
        ({"breaches": ["wallet used 5, is 4"]}, "wallet used"),
    ],
)
def test_what_differs_is_a_fault(changed: Mapping[str, Any], words: str) -> None:
    told = faults(replace(EQUAL, **changed))
    assert any(words in line for line in told), told


def test_a_position_that_holds_nothing_is_not_left_open() -> None:
    hollow = {**POSITION, "size": Decimal(0), "settled_size": Decimal(0)}
    told = faults(replace(EQUAL, positions=[hollow], venue_shares=Decimal(0)))
    assert told == ["p holds nothing"]


def test_an_order_that_never_left_need_not_be_at_the_venue() -> None:
    expired = {**ORDER, "status": "EXPIRED", "posts": 0}
    nothing: dict[str, Any] = {"fills": [], "venue_fills": [], "venue_orders": [], "positions": []}
    told = faults(replace(EQUAL, orders=[expired], venue_shares=Decimal(0), **nothing))
    assert told == []


def test_a_fill_that_the_chain_refused_counts_on_neither_side() -> None:
    failed = {**FILL, "settlement": "FAILED"}
    there = {**FILLED_THERE, "status": "FAILED"}
    told = faults(replace(EQUAL, fills=[FILL, failed], venue_fills=[FILLED_THERE, there]))
    assert told == []


def test_a_gap_that_was_there_before_is_no_fault_but_another_one_is() -> None:
    short = replace(EQUAL, cash=Decimal(80))
    assert faults(short, known_gap=Decimal(-10)) == []
    assert faults(short, known_gap=Decimal(-9)) == ["cash 80, at the venue 90"]
