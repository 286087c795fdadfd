"""The venue's own EIP-712: order ids, the login message, and who signed them.

Written from the exchange contracts' type strings with keccak, ABI encoding and public key recovery
alone, so that agreement with a client's order builder proves something.
"""

from dataclasses import dataclass
from functools import lru_cache

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from paper.model import Dialect, Side

CHAIN_ID = 137
LOGIN_MESSAGE = "This message attests that I control the given wallet"

_EXCHANGE_NAME = "Polymarket CTF Exchange"
_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_LOGIN_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId)"
_LOGIN = "ClobAuth(address address,string timestamp,uint256 nonce,string message)"
_ORDER_V1 = (
    "Order(uint256 salt,address maker,address signer,address taker,uint256 tokenId,"
    "uint256 makerAmount,uint256 takerAmount,uint256 expiration,uint256 nonce,"
    "uint256 feeRateBps,uint8 side,uint8 signatureType)"
)
_ORDER = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,"
    "uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,"
    "bytes32 builder)"
)
_TYPED_DATA_SIGN = (
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,"
    "address verifyingContract,bytes32 salt)" + _ORDER
)
_WALLET_NAME = "DepositWallet"
_WALLET_VERSION = "1"
_SESSION_MAGIC = bytes.fromhex("6492" * 16)
_HALF_CURVE_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


class BadSignatureError(Exception):
    """A signature is malformed or belongs to other bytes than those it came with."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A settlement contract and the version of its EIP-712 domain."""

    address: str
    version: str


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """The eleven fields that an order of CLOB V2 or Protocol V2 signs."""

    salt: int
    maker: str
    signer: str
    token_id: int
    maker_amount: int
    taker_amount: int
    side: Side
    signature_type: int
    timestamp: int
    metadata: bytes
    builder: bytes


@dataclass(frozen=True, slots=True)
class OrderTermsV1:
    """The twelve fields that an order of the first exchange signs."""

    salt: int
    maker: str
    signer: str
    taker: str
    token_id: int
    maker_amount: int
    taker_amount: int
    expiration: int
    nonce: int
    fee_rate_bps: int
    side: Side
    signature_type: int


AnyTerms = OrderTerms | OrderTermsV1

_EXCHANGES = {
    (Dialect.V1, False): Exchange("0x4bFb41d5B3570DeFd03C39a9A4D8dE6Bd8B8982E", "1"),
    (Dialect.V1, True): Exchange("0xC5d563A36AE78145C45a50134d48A1215220f80a", "1"),
    (Dialect.CLOB_V2, False): Exchange("0xE111180000d2663C0091e4f400237545B87B996B", "2"),
    (Dialect.CLOB_V2, True): Exchange("0xe2222d279d744050d28e00520010520000310F59", "2"),
    (Dialect.PROTOCOL_V2, False): Exchange("0xe3333700cA9d93003F00f0F71f8515005F6c00Aa", "3"),
    (Dialect.PROTOCOL_V2, True): Exchange("0xe3333700cA9d93003F00f0F71f8515005F6c00Aa", "3"),
}


def exchange_for(dialect: Dialect, *, neg_risk: bool) -> Exchange:
    """Return the contract that settles a market; Protocol V2 has one for both kinds.

    Source: the contract addresses published for Polygon mainnet.
    """
    return _EXCHANGES[dialect, neg_risk]


def order_digest(terms: AnyTerms, exchange: Exchange) -> bytes:
    """Return the EIP-712 digest of an order, which is the venue's order id for every wallet type.

    Source: `_hashOrder` of the exchange contracts.
    """
    return keccak(b"\x19\x01" + _domain_separator(exchange) + _order_hash(terms))


def order_signer(terms: AnyTerms, exchange: Exchange, signature: bytes) -> str:
    """Return the checksummed address of the key that signed an order.

    For a deposit wallet (type 3) that is the owner or session key behind the wallet.

    Raises:
        BadSignatureError: the signature is malformed or was made for another order or contract.
    """
    if isinstance(terms, OrderTerms) and terms.signature_type == 3:
        return _deposit_wallet_signer(terms, exchange, signature)
    return recover(order_digest(terms, exchange), signature)


