"""Tests of the venue's own hashes and signature checks against both client libraries."""

import contextlib
import dataclasses
from typing import Any

import pytest

from paper.model import Dialect, Side
from paper.signing import (
    AnyTerms,
    BadSignatureError,
    Exchange,
    OrderTerms,
    OrderTermsV1,
    exchange_for,
    login_signer,
    order_digest,
    order_signer,
)
from paper.wallets import wallet_of
from tests.paper.posted_orders import (
    V1,
    V1_NEG_RISK,
    V2,
    V2_NEG_RISK,
    V3,
    Asked,
    address_of,
    body_v1,
    body_v2,
    key_number,
    login_headers,
    signature_by_sdk,
)

KEY = key_number(7)
OWNER = address_of(KEY)
TOKEN = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
EXCHANGES = [(V2, "2"), (V2_NEG_RISK, "2"), (V3, "3")]

# (signature type, exchange, version, order id); salt 1479474671665, written down once.
GOLDEN = [
    (0, V2, "2", "0xf2501f456e890119274f53bb31c119667aa1e5f65b7b992229594f8b64ccd976"),
    (0, V2_NEG_RISK, "2", "0xc6c4cd7166c8774da65257dad43659c9b6c5acddc4165b591a75aa0d9cceb4b5"),
    (0, V3, "3", "0x2c57ff3e63a701a42c73ee869d2dac4b87adfdd8ba57342393e8a292d24bee11"),
    (3, V2, "2", "0xf490660c3074d5b4208db81f929dc092f9eb8196bc475c7d89fe145868a833b6"),
    (3, V2_NEG_RISK, "2", "0xfdfbc9ff575876d6138aa980f51266f9149dd5f33602209b8a9cbb25bc0a0bab"),
    (3, V3, "3", "0xd9423e65edd36bd4f73ebfd4bc982eb6e42a781e5c1b9a63a8e1ee584953c36b"),
]


def asked_for(signature_type: int, exchange: str, version: str, side: str = "BUY") -> Asked:
    return Asked(
        token_id=TOKEN,
        side=side,
        maker_amount=4_730_000,
        taker_amount=11_000_000,
        signature_type=signature_type,
        maker=wallet_of(OWNER, signature_type),
        exchange=exchange,
        version=version,
        salt=1_479_474_671_665,
    )


def terms_of(asked: Asked) -> OrderTerms:
    maker = asked.maker or OWNER
    return OrderTerms(
        salt=asked.salt,
        maker=maker,
        signer=maker if asked.signature_type == 3 else OWNER,
        token_id=int(asked.token_id),
        maker_amount=asked.maker_amount,
        taker_amount=asked.taker_amount,
        side=Side(asked.side),
        signature_type=asked.signature_type,
        timestamp=asked.timestamp,
        metadata=bytes(32),
        builder=bytes(32),
    )


def signature_of(body: dict[str, object]) -> bytes:
    order = body["order"]
    assert isinstance(order, dict)
    return bytes.fromhex(str(order["signature"])[2:])


@pytest.mark.parametrize(("exchange", "version"), EXCHANGES)
@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_an_order_of_either_library_has_our_id_and_its_owner(
    signature_type: int, exchange: str, version: str, side: str
) -> None:
    asked = asked_for(signature_type, exchange, version, side)
    body, order_id = body_v2(KEY, "key", asked)
    terms, settled_by = terms_of(asked), Exchange(exchange, version)
    assert "0x" + order_digest(terms, settled_by).hex() == order_id
    assert order_signer(terms, settled_by, signature_of(body)) == OWNER
    by_sdk = bytes.fromhex(signature_by_sdk(KEY, asked)[2:])
    assert by_sdk == signature_of(body)
    assert len(by_sdk) == (317 if signature_type == 3 else 65)


@pytest.mark.parametrize(("signature_type", "exchange", "version", "order_id"), GOLDEN)
def test_order_ids_written_down_once_still_hold(
    signature_type: int, exchange: str, version: str, order_id: str
) -> None:
    terms = terms_of(asked_for(signature_type, exchange, version))
    assert "0x" + order_digest(terms, Exchange(exchange, version)).hex() == order_id


