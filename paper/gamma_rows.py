"""Builds Gamma's market and event records."""

from collections.abc import Sequence
from dataclasses import dataclass

from paper.catalogue import ListedEvent, ListedMarket
from paper.model import MICROS, Book, Dialect, Level, Market
from paper.notation import decimal_text, iso_time, json_number, write_json
from paper.venue import Venue

BASE_FEE_CAP = 1000  # production's `makerBaseFee` and `takerBaseFee`, a cap and not the fee


@dataclass(frozen=True, slots=True)
class Quote:
    """What a market's books say now, in the first outcome's terms and in micros."""

    bid: int | None
    ask: int | None
    last: int | None
    prices: tuple[int, int]  # of both outcomes, their sum is 1
    liquidity: int  # notional visible on both sides of both outcomes' books


def quote(venue: Venue, market: Market) -> Quote:
    """Read a market's prices; without a book or a trade both outcomes stand at one half."""
    book = venue.book(market.token_ids[0]) or Book(
        market.token_ids[0], market.condition_id, (), (), 0
    )
    bid = book.bids[0].price if book.bids else None
    ask = book.asks[0].price if book.asks else None
    return Quote(
        bid=bid,
        ask=ask,
        last=book.last_trade_price,
        prices=market.payouts or _prices(bid, ask, book.last_trade_price),
        liquidity=_both_notionals(book.bids) + _both_notionals(book.asks),
    )


def _prices(bid: int | None, ask: int | None, last: int | None) -> tuple[int, int]:
    if bid is not None and ask is not None:
        price = (bid + ask) // 2
    else:
        price = MICROS // 2 if last is None else last
    return price, MICROS - price


def _both_notionals(levels: Sequence[Level]) -> int:
    """Return what levels show in both books: p in one is 1 - p in the other, together a dollar."""
    return sum(level.size for level in levels)


def version(market: Market) -> str:
    """Return Gamma's word for the protocol that settles a market."""
    return "v2" if market.dialect is Dialect.PROTOCOL_V2 else "v1"


def market_row(
    listed: ListedMarket, now_quote: Quote, event: ListedEvent | None = None
) -> dict[str, object]:
    """Write a market; lists of outcomes, prices and token ids are JSON inside a string."""
    market = listed.market
    row = _identity(listed) | _state(market) | _prices_row(now_quote, market) | _trading(market)
    if event is not None:
        row["events"] = [{"id": str(event.event_id), "slug": event.slug, "title": event.title}]
    return row


def _identity(listed: ListedMarket) -> dict[str, object]:
    market = listed.market
    ids: dict[str, object] = {"clobTokenIds": write_json(market.token_ids)}
    if version(market) == "v2":
        ids = {"clobTokenIds": "[]", "positionIds": list(market.token_ids)}
    return {
        "id": str(listed.market_id),
        "version": version(market),
        "conditionId": market.condition_id,
        "slug": market.slug,
        "question": market.question,
        "description": market.question,
        "outcomes": write_json(market.outcomes),
        "tags": [],
        **ids,
    }


def _state(market: Market) -> dict[str, object]:
    is_resolved = market.payouts is not None
    row: dict[str, object] = {
        "active": True,
        "closed": market.closed,
        "archived": False,
        "acceptingOrders": market.accepting_orders,
        "enableOrderBook": True,
        "negRisk": market.neg_risk,
        "startDate": iso_time(market.starts_at),
        "endDate": iso_time(market.ends_at),
        "umaResolutionStatus": "resolved" if is_resolved else "",
    }
    if version(market) == "v2":
        row["resolutionStatus"] = "resolved" if is_resolved else "active"
    if is_resolved:
        row["closedTime"] = iso_time(market.ends_at)
    return row


def _prices_row(now_quote: Quote, market: Market) -> dict[str, object]:
    bid, ask, last = now_quote.bid, now_quote.ask, now_quote.last
    spread = None if bid is None or ask is None else ask - bid
    liquidity, volume = now_quote.liquidity, market.volume
    row: dict[str, object] = {
        "outcomePrices": write_json([decimal_text(price) for price in now_quote.prices]),
        "volume": decimal_text(volume),
        "volumeNum": json_number(volume),
        "volumeClob": json_number(volume),
        "volume24hr": json_number(volume),
        "liquidity": decimal_text(liquidity),
        "liquidityNum": json_number(liquidity),
        "liquidityClob": json_number(liquidity),
    }
    known = {"bestBid": bid, "bestAsk": ask, "lastTradePrice": last, "spread": spread}
    return row | {name: json_number(price) for name, price in known.items() if price is not None}


def _trading(market: Market) -> dict[str, object]:
    return {
        "orderMinSize": json_number(market.min_size),
        "orderPriceMinTickSize": json_number(market.tick_size),
        "secondsDelay": 0,
        "makerBaseFee": BASE_FEE_CAP,
        "takerBaseFee": BASE_FEE_CAP,
        "feesEnabled": market.fee_rate > 0,
        "feeSchedule": {
            "rate": json_number(int(market.fee_rate * MICROS)),
            "exponent": market.fee_exponent,
            "takerOnly": True,
            "rebateRate": 0,
        },
    }


def event_row(event: ListedEvent, quotes: Sequence[Quote]) -> dict[str, object]:
    """Write an event with all of its markets; `quotes` in the order of its markets."""
    markets = [listed.market for listed in event.markets]
    volume = sum(market.volume for market in markets)
    liquidity = sum(now_quote.liquidity for now_quote in quotes)
    return {
        "id": str(event.event_id),
        "version": version(markets[0]),
        "slug": event.slug,
        "ticker": event.slug,
        "title": event.title,
        "description": event.title,
        "active": True,
        "closed": event.is_closed,
        "archived": False,
        "startDate": iso_time(min(market.starts_at for market in markets)),
        "endDate": iso_time(max(market.ends_at for market in markets)),
        "enableOrderBook": True,
        "negRisk": any(market.neg_risk for market in markets),
        "volume": json_number(volume),
        "volume24hr": json_number(volume),
        "liquidity": json_number(liquidity),
        "liquidityClob": json_number(liquidity),
        "tags": [],
        "series": [],
        "markets": [
            market_row(listed, now_quote)
            for listed, now_quote in zip(event.markets, quotes, strict=True)
        ],
    }