def login_signer(address: str, timestamp: str, nonce: int, signature: bytes) -> str:
    """Return the checksummed address of the key that signed a ClobAuth message.

    Raises:
        BadSignatureError: the signature is malformed.
    """
    domain = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256"],
            [
                keccak(text=_LOGIN_DOMAIN),
                keccak(text="ClobAuthDomain"),
                keccak(text="1"),
                CHAIN_ID,
            ],
        )
    )
    message = keccak(
        encode(
            ["bytes32", "address", "bytes32", "uint256", "bytes32"],
            [
                keccak(text=_LOGIN),
                address,
                keccak(text=timestamp),
                nonce,
                keccak(text=LOGIN_MESSAGE),
            ],
        )
    )
    return recover(keccak(b"\x19\x01" + domain + message), signature)


@lru_cache(maxsize=8)
def _domain_separator(exchange: Exchange) -> bytes:
    return keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(text=_DOMAIN),
                keccak(text=_EXCHANGE_NAME),
                keccak(text=exchange.version),
                CHAIN_ID,
                exchange.address,
            ],
        )
    )


def _order_hash(terms: AnyTerms) -> bytes:
    side = 0 if terms.side is Side.BUY else 1
    if isinstance(terms, OrderTermsV1):
        return keccak(
            encode(
                ["bytes32", "uint256", *["address"] * 3, *["uint256"] * 6, "uint8", "uint8"],
                [
                    keccak(text=_ORDER_V1),
                    terms.salt,
                    terms.maker,
                    terms.signer,
                    terms.taker,
                    terms.token_id,
                    terms.maker_amount,
                    terms.taker_amount,
                    terms.expiration,
                    terms.nonce,
                    terms.fee_rate_bps,
                    side,
                    terms.signature_type,
                ],
            )
        )
    head = ["bytes32", "uint256", "address", "address", "uint256", "uint256", "uint256"]
    return keccak(
        encode(
            [*head, "uint8", "uint8", "uint256", "bytes32", "bytes32"],
            [
                keccak(text=_ORDER),
                terms.salt,
                terms.maker,
                terms.signer,
                terms.token_id,
                terms.maker_amount,
                terms.taker_amount,
                side,
                terms.signature_type,
                terms.timestamp,
                terms.metadata,
                terms.builder,
            ],
        )
    )


def _deposit_wallet_signer(terms: OrderTerms, exchange: Exchange, signature: bytes) -> str:
    """Unwrap an ERC-7739 signature: inner ‖ domain ‖ contents ‖ type string ‖ its length."""
    session_key, signature = _without_session_wrapper(signature)
    separator, contents = _domain_separator(exchange), _order_hash(terms)
    tail = separator + contents + _ORDER.encode() + len(_ORDER).to_bytes(2, "big")
    if signature[65:] != tail:
        raise BadSignatureError("the signature's wrapper names another order or exchange")
    wrapped = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "bytes32", "uint256", "address", "bytes32"],
            [
                keccak(text=_TYPED_DATA_SIGN),
                contents,
                keccak(text=_WALLET_NAME),
                keccak(text=_WALLET_VERSION),
                CHAIN_ID,
                terms.signer,
                bytes(32),
            ],
        )
    )
    signer = recover(keccak(b"\x19\x01" + separator + wrapped), signature[:65])
    if session_key is not None and signer != session_key:
        raise BadSignatureError(f"session key {session_key} named, {signer} signed")
    return signer


def _without_session_wrapper(signature: bytes) -> tuple[str | None, bytes]:
    if not signature.endswith(_SESSION_MAGIC):
        return None, signature
    try:
        key, _, inner = decode(["bytes32", "bytes32", "bytes"], signature[: -len(_SESSION_MAGIC)])
    except (DecodingError, OverflowError) as error:
        raise BadSignatureError("malformed session key wrapper") from error
    return to_checksum_address(key[-20:]), inner


def recover(digest: bytes, signature: bytes) -> str:
    """Return the checksummed address of the key that signed a digest.

    Raises:
        BadSignatureError: the signature is malformed.
    """
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise BadSignatureError(f"expected 65 bytes ending in 27 or 28, got {len(signature)} bytes")
    if int.from_bytes(signature[32:64], "big") > _HALF_CURVE_ORDER:
        raise BadSignatureError("the signature's s value is in the upper half of the curve order")
    try:
        recovered = Signature(signature[:64] + bytes([signature[64] - 27]))
        return recovered.recover_public_key_from_msg_hash(digest).to_checksum_address()
    except (BadSignature, ValidationError) as error:
        raise BadSignatureError("no public key fits the signature") from error