@pytest.mark.parametrize("exchange", [V1, V1_NEG_RISK])
@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_an_order_of_the_first_exchange_has_our_id_and_its_owner(exchange: str, side: str) -> None:
    asked = dataclasses.replace(asked_for(0, exchange, "1", side), expiration="1795349999")
    body, order_id = body_v1(KEY, "key", asked)
    terms = OrderTermsV1(
        salt=asked.salt,
        maker=OWNER,
        signer=OWNER,
        taker="0x" + "00" * 20,
        token_id=int(TOKEN),
        maker_amount=asked.maker_amount,
        taker_amount=asked.taker_amount,
        expiration=1_795_349_999,
        nonce=0,
        fee_rate_bps=1000,
        side=Side(side),
        signature_type=0,
    )
    assert "0x" + order_digest(terms, Exchange(exchange, "1")).hex() == order_id
    assert order_signer(terms, Exchange(exchange, "1"), signature_of(body)) == OWNER


def test_a_session_key_signs_for_a_wallet_under_its_own_name() -> None:
    somebody = address_of(key_number(9))
    asked = dataclasses.replace(asked_for(3, V2, "2"), maker=wallet_of(somebody, 3))
    signature = bytes.fromhex(signature_by_sdk(KEY, asked, session_key=True)[2:])
    assert order_signer(terms_of(asked), Exchange(V2, "2"), signature) == OWNER


def test_a_session_wrapper_that_names_another_key_is_refused() -> None:
    asked = asked_for(3, V2, "2")
    signature = bytes.fromhex(signature_by_sdk(KEY, asked, session_key=True)[2:])
    other = bytes(12) + bytes.fromhex(address_of(key_number(8))[2:]) + signature[32:]
    assert_refused(terms_of(asked), other)


def assert_refused(terms: AnyTerms, signature: bytes) -> None:
    with pytest.raises(BadSignatureError):
        order_signer(terms, Exchange(V2, "2"), signature)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        bytes(64),
        bytes(65),
        bytes(64) + b"\x1b",
        b"\xff" * 64 + b"\x1b",
        bytes(31) + b"\x05" + bytes(31) + b"\x01" + b"\x1b",
        bytes.fromhex("6492" * 16),
        bytes(40) + bytes.fromhex("6492" * 16),
    ],
)
@pytest.mark.parametrize("signature_type", [0, 3])
def test_bytes_that_are_no_signature_are_refused(signature_type: int, signature: bytes) -> None:
    assert_refused(terms_of(asked_for(signature_type, V2, "2")), signature)


def test_a_signature_with_a_high_s_is_refused_as_the_contract_does() -> None:
    asked = asked_for(0, V2, "2")
    signature = bytes.fromhex(signature_by_sdk(KEY, asked)[2:])
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = (order - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    flipped = signature[:32] + high + bytes([55 - signature[64]])
    assert_refused(terms_of(asked), flipped)


@pytest.mark.parametrize("signature_type", [0, 3])
@pytest.mark.parametrize("change", ["salt", "maker_amount", "token_id"])
def test_a_signature_of_another_order_does_not_name_the_owner(
    signature_type: int, change: str
) -> None:
    asked = asked_for(signature_type, V2, "2")
    signature = bytes.fromhex(signature_by_sdk(KEY, asked)[2:])
    altered: dict[str, Any] = {change: 5}
    changed = dataclasses.replace(terms_of(asked), **altered)
    with contextlib.suppress(BadSignatureError):
        assert order_signer(changed, Exchange(V2, "2"), signature) != OWNER


def test_a_deposit_wallet_signature_for_another_exchange_is_refused() -> None:
    asked = asked_for(3, V3, "3")
    assert_refused(terms_of(asked), bytes.fromhex(signature_by_sdk(KEY, asked)[2:]))


def test_a_login_names_its_signer() -> None:
    headers = login_headers(KEY, nonce=3, at=1_795_000_000)
    signature = bytes.fromhex(headers["POLY_SIGNATURE"][2:])
    assert login_signer(OWNER, "1795000000", 3, signature) == OWNER
    assert login_signer(OWNER, "1795000000", 4, signature) != OWNER


@pytest.mark.parametrize("neg_risk", [False, True])
def test_protocol_v2_has_one_exchange_for_both_kinds(neg_risk: bool) -> None:
    assert exchange_for(Dialect.PROTOCOL_V2, neg_risk=neg_risk) == Exchange(V3, "3")
    standard = V2_NEG_RISK if neg_risk else V2
    assert exchange_for(Dialect.CLOB_V2, neg_risk=neg_risk) == Exchange(standard, "2")
    first = V1_NEG_RISK if neg_risk else V1
    assert exchange_for(Dialect.V1, neg_risk=neg_risk) == Exchange(first, "1")
