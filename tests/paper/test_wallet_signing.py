"""Tests of who signed for a wallet, against the official client's signatures."""

import pytest
from eth_account import Account
from polymarket._internal.actions.relayer.calls import TransactionCall
from polymarket._internal.actions.relayer.signing.deposit_wallet import sign_deposit_wallet_batch
from polymarket._internal.actions.relayer.signing.proxy import (
    build_proxy_transaction_hash,
    sign_proxy_message,
)
from polymarket._internal.actions.relayer.signing.safe import sign_safe_transaction

from paper.contracts import COLLATERAL_ADAPTER
from paper.signing import CHAIN_ID, BadSignatureError
from paper.wallet_calls import Call
from paper.wallet_signing import (
    PROXY_FACTORY,
    RELAY_HUB,
    ProxyCall,
    SafeCall,
    batch_signer,
    proxy_signer,
    safe_signer,
)
from tests.paper.posted_orders import address_of, key_number

KEY = key_number(43)
OWNER = address_of(KEY)
SIGNER = Account.from_key(KEY)
WALLET = "0x1111111111111111111111111111111111111111"
CALL = TransactionCall(to=COLLATERAL_ADAPTER, data="0xabcdef")  # type: ignore[arg-type]
OURS = Call(COLLATERAL_ADAPTER, "0xabcdef")


def raw(signature: str) -> bytes:
    return bytes.fromhex(signature[2:])


def test_a_deposit_wallets_batch_names_its_signer() -> None:
    signature = raw(
        sign_deposit_wallet_batch(
            SIGNER,
            wallet=WALLET,  # type: ignore[arg-type]
            calls=[CALL, CALL],
            nonce="7",
            deadline="1800000000",
            chain_id=CHAIN_ID,
        )
    )
    calls = (OURS, OURS)
    assert batch_signer(WALLET, 7, 1_800_000_000, calls, signature) == OWNER
    assert batch_signer(WALLET, 8, 1_800_000_000, calls, signature) != OWNER
    assert batch_signer(WALLET, 7, 1_800_000_001, calls, signature) != OWNER
    assert batch_signer(WALLET, 7, 1_800_000_000, calls[:1], signature) != OWNER


def test_a_safes_transaction_names_its_signer() -> None:
    signature = raw(
        sign_safe_transaction(
            SIGNER,
            safe_address=WALLET,  # type: ignore[arg-type]
            to=COLLATERAL_ADAPTER,  # type: ignore[arg-type]
            data="0xabcdef",  # type: ignore[arg-type]
            value=0,
            operation=0,
            nonce="3",
            chain_id=CHAIN_ID,
        )
    )
    assert safe_signer(WALLET, SafeCall(OURS, 0, 3), signature) == OWNER
    assert safe_signer(WALLET, SafeCall(OURS, 1, 3), signature) != OWNER
    assert safe_signer(WALLET, SafeCall(OURS, 0, 4), signature) != OWNER
    with pytest.raises(BadSignatureError):
        safe_signer(WALLET, SafeCall(OURS, 0, 3), signature[:64] + b"\x1b")


def test_a_proxys_request_names_its_owner() -> None:
    digest = build_proxy_transaction_hash(
        from_address=OWNER,  # type: ignore[arg-type]
        to=PROXY_FACTORY,  # type: ignore[arg-type]
        data="0xabcdef",  # type: ignore[arg-type]
        relayer_fee="0",
        gas_price="0",
        gas_limit="200000",
        nonce="9",
        relay_hub=RELAY_HUB,  # type: ignore[arg-type]
        relay=WALLET,  # type: ignore[arg-type]
    )
    signature = raw(sign_proxy_message(SIGNER, digest))
    assert proxy_signer(ProxyCall(OWNER, "0xabcdef", 200_000, 9, WALLET), signature) == OWNER
    assert proxy_signer(ProxyCall(OWNER, "0xabcdef", 200_000, 8, WALLET), signature) != OWNER
