"""Makes committed orders as the records tell of them, honest ones; tests bend them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from pydantic import SecretStr

from exchange.polymarket.signing import LocalSigner, OrderFormV2, salt_of
from exchange.polymarket.wallets import wallet_of_key
from signer.facts import (
    MarketFacts,
    OrderFacts,
    PositionFacts,
    SignalFacts,
    Standing,
)
from signer.key import HeldKey
from signer.policy import Ask, Policy, SignerAccount
from signer.settings import SignerLimits
from trading.orders import UnsignedOrder
from trading.types import (
    ConditionId,
    IntentId,
    OrderState,
    PositionState,
    Price,
    Protocol,
    Shares,
    Side,
    SignalId,
    SignatureType,
    TokenId,
    Usd,
    Wallet,
)

KEY = SecretStr("0x" + "4c" * 32)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WHALE = Wallet("0x" + "b2" * 20)
MARKET = ConditionId("0x" + "c3" * 32)
YES = TokenId("7" * 77)
FORM = OrderFormV2()
BUILD = "1.0"
OWN = wallet_of_key(KEY, SignatureType.POLY_1271)
ACCOUNT = SignerAccount(OWN.signer, OWN.funder, OWN.signature_type)
HELD_KEY = HeldKey(LocalSigner(KEY), KEY, ACCOUNT)
NOWHERE = Path("/nonexistent")


def policy(limits: SignerLimits | None = None, home: Path = NOWHERE) -> Policy:
    return Policy(ACCOUNT, limits or SignerLimits(), FORM, BUILD, home)


def entry(name: str = "s1#1", *, size: str = "100", at: str = "0.50") -> OrderFacts:
    """Return an honest entry of $50, committed now."""
    return rehashed(_order(name, Side.BUY, Decimal(size), Decimal(at)))


def leaving(name: str = "p1#exit-1-1", *, size: str = "100", at: str = "0.40") -> OrderFacts:
    """Return an honest exit of all that is held."""
    order = _order(name, Side.SELL, Decimal(size), Decimal(at))
    assert order.position is not None
    position = replace(
        order.position,
        state=PositionState.EXITING,
        exit_epoch=1,
        settled_size=order.size,
        offered=order.size,
    )
    return rehashed(
        replace(
            order,
            position=position,
            signal=None,
            reserved=None,
            offered=order.size,
            exit_epoch=1,
            cost_max=Usd(Decimal(0)),
            expires_at=NOW + timedelta(seconds=12),
        )
    )


def rehashed(order: OrderFacts) -> OrderFacts:
    """Return the order with the hash that its signed fields have."""
    return replace(order, order_hash=FORM.hash_order(order.unsigned))


def resigned(order: OrderFacts, **fields: object) -> OrderFacts:
    """Return the order with other signed fields, and their true hash."""
    return rehashed(replace(order, unsigned=replace(order.unsigned, **fields)))  # type: ignore[arg-type]


def ask(order: OrderFacts, *, epoch: int = 1, build: str = BUILD) -> Ask:
    return Ask(order.order_hash, epoch, build)


def _order(name: str, side: Side, size: Decimal, at: Decimal) -> OrderFacts:
    shares, usd = int(size * 1_000_000), int(size * at * 1_000_000)
    maker_amount, taker_amount = (usd, shares) if side is Side.BUY else (shares, usd)
    unsigned = UnsignedOrder(
        maker=ACCOUNT.funder,
        signer=ACCOUNT.order_signer,
        token_id=YES,
        maker_amount=maker_amount,
        taker_amount=taker_amount,
        side=side,
        signature_type=ACCOUNT.signature_type,
        salt=salt_of(IntentId(name)),
        timestamp_ms=int(NOW.timestamp()) * 1000,
        protocol=Protocol.CLOB_V2,
        neg_risk=True,
    )
    cost = Usd(size * at + Decimal(1))
    return OrderFacts(
        intent_id=IntentId(name),
        order_hash=FORM.hash_order(unsigned),
        unsigned=unsigned,
        size=Shares(size),
        price=Price(at),
        cost_max=cost,
        whale=WHALE,
        condition_id=MARKET,
        exit_epoch=0,
        created_at=NOW,
        expires_at=NOW + timedelta(seconds=5),
        retry_until=NOW + timedelta(seconds=12),
        state=OrderState.PREPARED,
        copies=0,
        position=PositionFacts(
            wallet=ACCOUNT.funder,
            token_id=YES,
            condition_id=MARKET,
            state=PositionState.OPENING,
            exit_epoch=0,
            settled_size=Shares(Decimal(0)),
            offered=Shares(Decimal(0)),
        ),
        market=MarketFacts(MARKET, Price(Decimal("0.01")), Protocol.CLOB_V2, neg_risk=True),
        signal=SignalFacts(
            SignalId(name.split("#", maxsplit=1)[0]), YES, WHALE, Price(Decimal("0.50"))
        ),
        reserved=cost,
        offered=None,
        standing=Standing(lease_epoch=1, lease_build=BUILD, halt="", open_orders=0),
    )
