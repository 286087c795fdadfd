"""Builds the frames of the market WebSocket; shapes as production sends them."""

from collections.abc import Sequence

from paper.model import Book, Market, TickSizeChanged, Trade
from paper.notation import decimal_text, json_number
from paper.replica import Best, LevelChange, Replica, book_hash, mirrored
from paper.rows import book_row


def book_frame(market: Market, book: Book) -> dict[str, object]:
    """Write a whole book as GET /book does: the best level is the last of each side."""
    return {"event_type": "book", **book_row(book, market)}


def price_change_frame(
    market: Market, replica: Replica, changes: Sequence[LevelChange], at: int
) -> dict[str, object]:
    """Write level changes, given in the first outcome's terms, for both tokens of the market."""
    return {
        "event_type": "price_change",
        "market": market.condition_id,
        "price_changes": [
            *_changes(market, replica, changes, 0),
            *_changes(market, replica, mirrored(changes), 1),
        ],
        "timestamp": str(at),
    }


def _changes(
    market: Market, replica: Replica, changes: Sequence[LevelChange], outcome_index: int
) -> list[dict[str, str]]:
    token_id = market.token_ids[outcome_index]
    best = replica.best(outcome_index)
    name = book_hash(token_id, *replica.levels(outcome_index))
    return [
        {
            "asset_id": token_id,
            "price": decimal_text(change.price),
            "size": decimal_text(change.size),
            "side": change.side.value,
            "hash": name,
            "best_bid": _price(best.bid, "0"),
            "best_ask": _price(best.ask, "1"),
        }
        for change in changes
    ]


def _price(micros: int | None, when_empty: str) -> str:
    return when_empty if micros is None else decimal_text(micros)


def best_frame(market: Market, token_id: str, best: Best, at: int) -> dict[str, object]:
    """Write a token's new best prices; an empty side is written as an empty text."""
    known = best.bid is not None and best.ask is not None
    return {
        "event_type": "best_bid_ask",
        "market": market.condition_id,
        "asset_id": token_id,
        "best_bid": _price(best.bid, ""),
        "best_ask": _price(best.ask, ""),
        "spread": decimal_text((best.ask or 0) - (best.bid or 0)) if known else "",
        "timestamp": str(at),
    }


def last_trade_frame(trade: Trade) -> dict[str, object]:
    """Write a match without its traders; filler that never traded says that it is invented."""
    frame: dict[str, object] = {
        "event_type": "last_trade_price",
        "market": trade.condition_id,
        "asset_id": trade.token_id,
        "price": decimal_text(trade.price),
        "size": decimal_text(trade.size),
        "fee_rate_bps": "0",
        "side": trade.side.value,
        "timestamp": str(trade.matched_at),
    }
    if trade.transaction_hash:
        frame["transaction_hash"] = trade.transaction_hash
    if trade.invented:
        frame["invented"] = True
    return frame


def tick_size_frame(event: TickSizeChanged, token_id: str) -> dict[str, object]:
    """Write a new tick size; clients drop their book and wait for the next whole one."""
    return {
        "event_type": "tick_size_change",
        "market": event.condition_id,
        "asset_id": token_id,
        "old_tick_size": decimal_text(event.old),
        "new_tick_size": decimal_text(event.new),
        "timestamp": str(event.at),
    }


def new_market_frame(market: Market, market_id: str, at: int) -> dict[str, object]:
    """Write a market that began to take orders; `market_id` is Gamma's."""
    return {
        "event_type": "new_market",
        "id": market_id,
        "question": market.question,
        "market": market.condition_id,
        "condition_id": market.condition_id,
        "slug": market.slug,
        "description": market.question,
        "assets_ids": list(market.token_ids),
        "clob_token_ids": list(market.token_ids),
        "outcomes": list(market.outcomes),
        "order_price_min_tick_size": decimal_text(market.tick_size),
        "active": True,
        "fees_enabled": market.fee_rate > 0,
        "fee_schedule": {
            "rate": str(market.fee_rate),
            "exponent": market.fee_exponent,
            "takerOnly": True,
        },
        "tags": [],
        "timestamp": str(at),
    }


def resolved_frame(market: Market, market_id: str, at: int) -> dict[str, object]:
    """Write a market's result; a void market has no winner, `market_id` is Gamma's."""
    payouts = market.payouts or (0, 0)
    winner = None if payouts[0] == payouts[1] else payouts.index(max(payouts))
    return {
        "event_type": "market_resolved",
        "id": market_id,
        "market": market.condition_id,
        "assets_ids": list(market.token_ids),
        "winning_asset_id": None if winner is None else market.token_ids[winner],
        "winning_outcome": None if winner is None else market.outcomes[winner],
        "payouts": [json_number(payout) for payout in payouts],
        "timestamp": str(at),
        "tags": [],
    }
