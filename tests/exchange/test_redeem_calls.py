"""Tests that our redemptions are, byte for byte, those of the official client."""

import dataclasses
from decimal import Decimal
from typing import Any

import pytest
from eth_account import Account
from polymarket._internal.actions.relayer.calls import (
    TransactionCall,
    ctf_redeem_positions_call,
    encode_proxy_call,
    router_redeem_call,
)
from polymarket._internal.actions.relayer.gasless import (
    _resolve_safe_call as resolve_safe_call,
)
from polymarket._internal.actions.relayer.gasless import (
    build_deposit_wallet_payload,
    build_proxy_payload,
    build_safe_payload,
)
from polymarket._internal.actions.relayer.signing.deposit_wallet import sign_deposit_wallet_batch
from polymarket._internal.actions.relayer.signing.proxy import (
    build_proxy_transaction_hash,
    sign_proxy_message,
)
from polymarket._internal.actions.relayer.signing.safe import sign_safe_transaction
from polymarket._internal.environment import PRODUCTION_CONFIG
from pydantic import SecretStr

from exchange.polymarket.redeem_calls import RedeemSigner, redeem_calls
from exchange.redeem_port import ChainCall, RedeemRequest
from tests.exchange.samples import market as a_market
from trading.types import ConditionId, Market, Protocol, Shares, SignatureType, Wallet

KEY = "0x" + "11" * 32
CONFIG: Any = PRODUCTION_CONFIG
OWNER: Any = Account.from_key(KEY).address
WALLET: Any = "0x1111111111111111111111111111111111111111"
SIGNER = RedeemSigner(SecretStr(KEY))
HELD = (Shares(Decimal("7.5")), Shares(Decimal("0.25")))
CONDITION = ConditionId("0x" + "ab" * 32)
CONDITION_V2 = ConditionId("0x" + "ab" * 31 + "00")


def a_resolved(protocol: Protocol, *, neg_risk: bool = False) -> Market:
    is_v2 = protocol is Protocol.PROTOCOL_V2
    condition = CONDITION_V2 if is_v2 else CONDITION
    return dataclasses.replace(
        a_market(), protocol=protocol, neg_risk=neg_risk, condition_id=condition
    )


def theirs(market: Market) -> list[TransactionCall]:
    if market.protocol is Protocol.PROTOCOL_V2:
        return [
            router_redeem_call(
                router=CONFIG.protocol_v2_router,
                condition_id=market.condition_id,
                outcome_index=outcome,
                amount=int(size * 1_000_000),
            )
            for outcome, size in enumerate(HELD)
        ]
    adapter = CONFIG.neg_risk_collateral_adapter if market.neg_risk else CONFIG.collateral_adapter
    return [
        ctf_redeem_positions_call(
            ctf=adapter, collateral=CONFIG.collateral_token, condition_id=market.condition_id
        )
    ]


MARKETS = [
    a_resolved(Protocol.CLOB_V2),
    a_resolved(Protocol.CLOB_V2, neg_risk=True),
    a_resolved(Protocol.PROTOCOL_V2),
]


@pytest.mark.parametrize("market", MARKETS)
def test_the_calls_are_the_clients(market: Market) -> None:
    expected = tuple(ChainCall(str(call.to), str(call.data)) for call in theirs(market))
    assert redeem_calls(market, HELD) == expected


def test_an_outcome_of_which_nothing_is_held_is_no_call() -> None:
    none = Shares(Decimal(0))
    assert redeem_calls(MARKETS[2], (none, none)) == ()
    assert len(redeem_calls(MARKETS[2], (none, HELD[1]))) == 1


def request(market: Market, signature_type: SignatureType, **changes: object) -> RedeemRequest:
    plain = RedeemRequest(
        wallet=Wallet(WALLET),
        condition_id=market.condition_id,
        signature_type=signature_type,
        nonce=7,
        calls=redeem_calls(market, HELD),
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("market", MARKETS)
async def test_a_deposit_wallets_envelope_is_the_clients(market: Market) -> None:
    calls = theirs(market)
    common: dict[str, Any] = {
        "wallet": WALLET,
        "calls": calls,
        "nonce": "7",
        "deadline": "1800000000",
    }
    signature = sign_deposit_wallet_batch(Account.from_key(KEY), chain_id=137, **common)
    expected = build_deposit_wallet_payload(
        signer_address=OWNER,
        deposit_wallet_factory=CONFIG.wallet_derivation.deposit_wallet_factory,
        signature=signature,
        metadata=f"redeem {market.condition_id}",
        **common,
    )
    asked = request(market, SignatureType.POLY_1271, deadline_s=1_800_000_000)
    assert await SIGNER.sign_envelope(asked) == expected
    assert await SIGNER.sign_envelope(asked) == await SIGNER.sign_envelope(asked)


@pytest.mark.parametrize("market", MARKETS)
async def test_a_safes_envelope_is_the_clients(market: Market) -> None:
    target, data, value, operation = resolve_safe_call(CONFIG.safe_multisend, theirs(market))
    common: dict[str, Any] = {"data": data, "value": value, "operation": operation, "nonce": "7"}
    signature = sign_safe_transaction(
        Account.from_key(KEY), safe_address=WALLET, to=target, chain_id=137, **common
    )
    expected = build_safe_payload(
        signer_address=OWNER,
        wallet=WALLET,
        target=target,
        signature=signature,
        metadata=f"redeem {market.condition_id}",
        **common,
    )
    assert await SIGNER.sign_envelope(request(market, SignatureType.POLY_GNOSIS_SAFE)) == expected


@pytest.mark.parametrize("market", MARKETS)
async def test_a_proxys_envelope_is_the_clients(market: Market) -> None:
    data = encode_proxy_call(theirs(market))
    factory = CONFIG.wallet_derivation.proxy_factory
    digest = build_proxy_transaction_hash(
        from_address=OWNER,
        to=factory,
        data=data,
        relayer_fee="0",
        gas_price="0",
        gas_limit="500000",
        nonce="7",
        relay_hub=CONFIG.relay_hub,
        relay=WALLET,
    )
    expected = build_proxy_payload(
        signer_address=OWNER,
        proxy_factory=factory,
        wallet=WALLET,
        data=data,
        nonce="7",
        signature=sign_proxy_message(Account.from_key(KEY), digest),
        gas_limit="500000",
        relay=WALLET,
        relay_hub=CONFIG.relay_hub,
        metadata=f"redeem {market.condition_id}",
    )
    asked = request(market, SignatureType.POLY_PROXY, gas_limit=500_000, relay=WALLET)
    assert await SIGNER.sign_envelope(asked) == expected


async def test_a_plain_key_signs_the_same_transaction_every_time() -> None:
    asked = request(MARKETS[0], SignatureType.EOA, gas_limit=200_000, gas_price=30)
    raw, name = await SIGNER.sign_transaction(asked)
    assert (raw, name) == await SIGNER.sign_transaction(asked)
    assert Account.recover_transaction(raw) == OWNER
    other = dataclasses.replace(asked, nonce=8)
    assert (await SIGNER.sign_transaction(other))[1] != name
    with pytest.raises(ValueError, match="plain key"):
        await SIGNER.sign_envelope(asked)


def test_the_key_is_not_shown() -> None:
    assert "11" * 32 not in repr(vars(SIGNER))
