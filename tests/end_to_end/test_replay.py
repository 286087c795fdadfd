"""The main job: whale orders of a tape are copied, and every book agrees about it at the end."""

import json
from pathlib import Path

from tests.end_to_end.a_run import Ended, processes_of
from tests.end_to_end.conftest import Again, Broken
from tests.end_to_end.still_tape import WISHES


def assert_balanced(ended: Ended) -> None:
    """Assert that a run ended well and that its books equal the venue's."""
    assert ended.status == 0, ended.told
    assert ended.report["balances"] is True, ended.told
    assert ended.number("signals_terminal") == ended.number("signals"), ended.told
    for name in ("orders_unmatched", "positions_open", "reservations_left", "workflows_left"):
        assert ended.number(name) == 0, ended.told
    assert ended.number("limit_breaches") == 0, ended.told
    assert float(ended.text("fills_delta")) == float(ended.text("ledger_delta_usd")) == 0


def test_whale_orders_are_copied_and_every_book_balances(first_play: Ended) -> None:
    assert_balanced(first_play)
    assert first_play.number("signals") == len(WISHES), first_play.told
    assert first_play.number("signals_copied") >= 3, first_play.told
    assert first_play.number("orders_venue") == first_play.number("orders_db") >= 3


def test_a_whale_without_skill_is_not_copied(first_play: Ended) -> None:
    refused = first_play.report["signals_refused"]
    assert isinstance(refused, dict)
    assert refused.get("QUALITY_TOO_LOW") == 1, first_play.told


def test_each_trade_is_told_in_a_line_and_the_end_in_a_report(first_play: Ended) -> None:
    assert "FILLED: " in first_play.told
    assert "by 0x1111…1111" in first_play.told
    assert "the books balance" in first_play.told


def test_a_second_play_trades_again_and_copies_nothing_of_the_first(
    first_play: Ended, second_play: Again
) -> None:
    assert_balanced(second_play.ended)
    assert second_play.ended.text("play") != first_play.text("play")
    assert second_play.ended.number("signals_copied") >= 3, second_play.ended.told
    old = {trade.workflow_id for trade in second_play.trades}
    assert len(old) == first_play.number("signals")
    assert len(second_play.trades_after - old) == second_play.ended.number("signals")
    known = {order["order_id"] for order in second_play.orders}
    assert len(known) == first_play.number("orders_venue")
    fresh = [order for order in second_play.orders_after if order["order_id"] not in known]
    assert len(fresh) == second_play.ended.number("orders_venue")
    traded = {order["token_id"] for order in second_play.orders}
    assert not {order["token_id"] for order in fresh} & traded


def test_a_whales_sale_is_mirrored(second_play: Again) -> None:
    assert any(order["side"] == "SELL" for order in second_play.orders)


def test_every_order_is_sent_once(second_play: Again) -> None:
    assert {str(order["posts"]) for order in second_play.orders_after} == {"1"}


def test_wallets_of_type_3_and_of_type_0_trade(
    folder: Path, second_play: Again, broken_plays: Broken
) -> None:
    for name, kind, orders in (
        ("three", 3, second_play.orders_after),
        ("zero", 0, broken_plays.orders_after),
    ):
        user = json.loads((folder / name / "api-user.json").read_text())
        assert user["signature_type"] == kind
        assert (user["address"] == user["funder"]) is (kind == 0)
        assert {order["maker"].lower() for order in orders} == {user["funder"].lower()}


def test_no_process_is_left(folder: Path, second_play: Again, broken_plays: Broken) -> None:
    assert not list(processes_of(folder))
