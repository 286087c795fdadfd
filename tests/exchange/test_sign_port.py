"""The reasons of the signer, and who signs without one."""

from exchange.sign_port import SignRefusal, SignsWhenSent
from tests.storage.builders import entry
from trading.pretrade import Control


def test_only_what_happens_to_honest_orders_is_ordinary() -> None:
    assert SignRefusal(Control.EXPIRY).is_ordinary
    assert SignRefusal(Control.HALT).is_ordinary
    assert not SignRefusal(Control.ALTERED).is_ordinary
    assert not SignRefusal(Control.ORDERS_PER_MIN).is_ordinary
    assert (
        SignRefusal(Control.TICK, "0.505", "0.01").describe().endswith("wanted 0.505, allowed 0.01")
    )


async def test_a_key_in_this_process_refuses_nothing_early() -> None:
    assert await SignsWhenSent().sign_early(entry()) is None
