"""Prepares orders whose hash is known before a byte leaves, and signs them reproducibly."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol as Interface

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from py_clob_client_v2.constants import BYTES32_ZERO
from py_clob_client_v2.order_utils import ExchangeOrderBuilderV2, SignatureTypeV2
from py_clob_client_v2.order_utils import Side as WireSide
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from py_clob_client_v2.signer import Signer as KeyHolder
from py_clob_client_v2.signing.eip712 import sign_clob_auth_message
from pydantic import SecretStr

from exchange.polymarket.contracts import CHAIN_ID, domain_version, exchange_of
from trading.orders import UnsignedOrder
from trading.types import (
    IntentId,
    Market,
    OrderHash,
    OrderType,
    Protocol,
    Side,
    SignatureType,
    Wallet,
)

_SESSION_MAGIC = bytes.fromhex("6492" * 16)
SALT_BITS = 53
"""The salt travels as a JSON number, exact in every reader only below 2^53."""

HASHES_KEPT = 256
"""An order's hash is asked for several times on its way, and costs as much as half a signature."""


@dataclass(frozen=True, slots=True)
class PostTerms:
    """What travels with an order unsigned: the API key that owns it, and its time in force."""

    owner: str
    order_type: OrderType


class OrderForm(Interface):
    """How one generation of orders is hashed and written for the wire."""

    def hash_order(self, order: UnsignedOrder) -> OrderHash:
        """Return the EIP-712 hash, the order's id at the venue; no key is needed."""

    def protocol_of(self, market: Market) -> Protocol:
        """Return which exchange generation an order of a market is made for."""

    def write_post(
        self, order: UnsignedOrder, signature: str, post: PostTerms
    ) -> dict[str, object]:
        """Return the body of `POST /order`."""


class AuthSigner(Interface):
    """Signs the venue's attestation that we control a wallet, which gives API keys."""

    @property
    def address(self) -> Wallet:
        """Return the signing key's own address."""

    async def sign_attestation(self, timestamp_s: int, nonce: int) -> str:
        """Return the ClobAuth signature as 0x hex."""


def salt_of(intent_id: IntentId) -> int:
    """Return the salt that an intent always gets, below 2^53."""
    digest = hashlib.sha256(intent_id.encode()).digest()
    return int.from_bytes(digest[:7], "big") & ((1 << SALT_BITS) - 1)


class OrderFormV2:
    """Orders of CLOB V2 and Protocol V2: one struct, two exchanges, two domain versions."""

    def hash_order(self, order: UnsignedOrder) -> OrderHash:
        """Return the EIP-712 hash, also for deposit wallets, whose signature alone is wrapped."""
        return _hash_of(order)

    def protocol_of(self, market: Market) -> Protocol:
        """Return the protocol that settles the market."""
        return market.protocol

    def write_post(
        self, order: UnsignedOrder, signature: str, post: PostTerms
    ) -> dict[str, object]:
        """Return the body as the venue's own clients send it: the salt a number, amounts text."""
        wired = _wired(order)
        return {
            "order": {
                "salt": order.salt,
                "maker": wired.maker,
                "signer": wired.signer,
                "tokenId": wired.tokenId,
                "makerAmount": wired.makerAmount,
                "takerAmount": wired.takerAmount,
                "side": order.side.value,
                "expiration": wired.expiration,
                "signatureType": int(order.signature_type),
                "timestamp": wired.timestamp,
                "metadata": wired.metadata,
                "builder": wired.builder,
                "signature": signature,
            },
            "owner": post.owner,
            "orderType": post.order_type.value,
            "deferExec": False,
            "postOnly": False,
        }


