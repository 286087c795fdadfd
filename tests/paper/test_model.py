"""Tests of the venue's records."""

from dataclasses import replace

from paper.model import Dialect, OrderRefusedError, Side, SignedOrder

ORDER = SignedOrder(
    order_id="0x" + "00" * 32,
    salt=1,
    maker="0x01",
    signer="0x01",
    token_id="1",
    maker_amount=4_400_000,
    taker_amount=10_000_000,
    side=Side.BUY,
    signature_type=0,
    timestamp=1,
    metadata="0x",
    builder="0x",
    signature="0x",
    dialect=Dialect.CLOB_V2,
)


def test_a_buy_offers_its_maker_amount_and_asks_for_its_taker_amount() -> None:
    assert (ORDER.size, ORDER.notional) == (10_000_000, 4_400_000)


def test_a_sell_offers_shares() -> None:
    sell = replace(ORDER, side=Side.SELL)
    assert (sell.size, sell.notional) == (4_400_000, 10_000_000)


def test_a_refusal_carries_its_status_and_words() -> None:
    refused = OrderRefusedError(400, "invalid expiration")
    assert (refused.status, str(refused)) == (400, "invalid expiration")
