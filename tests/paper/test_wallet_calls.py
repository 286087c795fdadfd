"""Tests of what wallets ask of contracts."""

import pytest
from eth_abi.abi import encode
from polymarket._internal.actions.relayer.calls import (
    TransactionCall,
    ctf_redeem_positions_call,
    encode_proxy_call,
    encode_safe_multisend_call,
    router_redeem_call,
)

from paper.contracts import (
    COLLATERAL,
    COLLATERAL_ADAPTER,
    NEG_RISK_COLLATERAL_ADAPTER,
    PROTOCOL_V2_ROUTER,
)
from paper.wallet_calls import (
    MULTI_SEND,
    PROXY,
    Call,
    CallError,
    CtfRedeem,
    RouterRedeem,
    read_multi_send,
    read_proxied,
    read_redeem,
)

CONDITION = "0x" + "ab" * 32
CONDITION_V2 = "0x" + "cd" * 31 + "00"


def of(call: TransactionCall) -> Call:
    return Call(str(call.to), str(call.data), call.value)


def ctf(adapter: str = COLLATERAL_ADAPTER, collateral: str = COLLATERAL) -> TransactionCall:
    return ctf_redeem_positions_call(
        ctf=adapter,  # type: ignore[arg-type]
        collateral=collateral,  # type: ignore[arg-type]
        condition_id=CONDITION,
    )


def router(size: int = 5) -> TransactionCall:
    return router_redeem_call(
        router=PROTOCOL_V2_ROUTER,  # type: ignore[arg-type]
        condition_id=CONDITION_V2,
        outcome_index=1,
        amount=size,
    )


def test_the_clients_own_calls_are_read() -> None:
    assert read_redeem(of(ctf())) == CtfRedeem(CONDITION, neg_risk=False)
    assert read_redeem(of(ctf(NEG_RISK_COLLATERAL_ADAPTER))) == CtfRedeem(CONDITION, neg_risk=True)
    assert read_redeem(of(router())) == RouterRedeem(CONDITION_V2, 1, 5)


def test_packed_calls_are_unpacked_in_order() -> None:
    calls = [ctf(), router()]
    expected = tuple(of(call) for call in calls)
    assert read_proxied(str(encode_proxy_call(calls))) == expected
    assert read_multi_send(str(encode_safe_multisend_call(calls))) == expected


@pytest.mark.parametrize(
    "call",
    [
        of(ctf(collateral=COLLATERAL_ADAPTER)),
        Call(COLLATERAL_ADAPTER, of(ctf()).data, value=1),
        Call(COLLATERAL, of(ctf()).data),
        Call(COLLATERAL_ADAPTER, "0x12345678"),
        Call(COLLATERAL_ADAPTER, of(ctf()).data[:100]),
        Call(
            COLLATERAL_ADAPTER,
            "0x01b7037c"
            + encode(
                ["address", "bytes32", "bytes32", "uint256[]"],
                [COLLATERAL, bytes(32), bytes(32), [1]],
            ).hex(),
        ),
    ],
)
def test_other_calls_revert(call: Call) -> None:
    with pytest.raises(CallError):
        read_redeem(call)


def test_what_is_packed_wrongly_is_refused() -> None:
    delegating = encode(["(uint8,address,uint256,bytes)[]"], [[(2, COLLATERAL, 0, b"")]]).hex()
    for data in ("0x00000000", "0x" + PROXY + delegating):
        with pytest.raises(CallError):
            read_proxied(data)
    cut = encode(["bytes"], [b"\0" * 40]).hex()
    many = encode(["bytes"], [(b"\0" * 85) * 101]).hex()
    for data in ("0x00000000", "0x" + MULTI_SEND + cut, "0x" + MULTI_SEND + many):
        with pytest.raises(CallError):
            read_multi_send(data)
