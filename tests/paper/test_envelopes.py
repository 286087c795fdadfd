"""Tests of what the relayer takes and refuses; the client's own envelopes are in its own tests."""

import json

import pytest
from eth_account import Account
from polymarket._internal.actions.relayer.calls import encode_proxy_call, encode_safe_multisend_call
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

from paper.envelopes import DEPOSIT_FACTORY, MULTI_SEND_CONTRACT, RELAY, read_envelope
from paper.model import OrderRefusedError
from paper.office import Kind, OfficeError
from paper.signing import CHAIN_ID
from paper.wallet_signing import PROXY_FACTORY, RELAY_HUB
from paper.wallets import wallet_of
from tests.paper.posted_orders import address_of, key_number
from tests.paper.test_wallet_calls import ctf, of, router

KEY = key_number(45)
OWNER = address_of(KEY)
SIGNER = Account.from_key(KEY)
CALLS = [ctf(), router()]
OURS = tuple(of(call) for call in CALLS)


def of_deposit_wallet(wallet: str = "", **changes: object) -> bytes:
    wallet = wallet or wallet_of(OWNER, 3)
    signature = sign_deposit_wallet_batch(
        SIGNER,
        wallet=wallet,  # type: ignore[arg-type]
        calls=CALLS,
        nonce="4",
        deadline="1800000000",
        chain_id=CHAIN_ID,
    )
    payload = build_deposit_wallet_payload(
        signer_address=OWNER,
        deposit_wallet_factory=DEPOSIT_FACTORY,
        wallet=wallet,  # type: ignore[arg-type]
        calls=CALLS,
        nonce="4",
        deadline="1800000000",
        signature=signature,
        metadata="",
    )
    return json.dumps({**payload, **changes}).encode()


def of_safe(*, many: bool, operation: int | None = None, **changes: object) -> bytes:
    wallet = wallet_of(OWNER, 2)
    target = MULTI_SEND_CONTRACT if many else OURS[0].target
    data = str(encode_safe_multisend_call(CALLS)) if many else OURS[0].data
    operation = int(many) if operation is None else operation
    signature = sign_safe_transaction(
        SIGNER,
        safe_address=wallet,  # type: ignore[arg-type]
        to=target,  # type: ignore[arg-type]
        data=data,  # type: ignore[arg-type]
        value=0,
        operation=operation,
        nonce="2",
        chain_id=CHAIN_ID,
    )
    payload = build_safe_payload(
        signer_address=OWNER,
        wallet=wallet,  # type: ignore[arg-type]
        target=target,  # type: ignore[arg-type]
        data=data,  # type: ignore[arg-type]
        value=0,
        operation=operation,
        nonce="2",
        signature=signature,
        metadata="",
    )
    return json.dumps({**payload, **changes}).encode()


def of_proxy(**changes: object) -> bytes:
    data = str(encode_proxy_call(CALLS))
    digest = build_proxy_transaction_hash(
        from_address=OWNER,  # type: ignore[arg-type]
        to=PROXY_FACTORY,  # type: ignore[arg-type]
        data=data,  # type: ignore[arg-type]
        relayer_fee="0",
        gas_price="0",
        gas_limit="180000",
        nonce="1",
        relay_hub=RELAY_HUB,  # type: ignore[arg-type]
        relay=RELAY,  # type: ignore[arg-type]
    )
    payload = build_proxy_payload(
        signer_address=OWNER,
        proxy_factory=PROXY_FACTORY,
        wallet=wallet_of(OWNER, 1),  # type: ignore[arg-type]
        data=data,  # type: ignore[arg-type]
        nonce="1",
        signature=str(sign_proxy_message(SIGNER, digest)),
        gas_limit="180000",
        relay=RELAY,  # type: ignore[arg-type]
        relay_hub=RELAY_HUB,
        metadata="",
    )
    return json.dumps({**payload, **changes}).encode()


def test_every_wallets_envelope_is_read() -> None:
    asked = read_envelope(of_deposit_wallet())
    assert (asked.kind, asked.signer, asked.nonce) == (Kind.WALLET, OWNER, 4)
    assert (asked.calls, asked.deadline) == (OURS, 1_800_000_000)
    asked = read_envelope(of_safe(many=True))
    assert (asked.kind, asked.wallet, asked.calls) == (Kind.SAFE, wallet_of(OWNER, 2), OURS)
    assert read_envelope(of_safe(many=False)).calls == OURS[:1]
    asked = read_envelope(of_proxy())
    assert (asked.kind, asked.wallet, asked.calls) == (Kind.PROXY, wallet_of(OWNER, 1), OURS)


@pytest.mark.parametrize(
    "body",
    [
        of_deposit_wallet(nonce="5"),
        of_deposit_wallet(to=PROXY_FACTORY),
        of_deposit_wallet(wallet=wallet_of(OWNER, 2)),
        of_deposit_wallet(**{"from": DEPOSIT_FACTORY}),
        of_deposit_wallet(signature="0x12"),
        of_safe(many=True, nonce="3"),
        of_safe(many=False, operation=1),
        of_safe(many=True, operation=0),
        of_proxy(nonce="2"),
        of_proxy(to=DEPOSIT_FACTORY),
        of_proxy(data="0x12345678"),
    ],
)
def test_what_another_signed_or_for_another_thing_is_refused(body: bytes) -> None:
    with pytest.raises(OfficeError):
        read_envelope(body)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"type": "EOA"}', b'{"type": "WALLET"}'])
def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(OrderRefusedError, match="invalid transaction request"):
        read_envelope(body)