class LocalSigner:
    """Holds a private key in this process; shows nothing of it.

    A session key signs for a deposit wallet that another key owns, and says so beside it.
    """

    def __init__(self, private_key: SecretStr, *, is_session: bool = False) -> None:
        """Raise ValueError when the key is not one."""
        self._is_session = is_session
        try:
            self._holder = KeyHolder(private_key.get_secret_value(), CHAIN_ID)
        except Exception:  # noqa: BLE001 - whatever was wrong, the key must not be in the message
            raise ValueError("expected a private key of 0x and 64 hex digits") from None

    def __repr__(self) -> str:
        return f"LocalSigner({self.address})"

    @property
    def address(self) -> Wallet:
        """Return the key's own address."""
        return Wallet(str(self._holder.address()).lower())

    async def sign_order(self, order: UnsignedOrder) -> str:
        """Return the signature; 65 bytes, or 317 wrapped by ERC-7739 for a deposit wallet."""
        if order.signature_type is not SignatureType.POLY_1271 and order.signer != self.address:
            raise ValueError(f"expected an order of signer {self.address}, got {order.signer}")
        builder = _builder(order, self._holder)
        signature = builder.build_order_signature(builder.build_order_typed_data(_wired(order)))
        return _by_session(self.address, str(signature)) if self._is_session else str(signature)

    async def sign_attestation(self, timestamp_s: int, nonce: int) -> str:
        """Return the ClobAuth signature."""
        return str(sign_clob_auth_message(self._holder, timestamp_s, nonce))


class NoSigner:
    """Stands where a process listens and holds no key; signing is refused."""

    def __init__(self, address: Wallet) -> None:
        """Take the address of the key that another process holds."""
        self._address = address

    @property
    def address(self) -> Wallet:
        """Return the key's address."""
        return self._address

    async def sign_order(self, order: UnsignedOrder) -> str:
        """Refuse."""
        raise PermissionError(f"this process holds no key; order of {order.maker} is not signed")


def _by_session(address: Wallet, signature: str) -> str:
    """Wrap a signature with the session key's address, as the venue's own client does."""
    named = [bytes.fromhex(address[2:]).rjust(32, b"\0"), bytes(32)]
    wrapped = encode(["bytes32", "bytes32", "bytes"], [*named, bytes.fromhex(signature[2:])])
    return f"0x{(wrapped + _SESSION_MAGIC).hex()}"


def _wired(order: UnsignedOrder) -> OrderV2:
    return OrderV2(
        salt=str(order.salt),
        maker=to_checksum_address(order.maker),
        signer=to_checksum_address(order.signer),
        tokenId=order.token_id,
        makerAmount=str(order.maker_amount),
        takerAmount=str(order.taker_amount),
        side=WireSide.BUY if order.side is Side.BUY else WireSide.SELL,
        signatureType=SignatureTypeV2(int(order.signature_type)),
        timestamp=str(order.timestamp_ms),
        metadata=BYTES32_ZERO,
        builder=BYTES32_ZERO,
        expiration=str(order.expiration_s),
    )


def _builder(order: UnsignedOrder, holder: KeyHolder | None = None) -> ExchangeOrderBuilderV2:
    if order.protocol is Protocol.V1:
        raise ValueError("expected an order of CLOB V2 or Protocol V2, got one of V1")
    exchange = exchange_of(order.protocol, neg_risk=order.neg_risk)
    version = domain_version(order.protocol)
    if holder is None:
        return _keyless_builder(exchange, version)
    return _new_builder(exchange, version, holder)


@lru_cache(maxsize=HASHES_KEPT)
def _hash_of(order: UnsignedOrder) -> OrderHash:
    builder = _builder(order)
    return OrderHash(builder.build_order_hash(builder.build_order_typed_data(_wired(order))))


@lru_cache(maxsize=4)
def _keyless_builder(exchange: Wallet, version: str) -> ExchangeOrderBuilderV2:
    return _new_builder(exchange, version, None)


def _new_builder(
    exchange: Wallet, version: str, holder: KeyHolder | None
) -> ExchangeOrderBuilderV2:
    address = to_checksum_address(exchange)
    return ExchangeOrderBuilderV2(address, CHAIN_ID, holder, domain_version=version)
