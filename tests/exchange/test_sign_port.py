"""The reasons of the signer, and who signs without one."""

from exchange.sign_port import No, SignRefusal, SignsWhenSent
from tests.storage.builders import entry
from trading.pretrade import Control


def test_every_pre_trade_control_is_a_reason_of_the_same_name() -> None:
    assert {control.value for control in Control} <= {no.value for no in No}


def test_only_what_happens_to_honest_orders_is_ordinary() -> None:
    assert No.EXPIRY.is_ordinary
    assert No.HALT.is_ordinary
    assert not No.ALTERED.is_ordinary
    assert not No.ORDERS_PER_MIN.is_ordinary
    assert SignRefusal(No.TICK, "0.505", "0.01").describe().endswith("wanted 0.505, allowed 0.01")


async def test_a_key_in_this_process_refuses_nothing_early() -> None:
    assert await SignsWhenSent().sign_early(entry()) is None
