"""Only what redeems our own shares is signed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from exchange.polymarket.redeem_calls import (
    COLLATERAL_ADAPTER,
    PROTOCOL_V2_ROUTER,
    redeem_calls,
)
from exchange.redeem_port import ChainCall, RedeemRequest
from signer.facts import RedemptionFacts
from signer.redemptions import refuse_redemption
from tests.signer.orders import ACCOUNT, MARKET, NOW
from tests.storage.builders import market
from trading.pretrade import Control
from trading.types import ConditionId, Protocol, Shares, SignatureType, Wallet

FACTS = RedemptionFacts(ACCOUNT.funder, MARKET, "", 1, "")
HELD = [Shares(Decimal(5)), Shares(Decimal(7))]


def request(protocol: Protocol = Protocol.CLOB_V2) -> RedeemRequest:
    one = replace(market(), condition_id=MARKET, protocol=protocol)
    return RedeemRequest(
        ACCOUNT.funder,
        MARKET,
        SignatureType.POLY_1271,
        nonce=1,
        calls=redeem_calls(one, HELD),
        deadline_s=int((NOW + timedelta(minutes=10)).timestamp()),
    )


@pytest.mark.parametrize("protocol", [Protocol.CLOB_V2, Protocol.PROTOCOL_V2])
def test_a_redemption_of_our_own_is_signed(protocol: Protocol) -> None:
    assert refuse_redemption(FACTS, request(protocol), ACCOUNT, NOW) is None


def _call(target: str, change: Callable[[str], str] = str) -> RedeemRequest:
    (call,) = request().calls
    return replace(request(), calls=(ChainCall(target, change(call.data)),))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(request(), wallet=Wallet("0x" + "1" * 40)),
        replace(request(), condition_id=ConditionId("0x" + "d" * 64)),
        replace(request(), signature_type=SignatureType.EOA),
        replace(request(), calls=()),
        replace(request(), calls=request().calls * 5),
        _call("0x" + "9" * 40),
        _call(COLLATERAL_ADAPTER, lambda data: data[:-1] + "f"),
        _call(COLLATERAL_ADAPTER, lambda data: data + "00" * 32),
        _call(COLLATERAL_ADAPTER, lambda data: data.replace("c3c3", "d4d4")),
        _call(PROTOCOL_V2_ROUTER),
        _call(PROTOCOL_V2_ROUTER, lambda data: data[:2] + "zz"),
        replace(request(), deadline_s=0),
        replace(request(), deadline_s=int((NOW + timedelta(hours=1)).timestamp())),
        replace(request(), gas_limit=10**9),
        replace(request(), gas_price=10**18),
    ],
)
def test_anything_else_is_refused(wrong: RedeemRequest) -> None:
    refusal = refuse_redemption(FACTS, wrong, ACCOUNT, NOW)
    assert refusal is not None
    assert refusal.code in (Control.REDEMPTION, Control.NOT_OURS)


def test_a_redemption_of_no_shares_is_refused() -> None:
    calls = request(Protocol.PROTOCOL_V2).calls
    empty = ChainCall(calls[0].target, calls[0].data[:-64] + "0" * 64)
    third = ChainCall(calls[1].target, calls[1].data[:-128] + f"{2:064x}" + calls[1].data[-64:])
    for wrong in (empty, third):
        refusal = refuse_redemption(FACTS, replace(request(), calls=(wrong,)), ACCOUNT, NOW)
        assert refusal is not None
        assert refusal.code is Control.REDEMPTION
