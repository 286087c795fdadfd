"""Signs orders with the venue's public client libraries, everything pinned, for tests."""

import hashlib
import hmac
import itertools
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from polymarket._internal.actions.orders.typed_data import (
    build_order_signature,
    build_order_typed_data,
)
from polymarket._internal.actions.orders.types import UnsignedOrder
from polymarket._internal.wallet import wrap_deposit_wallet_session_signer_signature
from polymarket.types import EvmAddress, HexString
from py_clob_client.signer import Signer as SignerV1
from py_clob_client.signing.eip712 import sign_clob_auth_message
from py_clob_client_v2.order_utils import ExchangeOrderBuilderV2, Side, SignatureTypeV2
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderDataV2, order_to_json_v2
from py_clob_client_v2.signer import Signer
from py_order_utils.builders import OrderBuilder
from py_order_utils.model import OrderData

ZERO = "0x" + "00" * 32
V1, V1_NEG_RISK = (
    "0x4bFb41d5B3570DeFd03C39a9A4D8dE6Bd8B8982E",
    "0xC5d563A36AE78145C45a50134d48A1215220f80a",
)
V2, V2_NEG_RISK, V3 = (
    "0xE111180000d2663C0091e4f400237545B87B996B",
    "0xe2222d279d744050d28e00520010520000310F59",
    "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa",
)
_salts = itertools.count(1)


@dataclass(frozen=True)
class Asked:
    """An order to sign. Amounts are micros; the defaults buy 10 shares at 0.50."""

    token_id: str
    side: str = "BUY"
    maker_amount: int = 5_000_000
    taker_amount: int = 10_000_000
    signature_type: int = 0
    maker: str = ""  # the signer's own address when empty
    signer: str = ""
    exchange: str = V2
    version: str = "2"
    salt: int = 0  # the next unused one when 0
    timestamp: int = 1_795_344_855_202
    order_type: str = "GTC"
    expiration: str = "0"
    post_only: bool = False


def key_number(number: int) -> str:
    """Return a private key that is a small number."""
    return "0x" + number.to_bytes(32, "big").hex()


def address_of(private_key: str) -> str:
    return str(Account.from_key(private_key).address)


def body_v2(private_key: str, owner: str, asked: Asked) -> tuple[dict[str, Any], str]:
    """Return (POST body, order id), signed by py-clob-client-v2."""
    maker = asked.maker or address_of(private_key)
    builder = ExchangeOrderBuilderV2(
        asked.exchange,
        137,
        Signer(private_key, 137),
        generate_salt=lambda: str(asked.salt or next(_salts)),
        domain_version=asked.version,
    )
    order = builder.build_signed_order(
        OrderDataV2(
            maker=maker,
            signer=asked.signer
            or (maker if asked.signature_type == 3 else None)
            or address_of(private_key),
            tokenId=asked.token_id,
            makerAmount=str(asked.maker_amount),
            takerAmount=str(asked.taker_amount),
            side=Side.BUY if asked.side == "BUY" else Side.SELL,
            signatureType=SignatureTypeV2(asked.signature_type),
            timestamp=str(asked.timestamp),
            expiration=asked.expiration,
        )
    )
    body = order_to_json_v2(order, owner, asked.order_type, asked.post_only, False)
    return body, builder.build_order_hash(builder.build_order_typed_data(order))


def signature_by_sdk(private_key: str, asked: Asked, *, session_key: bool = False) -> str:
    """Return the signature that polymarket-client makes of the same order."""
    maker = asked.maker or address_of(private_key)
    fields: dict[str, Any] = {
        "chain_id": 137,
        "builder": ZERO,
        "exchange_address": asked.exchange,
        "expiration": int(asked.expiration),
        "maker": maker,
        "maker_amount": asked.maker_amount,
        "metadata": ZERO,
        "order_type": asked.order_type,
        "salt": asked.salt,
        "side": asked.side,
        "signature_type": asked.signature_type,
        "signer": maker if asked.signature_type == 3 else address_of(private_key),
        "taker_amount": asked.taker_amount,
        "timestamp": asked.timestamp,
        "token_id": asked.token_id,
        "protocol_version": asked.version,
    }
    order = UnsignedOrder(**fields)
    signed = Account.from_key(private_key).sign_typed_data(
        full_message=build_order_typed_data(order)
    )
    signature = build_order_signature(order, HexString("0x" + signed.signature.hex()))
    if not session_key:
        return signature
    session_address = EvmAddress(address_of(private_key))
    return wrap_deposit_wallet_session_signer_signature(session_address, signature)


def body_v1(private_key: str, owner: str, asked: Asked) -> tuple[dict[str, Any], str]:
    """Return (POST body, order id) of the first exchange, signed by py-order-utils."""
    builder = OrderBuilder(
        asked.exchange,
        137,
        SignerV1(private_key, 137),
        salt_generator=lambda: asked.salt or next(_salts),
    )
    signed = builder.build_signed_order(
        OrderData(
            maker=asked.maker or address_of(private_key),
            taker="0x" + "00" * 20,
            tokenId=asked.token_id,
            makerAmount=str(asked.maker_amount),
            takerAmount=str(asked.taker_amount),
            side=0 if asked.side == "BUY" else 1,
            feeRateBps="1000",
            signer=address_of(private_key),
            expiration=asked.expiration,
            signatureType=asked.signature_type,
        )
    )
    body = {
        "order": signed.dict(),
        "owner": owner,
        "orderType": asked.order_type,
        "postOnly": asked.post_only,
    }
    return body, str(builder._create_struct_hash(signed.order))


def login_headers(private_key: str, *, nonce: int = 0, at: int | None = None) -> dict[str, str]:
    """Return L1 headers as py-clob-client signs them; `at` in seconds, now when absent."""
    at = int(time.time()) if at is None else at
    return {
        "POLY_ADDRESS": address_of(private_key),
        "POLY_SIGNATURE": sign_clob_auth_message(SignerV1(private_key, 137), at, nonce),
        "POLY_TIMESTAMP": str(at),
        "POLY_NONCE": str(nonce),
    }


@dataclass(frozen=True)
class Client:
    """An API key that signs requests by hand."""

    address: str
    key: str
    secret: str
    passphrase: str

    def headers(
        self, method: str, path: str, body: bytes = b"", *, at: int | None = None
    ) -> dict[str, str]:
        """Return L2 headers; `at` in seconds, now when absent."""
        timestamp = str(int(time.time()) if at is None else at)
        message = (timestamp + method + path).encode() + body
        digest = hmac.new(urlsafe_b64decode(self.secret), message, hashlib.sha256).digest()
        return {
            "POLY_ADDRESS": self.address,
            "POLY_API_KEY": self.key,
            "POLY_PASSPHRASE": self.passphrase,
            "POLY_TIMESTAMP": timestamp,
            "POLY_SIGNATURE": urlsafe_b64encode(digest).decode(),
        }


def to_bytes(value: object) -> bytes:
    """Return the bytes that the clients send for a body."""
    return json.dumps(value, separators=(",", ":")).encode()
