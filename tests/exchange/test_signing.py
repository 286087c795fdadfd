"""Orders hash and sign exactly as both public client libraries hash and sign them."""

from dataclasses import replace
from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from polymarket._internal.wallet import wrap_deposit_wallet_session_signer_signature
from polymarket.types import EvmAddress, HexString
from pydantic import SecretStr

from exchange.polymarket.client import PolymarketGateway
from exchange.polymarket.contracts import CHAIN_ID, domain_version, exchange_of
from exchange.polymarket.endpoints import VenueAccess, VenueEndpoints
from exchange.polymarket.rest import write_body
from exchange.polymarket.signing import LocalSigner, NoSigner, OrderFormV2, PostTerms, salt_of
from exchange.polymarket.wallets import derive_deposit_wallet
from tests.exchange.samples import KEY, account, clock, draft, market
from tests.paper.posted_orders import Asked, body_v2, signature_by_sdk
from trading.orders import UnsignedOrder
from trading.types import IntentId, OrderType, Protocol, Side, SignatureType, Wallet

FORM = OrderFormV2()
SIGNER = LocalSigner(KEY)
PROTOCOLS = [
    (Protocol.CLOB_V2, False),
    (Protocol.CLOB_V2, True),
    (Protocol.PROTOCOL_V2, False),
]


def unsigned(
    signature_type: SignatureType, protocol: Protocol, *, neg_risk: bool, side: Side = Side.BUY
) -> UnsignedOrder:
    if signature_type in (SignatureType.EOA, SignatureType.POLY_1271):
        trader = account(signature_type)
    else:
        trader = replace(account(), funder=Wallet("0x" + "5a" * 20), signature_type=signature_type)
    access = VenueAccess(VenueEndpoints(), None, clock)  # type: ignore[arg-type]  # not used
    gateway = PolymarketGateway(access, trader, SIGNER)
    return gateway.prepare(draft(market(protocol, neg_risk=neg_risk), side)).unsigned


def as_asked(order: UnsignedOrder) -> Asked:
    return Asked(
        token_id=order.token_id,
        side=order.side.value,
        maker_amount=order.maker_amount,
        taker_amount=order.taker_amount,
        signature_type=int(order.signature_type),
        maker=to_checksum_address(order.maker),
        signer=to_checksum_address(order.signer),
        exchange=to_checksum_address(exchange_of(order.protocol, neg_risk=order.neg_risk)),
        version=domain_version(order.protocol),
        salt=order.salt,
        timestamp=order.timestamp_ms,
        order_type="FAK",
    )


@pytest.mark.parametrize("signature_type", list(SignatureType))
@pytest.mark.parametrize(("protocol", "neg_risk"), PROTOCOLS)
@pytest.mark.parametrize("side", list(Side))
async def test_body_hash_and_signature_are_those_of_both_libraries(
    signature_type: SignatureType, protocol: Protocol, side: Side, *, neg_risk: bool
) -> None:
    order = unsigned(signature_type, protocol, neg_risk=neg_risk, side=side)
    body, order_id = body_v2(KEY.get_secret_value(), "key-1", as_asked(order))
    signature = await SIGNER.sign_order(order)
    assert FORM.hash_order(order) == order_id
    ours = FORM.write_post(order, signature, PostTerms("key-1", OrderType.FAK))
    assert write_body(ours) == write_body(body)
    assert signature == signature_by_sdk(KEY.get_secret_value(), as_asked(order))
    length = 317 if signature_type is SignatureType.POLY_1271 else 65
    assert len(signature) == 2 + 2 * length


async def test_the_same_order_always_gives_the_same_bytes() -> None:
    order = unsigned(SignatureType.POLY_1271, Protocol.CLOB_V2, neg_risk=False)
    assert await SIGNER.sign_order(order) == await LocalSigner(KEY).sign_order(order)


def test_every_exchange_gives_the_same_fields_another_hash() -> None:
    order = unsigned(SignatureType.EOA, Protocol.CLOB_V2, neg_risk=False)
    hashes = {
        FORM.hash_order(replace(order, protocol=protocol, neg_risk=neg_risk))
        for protocol, neg_risk in PROTOCOLS
    }
    assert len(hashes) == 3


def test_the_expiration_is_not_part_of_the_hash() -> None:
    order = unsigned(SignatureType.EOA, Protocol.CLOB_V2, neg_risk=False)
    assert FORM.hash_order(order) == FORM.hash_order(replace(order, expiration_s=1_800_000_000))


def test_a_salt_belongs_to_its_intent_and_fits_a_json_number() -> None:
    salts = {salt_of(IntentId(f"intent-{n}")) for n in range(1000)}
    assert len(salts) == 1000
    assert all(0 <= salt < 1 << 53 for salt in salts)
    assert salt_of(IntentId("intent-1")) == salt_of(IntentId("intent-1"))


async def test_an_order_of_another_signer_is_not_signed() -> None:
    order = unsigned(SignatureType.EOA, Protocol.CLOB_V2, neg_risk=False)
    with pytest.raises(ValueError, match="expected an order of signer"):
        await SIGNER.sign_order(replace(order, signer=Wallet("0x" + "01" * 20)))


def test_orders_of_the_first_generation_are_not_made_here() -> None:
    order = unsigned(SignatureType.EOA, Protocol.CLOB_V2, neg_risk=False)
    with pytest.raises(ValueError, match="got one of V1"):
        FORM.hash_order(replace(order, protocol=Protocol.V1))


def test_a_signer_shows_its_address_and_nothing_of_its_key() -> None:
    secret = KEY.get_secret_value()[2:]
    assert repr(SIGNER) == f"LocalSigner({SIGNER.address})"
    assert secret not in repr(SIGNER)
    assert SIGNER.address == SIGNER.address.lower()


async def test_a_process_without_the_key_signs_nothing() -> None:
    order = unsigned(SignatureType.EOA, Protocol.CLOB_V2, neg_risk=False)
    assert NoSigner(SIGNER.address).address == SIGNER.address
    with pytest.raises(PermissionError, match="holds no key"):
        await NoSigner(SIGNER.address).sign_order(order)


@pytest.mark.parametrize("key", ["", "0x12", "my secret words", "0x" + "00" * 32])
def test_a_wrong_key_is_refused_without_being_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="expected a private key") as caught:
        LocalSigner(SecretStr(key))
    assert caught.value.__cause__ is None
    assert not key or key not in str(caught.value)


async def test_the_attestation_is_that_of_the_library() -> None:
    from py_clob_client.signer import Signer
    from py_clob_client.signing.eip712 import sign_clob_auth_message

    theirs: Any = sign_clob_auth_message(Signer(KEY.get_secret_value(), CHAIN_ID), 1_795_348_800, 3)
    assert await SIGNER.sign_attestation(1_795_348_800, 3) == theirs


def test_a_deposit_wallet_is_maker_and_signer_of_its_orders() -> None:
    order = unsigned(SignatureType.POLY_1271, Protocol.CLOB_V2, neg_risk=False)
    assert order.maker == order.signer == derive_deposit_wallet(SIGNER.address)


async def test_a_session_key_is_named_beside_its_signature_as_the_public_client_does() -> None:
    order = unsigned(SignatureType.POLY_1271, Protocol.CLOB_V2, neg_risk=False)
    plain = await SIGNER.sign_order(order)
    session = await LocalSigner(KEY, is_session=True).sign_order(order)
    assert session == wrap_deposit_wallet_session_signer_signature(
        EvmAddress(SIGNER.address), HexString(plain)
    )
