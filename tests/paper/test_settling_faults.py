"""Tests of what the plan makes of a trade's way to the chain."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper.faults import Fault, FaultPlan, Faults, Point
from paper.matching import notional, size_step
from paper.model import MICROS, MakerFill, Side, Trade, TradeStatus
from paper.settling_faults import (
    COURSES,
    Pace,
    course_after_restart,
    course_of,
    draw_course,
    facts_of,
    is_of_client,
    is_prefixed,
    pieces_of,
)
from tests.paper.engine_room import ANNA, BERT, NO, START, YES, a_trade, shares

PACE = Pace(2_000, 4_000)
SPLITTING = FaultPlan((Fault(Point.SETTLE, "split"),))


def faulty(name: str, **changes: object) -> Faults:
    rule = Fault(at=Point.SETTLE, fault=name, **changes)  # type: ignore[arg-type]
    return Faults(FaultPlan((rule,)))


def stages(name: str, delay_ms: int = 0) -> list[tuple[str, int]]:
    fault = Fault(Point.SETTLE, name, delay_ms=delay_ms) if name else None
    course = course_of(a_trade(), PACE, fault)
    return [(stage.status.value, stage.at - START) for stage in course]


@pytest.mark.parametrize(
    ("name", "course"),
    [
        ("", [("MINED", 2_000), ("CONFIRMED", 4_000)]),
        ("slow", [("MINED", 7_000), ("CONFIRMED", 9_000)]),
        ("retrying", [("RETRYING", 2_000), ("MINED", 7_000), ("CONFIRMED", 9_000)]),
        ("failed", [("RETRYING", 2_000), ("FAILED", 7_000)]),
        ("failed_after_mined", [("MINED", 2_000), ("RETRYING", 7_000), ("FAILED", 9_000)]),
        ("unbroadcast", [("MATCHED", 5_000), ("MINED", 7_000), ("CONFIRMED", 9_000)]),
    ],
)
def test_every_course_has_its_stages_at_their_times(
    name: str, course: list[tuple[str, int]]
) -> None:
    assert stages(name, 5_000) == course


def test_a_course_without_a_delay_takes_as_long_as_a_confirmation() -> None:
    assert stages("failed") == [("RETRYING", 2_000), ("FAILED", 4_000)]


@pytest.mark.parametrize("name", COURSES)
def test_every_course_ends(name: str) -> None:
    assert stages(name)[-1][0] in {"CONFIRMED", "FAILED"}


@pytest.mark.parametrize(
    ("status", "left"),
    [
        (TradeStatus.MATCHED, ["MINED", "CONFIRMED"]),
        (TradeStatus.RETRYING, ["MINED", "CONFIRMED"]),
        (TradeStatus.MINED, ["CONFIRMED"]),
    ],
)
def test_no_fault_outlives_the_process(status: TradeStatus, left: list[str]) -> None:
    course = course_after_restart(a_trade(status=status), PACE)
    assert [stage.status.value for stage in course] == left


def test_dice_of_course_wording_and_split_are_thrown_apart() -> None:
    faults = faulty("prefixed")
    assert is_prefixed(faults, a_trade(), 0)
    assert draw_course(faults, a_trade(), 0) is None
    assert faults.struck == (1,)


def test_the_client_of_a_trade_is_its_taker_or_else_its_first_maker() -> None:
    assert facts_of(matched(owner="key")) == {"token_id": YES, "side": "BUY", "maker": ANNA}
    assert facts_of(matched(owner="", makers_owner="key"))["maker"] == BERT
    assert facts_of(matched(owner=""))["maker"] == ""
    assert not is_of_client(matched(owner=""))


def matched(
    sizes: tuple[int, ...] = (20 * MICROS,),
    price: int = 440_000,
    fee: int = 170_000,
    owner: str = "key",
    makers_owner: str = "",
) -> Trade:
    """Return a BUY from makers of one price, every second of them on the other outcome."""
    makers = tuple(
        MakerFill(f"0x{number}", makers_owner, BERT, NO, "No", Side.BUY, size, MICROS - price)
        if number % 2
        else MakerFill(f"0x{number}", makers_owner, BERT, YES, "Yes", Side.SELL, size, price)
        for number, size in enumerate(sizes)
    )
    size = sum(sizes)
    return a_trade(
        owner=owner,
        size=size,
        price=price,
        cost=notional(size, price),
        fee=fee,
        makers=makers,
    )


def test_a_split_match_costs_and_moves_what_the_whole_would() -> None:
    whole = matched((20 * MICROS, 10 * MICROS))
    pieces = pieces_of(Faults(SPLITTING), whole, 0)
    assert len(pieces) in {2, 3}
    assert [piece.bucket_index for piece in pieces] == list(range(len(pieces)))
    assert sum(piece.size for piece in pieces) == whole.size
    assert all(len(piece.makers) == 2 for piece in pieces)
    assert {piece.price for piece in pieces} == {whole.price}


@given(
    sizes=st.lists(st.integers(1, 10_000), min_size=1, max_size=4),
    price=st.integers(1, 999).map(lambda mills: mills * 1_000),
    fee=st.integers(0, 100_000).map(lambda steps: steps * 10),
)
def test_pieces_add_up_for_any_match(sizes: list[int], price: int, fee: int) -> None:
    step = size_step(price)
    whole = matched(tuple(size * step for size in sizes), price, fee)
    pieces = pieces_of(Faults(SPLITTING), whole, 0)
    assert sum(piece.size for piece in pieces) == whole.size
    assert sum(piece.cost for piece in pieces) == whole.cost
    assert sum(piece.fee for piece in pieces) == whole.fee
    for piece in pieces:
        assert piece.size == sum(maker.size for maker in piece.makers) > 0
        assert piece.size * piece.price % MICROS == 0
        assert piece.fee >= 0
    assert {maker.order_id for maker in pieces[0].makers} == {m.order_id for m in whole.makers}


def test_a_match_of_several_prices_or_of_made_up_wallets_is_never_split() -> None:
    faults = Faults(SPLITTING)
    assert len(pieces_of(faults, matched(owner=""), 0)) == 1
    dear = replace(matched((20 * MICROS,)).makers[0], price=shares("0.45"))
    mixed = replace(matched(), makers=(*matched().makers, dear))
    assert len(pieces_of(faults, mixed, 0)) == 1
    assert faults.struck == (0,)


def test_what_cannot_be_cut_stays_whole() -> None:
    assert len(pieces_of(Faults(SPLITTING), matched((size_step(440_000),)), 0)) == 1


def test_a_rule_of_a_share_splits_so_many() -> None:
    rule = Fault(Point.SETTLE, "split", share=Decimal("0.3"))
    faults = Faults(FaultPlan((rule,)))
    cut = [len(pieces_of(faults, matched(), number)) > 1 for number in range(500)]
    assert 100 < sum(cut) < 200


def test_the_same_trade_of_the_same_plan_fares_alike_in_every_run() -> None:
    plan = FaultPlan((Fault(Point.SETTLE, "failed", share=Decimal("0.5")),), seed=9)
    runs = [
        [draw_course(Faults(plan), a_trade(trade_id=name), number) for number in range(50)]
        for name in ("one play", "another")
    ]
    assert runs[0] == runs[1]
    assert len(set(map(bool, runs[0]))) == 2
