"""Orders of the first generation, as py-clob-client makes them; production rejects them."""

from dataclasses import dataclass

from eth_utils.address import to_checksum_address
from py_clob_client.config import get_contract_config
from py_clob_client.constants import ZERO_ADDRESS
from py_clob_client.utilities import order_to_json
from py_order_utils.builders import OrderBuilder
from py_order_utils.model import BUY, SELL, Order, SignedOrder
from py_order_utils.signer import Signer as KeyHolder
from pydantic import SecretStr

from exchange.polymarket.client import GatewayParts, PolymarketGateway, TradingAccount
from exchange.polymarket.contracts import CHAIN_ID
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import FeeSchedules
from exchange.polymarket.signing import PostTerms
from exchange.port import PermanentError
from trading.orders import UnsignedOrder
from trading.types import Market, OrderHash, Protocol, Side, SignatureType, Wallet


@dataclass(frozen=True, slots=True)
class V1Terms:
    """What the first generation signs besides: the market's fee rate, in basis points."""

    fee_rate_bps: int = 0


class OrderFormV1:
    """Implements OrderForm for the exchanges of 2022 to April 2026."""

    def __init__(self, terms: V1Terms) -> None:
        """Take the fee rate, which is part of the hash."""
        self._terms = terms

    def protocol_of(self, market: Market) -> Protocol:
        """Return V1, whatever settles the market today."""
        del market
        return Protocol.V1

    def hash_order(self, order: UnsignedOrder) -> OrderHash:
        """Return the EIP-712 hash of the twelve fields of V1."""
        builder = _builder(order, None)
        return OrderHash(str(builder._create_struct_hash(_wired(order, self._terms))))  # noqa: SLF001 - the library has no public name for it

    def write_post(
        self, order: UnsignedOrder, signature: str, post: PostTerms
    ) -> dict[str, object]:
        """Return the body as py-clob-client sends it."""
        signed = SignedOrder(_wired(order, self._terms), signature)
        return dict(order_to_json(signed, post.owner, post.order_type.value))


class LocalV1Signer:
    """Holds a private key in this process and signs V1 orders; shows nothing of the key."""

    def __init__(self, private_key: SecretStr, terms: V1Terms) -> None:
        """Raise ValueError when the key is not one."""
        try:
            self._holder = KeyHolder(key=private_key.get_secret_value())
        except Exception:  # noqa: BLE001 - whatever was wrong, the key must not be in the message
            raise ValueError("expected a private key of 0x and 64 hex digits") from None
        self._terms = terms

    def __repr__(self) -> str:
        return f"LocalV1Signer({self.address})"

    @property
    def address(self) -> Wallet:
        """Return the key's own address."""
        return Wallet(str(self._holder.address()).lower())

    async def sign_order(self, order: UnsignedOrder) -> str:
        """Return the signature of 65 bytes."""
        builder = _builder(order, self._holder)
        return str(builder.build_order_signature(_wired(order, self._terms)))


def v1_gateway(
    access: VenueAccess, account: TradingAccount, private_key: SecretStr, terms: V1Terms
) -> PolymarketGateway:
    """Return a gateway that trades V1 orders on a venue that speaks the V1 dialect.

    Raises:
        PermanentError: against production, which rejects V1 orders since 2026-04-28, and for
            deposit wallets, which V1 does not know.
    """
    if access.endpoints.is_production:
        raise PermanentError(
            f"{access.endpoints.clob} rejects V1 orders since 2026-04-28; use the V2 adapter"
        )
    if account.signature_type is SignatureType.POLY_1271:
        raise PermanentError("expected signature type 0, 1 or 2 for V1 orders, got 3")
    parts = GatewayParts(FeeSchedules(access), OrderFormV1(terms))
    return PolymarketGateway(access, account, LocalV1Signer(private_key, terms), parts)


def _builder(order: UnsignedOrder, holder: KeyHolder | None) -> OrderBuilder:
    exchange = get_contract_config(CHAIN_ID, order.neg_risk).exchange
    return OrderBuilder(exchange, CHAIN_ID, holder, salt_generator=lambda: order.salt)


def _wired(order: UnsignedOrder, terms: V1Terms) -> Order:
    return Order(
        salt=order.salt,
        maker=to_checksum_address(order.maker),
        signer=to_checksum_address(order.signer),
        taker=ZERO_ADDRESS,
        tokenId=int(order.token_id),
        makerAmount=order.maker_amount,
        takerAmount=order.taker_amount,
        expiration=order.expiration_s,
        nonce=0,
        feeRateBps=terms.fee_rate_bps,
        side=BUY if order.side is Side.BUY else SELL,
        signatureType=int(order.signature_type),
    )
