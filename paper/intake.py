"""Lets an order in: its generation, its owner, its wallet, its id and its signature are checked."""

from dataclasses import dataclass

from paper.accounts import Accounts
from paper.auth import ApiKey
from paper.model import (
    Dialect,
    Market,
    OrderRefusedError,
    OrderType,
    Side,
    SignedOrder,
    VenueSettings,
)
from paper.signing import (
    AnyTerms,
    BadSignatureError,
    OrderTerms,
    OrderTermsV1,
    exchange_for,
    order_digest,
    order_signer,
)
from paper.venue import Venue
from paper.wire import INVALID_PAYLOAD, Json, OrderIn, OrderV1In, OrderV2In, parse_posted

NOT_KEY_OWNER = "the order owner has to be the owner of the API KEY"
NOT_KEY_ADDRESS = "the order signer address has to be the address of the API KEY"
NO_PLAIN_WALLETS = "maker address not allowed, please use the deposit wallet flow"


@dataclass(frozen=True, slots=True)
class Posting:
    """A posted order whose signature was verified, and how it is to be worked."""

    order: SignedOrder
    order_type: OrderType
    post_only: bool


@dataclass(frozen=True, slots=True)
class Described:
    """What a posted order says of itself; nobody has checked it."""

    order_id: str
    token_id: str
    side: Side
    order_type: OrderType
    maker: str


class Intake:
    """The door of the venue. What passes is signed by the key that posts it."""

    def __init__(self, venue: Venue, accounts: Accounts, settings: VenueSettings) -> None:
        self._venue = venue
        self._accounts = accounts
        self._settings = settings

    def admit(self, body: Json, key: ApiKey) -> Posting:
        """Return a body of POST /order as a verified order.

        Raises:
            OrderRefusedError: 400 with the venue's text.
        """
        posted = parse_posted(body, v1_dialect=self._settings.v1_dialect)
        if posted.owner != key.key:
            raise OrderRefusedError(400, NOT_KEY_OWNER)
        order_type = OrderType(posted.order_type)
        if posted.post_only and order_type in (OrderType.FOK, OrderType.FAK):
            raise OrderRefusedError(400, INVALID_PAYLOAD)
        self._check_wallet(posted.order, key.wallet)
        order = _verified(posted.order, self._market_of(posted.order), key.wallet)
        self._accounts.claim(order.maker, key.wallet, order.signature_type)
        return Posting(order, order_type, posted.post_only)

    def describe(self, body: Json) -> Described:
        """Return what a body of POST /order says, its signature unseen.

        Raises:
            OrderRefusedError: 400, for what is no order of a market here.
        """
        posted = parse_posted(body, v1_dialect=self._settings.v1_dialect)
        order = posted.order
        return Described(
            order_id=_identify(order, self._market_of(order))[0],
            token_id=str(order.token_id),
            side=Side(order.side),
            order_type=OrderType(posted.order_type),
            maker=order.maker,
        )

    def _market_of(self, order: OrderIn) -> Market:
        market = self._venue.market_of(str(order.token_id))
        if market is None:
            raise OrderRefusedError(400, f"the orderbook {order.token_id} does not exist")
        return market

    def _check_wallet(self, order: OrderIn, owner: str) -> None:
        """Source: the key's own address signs types 0 to 2, type 3 names its wallet as signer."""
        if order.signature_type == 0 and self._settings.deposit_wallets_only:
            raise OrderRefusedError(400, NO_PLAIN_WALLETS)
        expected_signer = order.maker if order.signature_type == 3 else owner
        if order.signer != expected_signer or not self._accounts.is_controlled(order.maker, owner):
            raise OrderRefusedError(400, NOT_KEY_ADDRESS)
        if order.signature_type == 0 and order.maker != owner:
            raise OrderRefusedError(400, INVALID_PAYLOAD)


def _verified(order: OrderIn, market: Market, owner: str) -> SignedOrder:
    order_id, dialect = _identify(order, market)
    exchange = exchange_for(dialect, neg_risk=market.neg_risk)
    try:
        signer = order_signer(_terms(order), exchange, order.signature)
    except BadSignatureError as error:
        raise OrderRefusedError(400, INVALID_PAYLOAD) from error
    if signer != owner:
        raise OrderRefusedError(400, INVALID_PAYLOAD)
    return _signed_order(order, order_id, dialect)


def _identify(order: OrderIn, market: Market) -> tuple[str, Dialect]:
    dialect = Dialect.V1 if isinstance(order, OrderV1In) else market.dialect
    exchange = exchange_for(dialect, neg_risk=market.neg_risk)
    return "0x" + order_digest(_terms(order), exchange).hex(), dialect


def _terms(order: OrderIn) -> AnyTerms:
    side = Side(order.side)
    if isinstance(order, OrderV1In):
        return OrderTermsV1(
            salt=order.salt,
            maker=order.maker,
            signer=order.signer,
            taker=order.taker,
            token_id=order.token_id,
            maker_amount=order.maker_amount,
            taker_amount=order.taker_amount,
            expiration=order.expiration,
            nonce=order.nonce,
            fee_rate_bps=order.fee_rate_bps,
            side=side,
            signature_type=order.signature_type,
        )
    assert isinstance(order, OrderV2In)
    return OrderTerms(
        salt=order.salt,
        maker=order.maker,
        signer=order.signer,
        token_id=order.token_id,
        maker_amount=order.maker_amount,
        taker_amount=order.taker_amount,
        side=side,
        signature_type=order.signature_type,
        timestamp=order.timestamp,
        metadata=order.metadata,
        builder=order.builder,
    )


def _signed_order(order: OrderIn, order_id: str, dialect: Dialect) -> SignedOrder:
    zero = bytes(32)
    timestamp, metadata, builder = (
        (order.timestamp, order.metadata, order.builder)
        if isinstance(order, OrderV2In)
        else (0, zero, zero)
    )
    return SignedOrder(
        order_id=order_id,
        salt=order.salt,
        maker=order.maker,
        signer=order.signer,
        token_id=str(order.token_id),
        maker_amount=order.maker_amount,
        taker_amount=order.taker_amount,
        side=Side(order.side),
        signature_type=order.signature_type,
        timestamp=timestamp,
        metadata="0x" + metadata.hex(),
        builder="0x" + builder.hex(),
        signature="0x" + order.signature.hex(),
        expiration=order.expiration,
        dialect=dialect,
    )
