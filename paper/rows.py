"""What the CLOB answers: books, markets, orders and trades in the venue's words and units.

Amounts and prices are decimal text; the few JSON numbers are those that production sends.
"""

import hashlib
import json
from collections.abc import Iterable

from paper.model import (
    MICROS,
    Book,
    Dialect,
    Level,
    MakerFill,
    Market,
    OrderRecord,
    Trade,
    TradeStatus,
)
from paper.notation import decimal_text, iso_time, json_number
from paper.venue import SubmitResult
from paper.wire import Json

LEGACY_FEE_CAP_BPS = 1000  # what production names as base fee; it is a cap, not the taker fee
NOT_BROADCAST = "MATCHED_NOT_BROADCASTED"  # as REST alone says it, spelt so
STATUS_PREFIX = "TRADE_STATUS_"


def book_row(book: Book, market: Market) -> dict[str, Json]:
    """Write a book with the best level last on both sides, as production does."""
    last = book.last_trade_price
    row: dict[str, Json] = {
        "market": book.condition_id,
        "asset_id": book.token_id,
        "timestamp": str(book.at),
        "hash": "",
        "bids": [_level(level) for level in reversed(book.bids)],
        "asks": [_level(level) for level in reversed(book.asks)],
        "min_order_size": decimal_text(market.min_size),
        "tick_size": decimal_text(market.tick_size),
        "neg_risk": market.neg_risk,
        "last_trade_price": "" if last is None else decimal_text(last),
    }
    text = json.dumps(row, separators=(",", ":"), ensure_ascii=False)
    return {**row, "hash": hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()}


def clob_market_row(market: Market) -> dict[str, Json]:
    """Write a market in the short keys of /clob-markets."""
    return {
        "c": market.condition_id,
        "t": [
            {"t": token, "o": outcome}
            for token, outcome in zip(market.token_ids, market.outcomes, strict=True)
        ],
        "mos": json_number(market.min_size),
        "mts": json_number(market.tick_size),
        "nr": market.neg_risk,
        "mbf": LEGACY_FEE_CAP_BPS,
        "tbf": LEGACY_FEE_CAP_BPS,
        "fd": {
            "r": json_number(int(market.fee_rate * MICROS)),
            "e": market.fee_exponent,
            "to": True,
        },
        "ao": market.accepting_orders,
        "itode": False,
        "sd": 0,
    }


def market_row(market: Market, prices: tuple[int, int]) -> dict[str, Json]:
    """Write a market as /markets does; `prices` are micros, one per outcome."""
    return {
        **simplified_market_row(market, prices),
        "enable_order_book": True,
        "minimum_order_size": json_number(market.min_size),
        "minimum_tick_size": json_number(market.tick_size),
        "question_id": market.condition_id,
        "question": market.question,
        "description": "",
        "market_slug": market.slug,
        "version": "v2" if market.dialect is Dialect.PROTOCOL_V2 else "v1",
        "end_date_iso": iso_time(market.ends_at),
        "game_start_time": None,
        "accepting_order_timestamp": iso_time(market.starts_at),
        "seconds_delay": 0,
        "fpmm": "",
        "maker_base_fee": LEGACY_FEE_CAP_BPS,
        "taker_base_fee": LEGACY_FEE_CAP_BPS,
        "notifications_enabled": False,
        "neg_risk": market.neg_risk,
        "neg_risk_market_id": "",
        "neg_risk_request_id": "",
        "icon": "",
        "image": "",
        "is_50_50_outcome": market.payouts == (MICROS // 2, MICROS // 2),
        "tags": [],
    }


def simplified_market_row(market: Market, prices: tuple[int, int]) -> dict[str, Json]:
    """Write a market as /simplified-markets does."""
    payouts = market.payouts or (0, 0)
    return {
        "condition_id": market.condition_id,
        "tokens": [
            {
                "token_id": token,
                "outcome": outcome,
                "price": json_number(price),
                "winner": payout == MICROS,
            }
            for token, outcome, price, payout in zip(
                market.token_ids, market.outcomes, prices, payouts, strict=True
            )
        ],
        "rewards": {"rates": None, "min_size": 0, "max_spread": 0},
        "active": True,
        "closed": market.closed,
        "archived": False,
        "accepting_orders": market.accepting_orders,
    }


def submitted_row(result: SubmitResult) -> dict[str, Json]:
    """Write the answer to an accepted order; nothing matched is empty text, as in production."""
    return {
        "errorMsg": result.error,
        "orderID": result.order_id,
        "takingAmount": decimal_text(result.taking_amount) if result.taking_amount else "",
        "makingAmount": decimal_text(result.making_amount) if result.making_amount else "",
        "status": result.status,
        "tradeIDs": list(result.trade_ids),
        "success": True,
    }


def refused_row(message: str) -> dict[str, Json]:
    """Write the leg of a batch that was refused: production sends 200, success and no id."""
    return {
        "errorMsg": message,
        "orderID": "",
        "takingAmount": "",
        "makingAmount": "",
        "status": "",
        "tradeIDs": [],
        "success": True,
    }


def order_row(record: OrderRecord) -> dict[str, Json]:
    """Write an order as /data/order and /data/orders do; times in seconds."""
    order = record.order
    return {
        "id": order.order_id,
        "status": record.status.value,
        "owner": record.owner,
        "maker_address": order.maker,
        "market": record.condition_id,
        "asset_id": order.token_id,
        "side": order.side.value,
        "original_size": decimal_text(order.size),
        "size_matched": decimal_text(record.matched),
        "price": decimal_text(record.price),
        "outcome": record.outcome,
        "expiration": str(order.expiration),
        "order_type": record.order_type.value,
        "associate_trades": list(record.trade_ids),
        "created_at": record.received_at // 1000,
    }


def trade_row(trade: Trade, owner: str) -> dict[str, Json]:
    """Write a trade for one API key: the head is always the taker's, `trader_side` the reader's.

    Source: `owner` and `maker_address` of a trade are the taker's key and funder, whoever asks.
    """
    return {
        "id": trade.trade_id,
        "taker_order_id": trade.taker_order_id,
        "market": trade.condition_id,
        "asset_id": trade.token_id,
        "side": trade.side.value,
        "size": decimal_text(trade.size),
        "fee_rate_bps": "0",
        "price": decimal_text(trade.price),
        "status": _trade_status(trade),
        "match_time": str(trade.matched_at // 1000),
        "last_update": str(trade.updated_at // 1000),
        "outcome": trade.outcome,
        "bucket_index": trade.bucket_index,
        "owner": trade.owner,
        "maker_address": trade.wallet,
        "transaction_hash": trade.transaction_hash,
        "maker_orders": [_maker_row(maker) for maker in trade.makers],
        "trader_side": "TAKER" if trade.owner == owner else "MAKER",
    }


def _trade_status(trade: Trade) -> str:
    # Source: REST writes the bare or the prefixed constant; streams always the bare one.
    is_waiting = trade.status is TradeStatus.MATCHED and not trade.is_broadcast
    name = NOT_BROADCAST if is_waiting else trade.status.value
    return f"{STATUS_PREFIX}{name}" if trade.is_prefixed else name


def page_row(rows: Iterable[dict[str, Json]], *, limit: int, next_cursor: str) -> dict[str, Json]:
    """Write one page of a list."""
    data = list(rows)
    return {"data": data, "next_cursor": next_cursor, "limit": limit, "count": len(data)}


def _level(level: Level) -> dict[str, Json]:
    return {"price": decimal_text(level.price), "size": decimal_text(level.size)}


def _maker_row(maker: MakerFill) -> dict[str, Json]:
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
