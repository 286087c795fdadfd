"""What a power cut does to one process is survived: no process stays, no book goes wrong."""

import os

import pytest

from tests.end_to_end.conftest import Broken
from tests.end_to_end.test_replay import assert_balanced

GONE_S = 10.0


def test_a_killed_supervisor_leaves_no_process(broken_plays: Broken) -> None:
    assert broken_plays.gone_after_s <= GONE_S


def test_the_data_of_a_killed_supervisor_is_played_again(broken_plays: Broken) -> None:
    assert_balanced(broken_plays.ended)
    before = {order["order_id"] for order in broken_plays.orders}
    after = {order["order_id"] for order in broken_plays.orders_after}
    assert before < after, broken_plays.ended.told


def test_a_killed_worker_is_started_again_and_the_books_balance(broken_plays: Broken) -> None:
    assert broken_plays.worker_after != broken_plays.worker
    assert "worker-1 died" in broken_plays.ended.told
    assert "worker-1 restarted" in broken_plays.ended.told
    assert_balanced(broken_plays.ended)
    assert broken_plays.ended.number("signals_copied") >= 1, broken_plays.ended.told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root sees which stack it belongs to")
def test_a_killed_signer_is_started_again_and_nothing_is_lost(broken_plays: Broken) -> None:
    assert "signer died" in broken_plays.ended.told
    assert "signer restarted" in broken_plays.ended.told
    assert_balanced(broken_plays.ended)


def test_nothing_is_sent_twice_through_two_kills(broken_plays: Broken) -> None:
    tokens = [(order["token_id"], order["side"]) for order in broken_plays.orders_after]
    buys = [token for token, side in tokens if side == "BUY"]
    assert len(buys) <= len(set(buys)) + 2, "two whales buy one token in each of two plays"
