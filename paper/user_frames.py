"""Builds the frames of the user WebSocket: one key's orders and trades."""

from paper.model import (
    MakerFill,
    OrderRecord,
    OrderStatus,
    OrderType,
    OrderUpdated,
    Trade,
)
from paper.notation import decimal_text

# Production words the kill of a FOK order with its error text; other kills with the plain status.
FOK_KILLED = "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed."


def order_frame(event: OrderUpdated) -> dict[str, object]:
    """Write what happened to an order; `type` is PLACEMENT, UPDATE or CANCELLATION."""
    record = event.record
    return {
        "event_type": "order",
        "type": event.kind,
        "id": record.order.order_id,
        "owner": record.owner,
        "order_owner": record.owner,
        "market": record.condition_id,
        "asset_id": record.order.token_id,
        "side": record.order.side.value,
        "order_type": record.order_type.value,
        "original_size": decimal_text(record.order.size),
        "size_matched": decimal_text(record.matched),
        "price": decimal_text(record.price),
        "status": _status(record),
        "outcome": record.outcome,
        "associate_trades": list(record.trade_ids),
        "maker_address": record.order.maker,
        "created_at": str(record.received_at // 1000),
        "expiration": str(record.order.expiration),
        "timestamp": str(event.at),
    }


def _status(record: OrderRecord) -> str:
    is_killed = record.status is OrderStatus.CANCELED and record.matched == 0
    if is_killed and record.order_type is OrderType.FOK:
        return FOK_KILLED
    return record.status.value


def owns_trade(trade: Trade, owner: str) -> bool:
    """Tell whether an API key has a part in a trade, as taker or as maker."""
    return trade.owner == owner or any(maker.owner == owner for maker in trade.makers)


def trade_frame(trade: Trade, owner: str) -> dict[str, object]:
    """Write a trade as one of its parties sees it; sizes and prices are the taker's."""
    is_taker = trade.owner == owner
    return {
        "event_type": "trade",
        "type": "TRADE",
        "id": trade.trade_id,
        "taker_order_id": trade.taker_order_id,
        "market": trade.condition_id,
        "asset_id": trade.token_id,
        "side": trade.side.value,
        "size": decimal_text(trade.size),
        "price": decimal_text(trade.price),
        "fee_rate_bps": "0",
        "status": trade.status.value,
        "outcome": trade.outcome,
        "owner": owner,
        "trade_owner": owner,
        "maker_address": trade.wallet if is_taker else _own_wallet(trade, owner),
        "transaction_hash": trade.transaction_hash,
        "bucket_index": trade.bucket_index,
        "maker_orders": [_maker_order(maker) for maker in trade.makers],
        "trader_side": "TAKER" if is_taker else "MAKER",
        "match_time": str(trade.matched_at // 1000),
        "last_update": str(trade.updated_at // 1000),
        "timestamp": str(trade.updated_at),
    }


def _own_wallet(trade: Trade, owner: str) -> str:
    return next(maker.wallet for maker in trade.makers if maker.owner == owner)


def _maker_order(maker: MakerFill) -> dict[str, str]:
    return {
        "order_id": maker.order_id,
        "owner": maker.owner,
        "maker_address": maker.wallet,
        "matched_amount": decimal_text(maker.size),
        "price": decimal_text(maker.price),
        "fee_rate_bps": "0",
        "asset_id": maker.token_id,
        "outcome": maker.outcome,
        "side": maker.side.value,
    }
