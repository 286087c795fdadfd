"""What is signed and, above all, what is not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import signer.policy
from signer.facts import OrderFacts
from signer.policy import refuse_overselling
from signer.settings import SignerLimits
from tests.signer.bending import BENDS, passed
from tests.signer.orders import NOW, ask, entry, leaving, policy, rehashed, resigned
from trading.pretrade import Control
from trading.types import OrderState, PositionState, Price, Protocol, Shares, Usd, Wallet

SEED = 20261122


def _nothing(*words: object) -> None:
    return None


@pytest.mark.parametrize("make", [entry, leaving])
def test_an_honest_order_is_signed_until_its_time_is_over(make: Callable[[], OrderFacts]) -> None:
    order = make()
    last = order.expires_at - NOW - timedelta(microseconds=1)
    for late in (timedelta(0), last):
        assert policy().refuse(order, ask(order), NOW + late) is None
    assert refuse_overselling(order) is None


def test_a_later_copy_is_signed_within_its_own_window() -> None:
    order = replace(entry(), copies=1, state=OrderState.UNKNOWN)
    assert policy().refuse(order, ask(order), NOW + timedelta(seconds=11)) is None
    late = policy().refuse(order, ask(order), NOW + timedelta(seconds=12))
    assert late is not None
    assert late.code is Control.EXPIRY


def test_an_exit_passes_what_halts_entries(tmp_path: Path) -> None:
    (tmp_path / "HALT").touch()
    for make, code in ((entry, Control.HALT), (leaving, None)):
        order = make()
        refusal = policy(home=tmp_path).refuse(order, ask(order), NOW)
        assert (refusal and refusal.code) == code


def test_a_home_that_cannot_be_looked_into_stops_entries_and_no_exit(tmp_path: Path) -> None:
    closed = tmp_path / ("long" * 99)
    for make, code in ((entry, Control.HALT), (leaving, None)):
        order = make()
        refusal = policy(home=closed).refuse(order, ask(order), NOW)
        assert (refusal and refusal.code) == code
        assert refusal is None or "cannot be looked for" in refusal.cap


def test_what_a_refusal_says_has_the_numbers() -> None:
    order = entry()
    refusal = policy(SignerLimits(order_usd=Usd(Decimal(50)))).refuse(order, ask(order), NOW)
    assert refusal is not None
    assert (refusal.code, refusal.wanted, refusal.cap) == (Control.ORDER_MAX, "51.00", "50")
    assert refusal.describe() == "the signer refused it: order_max, wanted 51.00, allowed 50"


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (resigned(entry(), maker=Wallet("0x" + "1" * 40)), Control.NOT_OURS),
        (resigned(entry(), protocol=Protocol.PROTOCOL_V2), Control.WRONG_TOKEN),
        (resigned(entry(), salt=1), Control.ALTERED),
        (resigned(entry(), timestamp_ms=1), Control.ALTERED),
        (resigned(entry(), maker_amount=1), Control.ALTERED),
        (replace(entry(), order_hash=leaving().order_hash), Control.ALTERED),
        (replace(entry(), signal=None), Control.WRONG_TOKEN),
        (replace(entry(), position=None), Control.WRONG_TOKEN),
        (replace(entry(), state=OrderState.CANCELLED), Control.ENDED),
        (replace(entry(), reserved=None), Control.NOT_RESERVED),
        (replace(entry(), cost_max=Usd(Decimal(49))), Control.NOT_RESERVED),
        (replace(entry(), copies=4), Control.COPIES),
        (replace(entry(), expires_at=NOW + timedelta(seconds=6)), Control.ALTERED),
        (entry(at="0.52"), Control.COLLAR),
        (entry(at="0.505"), Control.TICK),
        (replace(leaving(), exit_epoch=2), Control.ENDED),
    ],
)
def test_each_reason_has_its_name(order: OrderFacts, code: Control) -> None:
    refusal = policy().refuse(order, ask(order), NOW)
    assert refusal is not None
    assert refusal.code is code


def test_orders_of_the_first_protocol_are_not_signed() -> None:
    order = entry()
    old = replace(order, unsigned=replace(order.unsigned, protocol=Protocol.V1))
    refusal = policy().refuse(old, ask(old), NOW)
    assert refusal is not None
    assert refusal.code is Control.ALTERED


def test_exits_sell_what_is_held_and_no_more() -> None:
    order = leaving()
    assert order.position is not None
    more = replace(order, position=replace(order.position, offered=Shares(order.size + 1)))
    too_much = refuse_overselling(more)
    assert too_much is not None
    assert too_much.code is Control.HELD
    unheard = refuse_overselling(replace(order, offered=None))
    assert unheard is not None
    assert unheard.code is Control.NOT_RESERVED


def test_a_thousand_orders_outside_the_policy_are_all_refused() -> None:
    assert passed(policy(), 1000, SEED) == []


@pytest.mark.acceptance
def test_a_hundred_thousand_orders_outside_the_policy_are_all_refused() -> None:
    assert passed(policy(), 100_000, SEED + 1) == []


@pytest.mark.parametrize(
    "hole", ["_refuse_identity", "_refuse_standing", "_refuse_terms", "_refuse_subject"]
)
def test_a_hole_in_the_policy_is_found(hole: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if hole == "_refuse_subject":
        monkeypatch.setattr(signer.policy, hole, _nothing)
    else:
        monkeypatch.setattr(signer.policy.Policy, hole, _nothing)
    try:
        found = passed(policy(), 10 * len(BENDS), SEED)
    except AssertionError:  # the next check says that the one before it is gone
        return
    assert found


def test_a_position_that_is_being_left_takes_no_entry() -> None:
    order = entry()
    assert order.position is not None
    left = replace(order, position=replace(order.position, state=PositionState.EXITING))
    refusal = policy().refuse(left, ask(left), NOW)
    assert refusal is not None
    assert refusal.code is Control.ENDED


def test_a_price_below_the_floor_of_exits_is_refused() -> None:
    order = leaving(at="0.005")
    assert order.market is not None
    fine = replace(order, market=replace(order.market, tick_size=Price(Decimal("0.001"))))
    refusal = policy().refuse(rehashed(fine), ask(fine), NOW)
    assert refusal is not None
    assert refusal.code is Control.BAND


@pytest.mark.parametrize(("lowest", "code"), [("0.005", None), ("0.006", Control.BAND)])
def test_a_person_lets_an_exit_go_below_the_floor_down_to_a_price(
    lowest: str, code: Control | None
) -> None:
    order = leaving(at="0.005")
    assert order.market is not None
    fine = replace(
        order,
        market=replace(order.market, tick_size=Price(Decimal("0.001"))),
        lowest=Price(Decimal(lowest)),
    )
    refusal = policy().refuse(rehashed(fine), ask(fine), NOW)
    assert (refusal and refusal.code) == code
