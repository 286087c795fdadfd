"""Tests of what a plan of faults does at once."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from paper.fault_actions import ActionError, blocked_place, is_closed_only
from paper.faults import Fault, FaultPlan, Faults, Point
from paper.ledger import BANK, DRAINED
from paper.model import MICROS
from tests.paper.engine_room import ANNA, Room, Wish, is_balanced, open_room


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = open_room(tmp_path)
    yield opened
    opened.venue.close()


def a_drain(wallet: str = ANNA, share: str = "1") -> FaultPlan:
    rule = Fault(at=Point.ACCOUNT, fault="drain", text=wallet, size_share=Decimal(share))
    return FaultPlan((rule,))


def test_a_share_of_what_a_wallet_has_is_drained(room: Room) -> None:
    room.venue.put_faults(a_drain(ANNA.lower(), "0.4"))
    assert room.venue.balance(ANNA, None) == 6_000 * MICROS
    assert room.venue.wallets()[DRAINED] == (4_000 * MICROS, {})
    assert room.venue.faults.struck == (1,)
    assert is_balanced(room.venue)


def test_what_open_orders_need_is_left(room: Room) -> None:
    room.post(Wish(price="0.40", size="100"))
    room.venue.put_faults(a_drain())
    assert room.venue.balance(ANNA, None) == 40 * MICROS
    room.venue.put_faults(a_drain())
    assert room.venue.balance(ANNA, None) == 40 * MICROS
    assert is_balanced(room.venue)


@pytest.mark.parametrize("wallet", ["", BANK, "0x" + "99" * 20])
def test_only_known_wallets_of_clients_are_drained(room: Room, wallet: str) -> None:
    room.venue.put_faults(FaultPlan(seed=5))
    with pytest.raises(ActionError, match="expected the wallet of a client"):
        room.venue.put_faults(FaultPlan((*a_drain().rules, *a_drain(wallet).rules)))
    assert room.venue.faults.plan == FaultPlan(seed=5)
    assert room.venue.balance(ANNA, None) == 10_000 * MICROS


def test_the_wallets_of_the_crowd_are_spared(room: Room) -> None:
    wallet = room.venue._company.floor.crowd.wallet("anybody")
    with pytest.raises(ActionError):
        room.venue.put_faults(a_drain(wallet))


def test_a_place_is_blocked_while_a_plan_says_so() -> None:
    faults = Faults(FaultPlan((Fault(at=Point.ACCOUNT, fault="geoblocked", text="KP"),)))
    assert blocked_place(faults) == "KP"
    assert faults.struck == (1,)
    faults.replace(FaultPlan((Fault(at=Point.ACCOUNT, fault="geoblocked"),)))
    assert blocked_place(faults) == "US"
    faults.replace(FaultPlan())
    assert blocked_place(faults) == ""


def test_one_wallet_or_all_may_only_close_while_a_plan_says_so() -> None:
    faults = Faults(FaultPlan((Fault(at=Point.ACCOUNT, fault="closed_only", text=ANNA.lower()),)))
    assert is_closed_only(faults, ANNA)
    assert not is_closed_only(faults, "0x" + "99" * 20)
    faults.replace(FaultPlan((Fault(at=Point.ACCOUNT, fault="closed_only"),)))
    assert is_closed_only(faults, "0x" + "99" * 20)
    assert not is_closed_only(Faults(), ANNA)
