"""From our words to the venue's whole numbers and back."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from exchange.port import OrderDraft
from tests.simulation.venue import Asked, Order, Trade
from trading.amounts import OrderTerms, order_amounts
from trading.fees import worst_fee
from trading.orders import Intent, PreparedOrder, UnsignedOrder, VenueOrder, VenueTrade
from trading.types import (
    ZERO,
    OrderHash,
    OrderState,
    Settlement,
    Shares,
    Side,
    SignatureType,
    TokenId,
    Usd,
    Wallet,
)

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
EPOCH_MICROS = int(START.timestamp()) * 1_000_000
WALLET = Wallet("0x" + "a1" * 20)
_STATES = {
    "MATCHED": OrderState.MATCHED,
    "CANCELLED": OrderState.CANCELLED,
    "DELAYED": OrderState.DELAYED,
}
_SETTLEMENTS = {settlement.value: settlement for settlement in Settlement}


def when(micros: int) -> datetime:
    """Return the time of a moment of the simulation."""
    return START + timedelta(microseconds=micros)


def decimal_of(micros: int) -> Decimal:
    """Return a number of micro-units in whole ones, exactly."""
    return Decimal(micros).scaleb(-6)


def micros_of(number: Decimal) -> int:
    """Return a number in micro-units, exactly."""
    scaled = number.scaleb(6)
    assert scaled == int(scaled), f"expected whole micro-units, received {number}"
    return int(scaled)


def prepare(draft: OrderDraft) -> PreparedOrder:
    """Return the exact order of a draft; its hash names all that is signed of it."""
    terms = OrderTerms(
        draft.side, draft.size, draft.price, draft.market.tick_size, draft.order_type
    )
    amounts = order_amounts(terms)
    unsigned = UnsignedOrder(
        maker=WALLET,
        signer=WALLET,
        token_id=draft.token_id,
        maker_amount=amounts.maker_amount,
        taker_amount=amounts.taker_amount,
        side=draft.side,
        signature_type=SignatureType.POLY_1271,
        salt=1,
        timestamp_ms=int((draft.created_at - START) / timedelta(milliseconds=1)),
        protocol=draft.market.protocol,
        neg_risk=draft.market.neg_risk,
    )
    cost_max = ZERO
    if draft.side is Side.BUY:
        fee = worst_fee(amounts.size, amounts.price, draft.side, draft.market.fees)
        cost_max = decimal_of(amounts.maker_amount) + fee
    order_hash = OrderHash(f"0x{draft.intent_id}/{unsigned.timestamp_ms}")
    return PreparedOrder(unsigned, order_hash, amounts.size, amounts.price, Usd(cost_max))


def asked_of(intent: Intent) -> Asked:
    """Return an order as the venue reads it off the signed amounts."""
    unsigned = intent.order.unsigned
    is_buy = unsigned.side is Side.BUY
    given, gotten = unsigned.maker_amount, unsigned.taker_amount
    size, cost = (gotten, given) if is_buy else (given, gotten)
    return Asked(
        order_hash=intent.order.order_hash,
        market=intent.condition_id,
        token=unsigned.token_id,
        is_buy=is_buy,
        size=size,
        price=cost * 1_000_000 // size,
        kind=intent.order_type.value,
    )


def order_news(order: Order, state: str, matched: int) -> VenueOrder:
    """Return what the venue says of an order."""
    told = _STATES.get(state)
    if told is None:
        told = OrderState.PARTIAL if matched else OrderState.LIVE
    order_hash = OrderHash(order.asked.order_hash)
    return VenueOrder(order_hash, told, Shares(decimal_of(matched)), state.lower())


def trade_news(trade: Trade, status: str, transaction: str) -> VenueTrade:
    """Return what the venue says of a trade."""
    asked = trade.order.asked
    return VenueTrade(
        trade_id=trade.trade_id,
        order_hash=OrderHash(asked.order_hash),
        token_id=TokenId(asked.token),
        side=Side.BUY if asked.is_buy else Side.SELL,
        size=Shares(decimal_of(trade.size)),
        cost=Usd(decimal_of(trade.cost)),
        fee=Usd(decimal_of(trade.fee)),
        settlement=_SETTLEMENTS[status],
        matched_at=when(trade.matched_at),
        transaction_hash=transaction,
    )
