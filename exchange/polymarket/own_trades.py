"""Finds our part in a trade: which of our orders it hit, what it cost and what fee it took."""

from dataclasses import dataclass
from decimal import Decimal

from exchange.polymarket.wire_clob import MakerOrderRow, TradeRow, settlement_of
from exchange.port import WireError
from trading.fees import taker_fee
from trading.orders import SIZE_TOLERANCE, VenueTrade
from trading.types import ONE, ZERO, FeeSchedule, Price, Shares, Side, Usd, Wallet


@dataclass(frozen=True, slots=True)
class Owner:
    """Who we are in the venue's rows: the API key that owns an order, and the funding wallet."""

    api_key: str
    wallet: Wallet


def own_parts(trade: TradeRow, owner: Owner, fees: FeeSchedule) -> tuple[VenueTrade, ...]:
    """Return our parts of a trade: at most one as taker, and one per resting order of ours.

    The side and the token are our own order's, never the message's: a resting order of the other
    outcome is matched by minting or merging, and has its own token, side and price.
    """
    parts = [_as_maker(trade, row) for row in trade.maker_orders if _is_ours(row, owner)]
    if _is_taker(trade, owner):
        parts.insert(0, _as_taker(trade, fees))
    return tuple(parts)


def _is_taker(trade: TradeRow, owner: Owner) -> bool:
    if trade.trader_side:
        return trade.trader_side.upper() == "TAKER"
    return trade.owner == owner.api_key or trade.maker_address.lower() == owner.wallet


def _is_ours(row: MakerOrderRow, owner: Owner) -> bool:
    return row.owner == owner.api_key or row.maker_address.lower() == owner.wallet


def _as_taker(trade: TradeRow, fees: FeeSchedule) -> VenueTrade:
    levels = _levels(trade)
    return VenueTrade(
        trade_id=trade.id,
        order_hash=trade.taker_order_id,
        token_id=trade.asset_id,
        side=trade.side,
        size=Shares(trade.size),
        cost=Usd(sum((size * price for price, size in levels.items()), ZERO)),
        fee=Usd(sum((taker_fee(Shares(s), p, fees) for p, s in levels.items()), ZERO)),
        settlement=settlement_of(trade.status),
        matched_at=trade.matched_at,
        transaction_hash=trade.transaction_hash.lower(),
        is_taker=True,
    )


def _levels(trade: TradeRow) -> dict[Price, Decimal]:
    """Return the size met at each price in our token's terms; what is unlisted at the trade's."""
    sizes: dict[Price, Decimal] = {}
    for row in trade.maker_orders:
        price = _price_for_taker(trade, row)
        sizes[price] = sizes.get(price, ZERO) + row.matched_amount
    rest = trade.size - sum(sizes.values(), ZERO)
    if rest < -SIZE_TOLERANCE:
        raise WireError(f"expected {trade.size} shares at most from the makers of {trade.id}")
    if rest > 0:
        price = Price(trade.price)
        sizes[price] = sizes.get(price, ZERO) + rest
    return sizes


def _price_for_taker(trade: TradeRow, row: MakerOrderRow) -> Price:
    return Price(row.price if row.asset_id == trade.asset_id else ONE - row.price)


def _as_maker(trade: TradeRow, row: MakerOrderRow) -> VenueTrade:
    return VenueTrade(
        trade_id=trade.id,
        order_hash=row.order_id,
        token_id=row.asset_id,
        side=row.side or _side_of_maker(trade, row),
        size=Shares(row.matched_amount),
        cost=Usd(row.matched_amount * row.price),
        fee=Usd(ZERO),
        settlement=settlement_of(trade.status),
        matched_at=trade.matched_at,
        transaction_hash=trade.transaction_hash.lower(),
        is_taker=False,
    )


def _side_of_maker(trade: TradeRow, row: MakerOrderRow) -> Side:
    """Infer a side that was left out: the same token trades against, the other one alongside."""
    return trade.side.opposite if row.asset_id == trade.asset_id else trade.side
