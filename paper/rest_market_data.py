"""CLOB routes about markets, books and prices; they ask for no credentials."""

from aiohttp import web

from paper.model import MICROS, Book, Market, OrderRefusedError
from paper.notation import decimal_text, json_number
from paper.rest import Call, public
from paper.rest_account import one_page
from paper.rows import (
    LEGACY_FEE_CAP_BPS,
    book_row,
    clob_market_row,
    market_row,
    page_row,
    simplified_market_row,
)
from paper.venue import Venue
from paper.wire import Json, TokenIn, parse_seconds, parse_tokens

MARKET_PAGE = 500
_TRADES_READ = 5_000
_NO_BOOK = "No orderbook exists for the requested token id"
_INVALID_TOKEN = "Invalid token id"  # noqa: S105  (a message, not a secret)
_INTERVALS_S = {"1h": 3600, "6h": 21_600, "1d": 86_400, "1w": 604_800, "1m": 2_592_000}


def add_market_data_routes(app: web.Application) -> None:
    """Add the public routes."""
    for path, handler in {
        "/": ok,
        "/ok": ok,
        "/time": server_time,
        "/version": version,
        "/tick-size": tick_size,
        "/neg-risk": neg_risk,
        "/fee-rate": fee_rate,
        "/book": get_book,
        "/price": get_price,
        "/midpoint": get_midpoint,
        "/spread": get_spread,
        "/last-trade-price": get_last_trade,
        "/prices-history": price_history,
        "/markets": list_markets,
        "/markets/{condition_id}": get_market,
        "/simplified-markets": list_simplified,
        "/sampling-markets": list_sampling,
        "/sampling-simplified-markets": list_sampling_simplified,
        "/clob-markets/{condition_id}": get_clob_market,
        "/markets-by-token/{token_id}": get_market_by_token,
    }.items():
        app.router.add_get(path, public(handler))
    for path, handler in {
        "/books": get_books,
        "/prices": get_prices,
        "/midpoints": get_midpoints,
        "/spreads": get_spreads,
        "/last-trades-prices": get_last_trades,
    }.items():
        app.router.add_post(path, public(handler))


def ok(_call: Call) -> Json:
    """Tell that the venue is up."""
    return "OK"


def server_time(call: Call) -> Json:
    """Return the Unix time in seconds."""
    return call.site.venue.now() // 1000


def version(call: Call) -> Json:
    """Return the generation of orders that is taken."""
    return {"version": 1 if call.site.settings.v1_dialect else 2}


def tick_size(call: Call) -> Json:
    """Return a token's tick size."""
    return {"minimum_tick_size": json_number(_market(call).tick_size)}


def neg_risk(call: Call) -> Json:
    """Tell whether a token's market is a neg-risk one."""
    return {"neg_risk": _market(call).neg_risk}


def fee_rate(call: Call) -> Json:
    """Return the legacy cap that production still names here; it is not the taker fee."""
    _market(call)
    return {"base_fee": LEGACY_FEE_CAP_BPS}


def get_book(call: Call) -> Json:
    """Return one book."""
    return book_row(_book(call), _market(call))


def get_books(call: Call) -> Json:
    """Return the books of several tokens; unknown ones are left out."""
    venue = call.site.venue
    rows: list[Json] = []
    for token_id in _token_ids(call):
        book, market = call.look.book(token_id), venue.market_of(token_id)
        if book is not None and market is not None:
            rows.append(book_row(book, market))
    return rows


def get_price(call: Call) -> Json:
    """Return the best bid for BUY and the best ask for SELL, as production defines them."""
    side = call.required("side", "Invalid side").upper()
    if side not in ("BUY", "SELL"):
        raise OrderRefusedError(400, "Invalid side")
    return {"price": decimal_text(_side_price(_book(call), side))}


def get_prices(call: Call) -> Json:
    """Return prices by token and side; a line without a side asks for both."""
    prices: dict[str, dict[str, Json]] = {}
    for line, book in _known_books(call):
        for side in (line.side,) if line.side else ("BUY", "SELL"):
            prices.setdefault(line.token_id, {})[side] = decimal_text(_side_price(book, side))
    return prices


def get_midpoint(call: Call) -> Json:
    """Return a mid-price."""
    return {"mid": decimal_text(midpoint(_book(call)))}


def get_midpoints(call: Call) -> Json:
    """Return mid-prices by token."""
    return {line.token_id: decimal_text(midpoint(book)) for line, book in _known_books(call)}


def get_spread(call: Call) -> Json:
    """Return a spread."""
    return {"spread": decimal_text(_spread(_book(call)))}


def get_spreads(call: Call) -> Json:
    """Return spreads by token."""
    return {line.token_id: decimal_text(_spread(book)) for line, book in _known_books(call)}


def get_last_trade(call: Call) -> Json:
    """Return the last trade's price and taker side; 0.5 and no side before the first."""
    return _last_trade(call.site.venue, _book(call))


def get_last_trades(call: Call) -> Json:
    """Return the last trades of several tokens; those without one are left out."""
    rows: list[Json] = []
    for line, book in _known_books(call):
        last = _last_trade(call.site.venue, book)
        if last["side"]:
            rows.append({"token_id": line.token_id, **last})
    return rows


def price_history(call: Call) -> Json:
    """Return past mid-prices: `interval`, or `startTs` and `endTs`; `fidelity` in minutes."""
    token_id = call.required("market", _INVALID_TOKEN)
    if call.site.venue.market_of(token_id) is None:
        raise OrderRefusedError(404, _NO_BOOK)
    start, end = _window(call)
    step = 60 * (parse_seconds(call.query.get("fidelity"), "Invalid fidelity") or 0) or 1
    buckets = {
        at // step: (at, price)
        for at, price in call.site.venue.price_history(token_id)
        if start <= at <= end
    }
    return {"history": [{"t": at, "p": json_number(price)} for at, price in buckets.values()]}


def list_markets(call: Call) -> Json:
    """List every market."""
    return _market_page(call, sampling=False, simplified=False)


def list_simplified(call: Call) -> Json:
    """List every market, briefly."""
    return _market_page(call, sampling=False, simplified=True)


def list_sampling(call: Call) -> Json:
    """List the markets that take orders."""
    return _market_page(call, sampling=True, simplified=False)


def list_sampling_simplified(call: Call) -> Json:
    """List the markets that take orders, briefly."""
    return _market_page(call, sampling=True, simplified=True)


def get_market(call: Call) -> Json:
    """Return one market."""
    market = _market_by_condition(call)
    return market_row(market, _prices(call.site.venue, market))


def get_clob_market(call: Call) -> Json:
    """Return what an order builder needs to know of a market."""
    return clob_market_row(_market_by_condition(call))


def get_market_by_token(call: Call) -> Json:
    """Return the condition id that a token belongs to."""
    market = call.site.venue.market_of(call.path["token_id"])
    if market is None:
        raise OrderRefusedError(404, "market not found")
    first, second = market.token_ids
    return {
        "condition_id": market.condition_id,
        "primary_token_id": first,
        "secondary_token_id": second,
    }


def midpoint(book: Book) -> int:
    """Return the middle between the best prices in micros; an empty side counts as 0 or 1."""
    return (_side_price(book, "BUY") + _side_price(book, "SELL")) // 2


def _spread(book: Book) -> int:
    return _side_price(book, "SELL") - _side_price(book, "BUY")


def _side_price(book: Book, side: str) -> int:
    if side == "BUY":
        return book.bids[0].price if book.bids else 0
    return book.asks[0].price if book.asks else MICROS


def _last_trade(venue: Venue, book: Book) -> dict[str, Json]:
    for trade in venue.trades()[: -_TRADES_READ - 1 : -1]:
        if trade.token_id == book.token_id:
            return {"price": decimal_text(trade.price), "side": trade.side.value}
    return {"price": "0.5", "side": ""}


def _window(call: Call) -> tuple[int, int]:
    now = call.site.venue.now() // 1000
    interval = call.query.get("interval")
    if interval is not None and interval != "max":
        if interval not in _INTERVALS_S:
            raise OrderRefusedError(400, "Invalid interval")
        return now - _INTERVALS_S[interval], now
    start = parse_seconds(call.query.get("startTs"), "Invalid startTs")
    end = parse_seconds(call.query.get("endTs"), "Invalid endTs")
    return start or 0, end if end is not None else now


def _market_page(call: Call, *, sampling: bool, simplified: bool) -> Json:
    venue = call.site.venue
    markets = [m for m in venue.markets() if not sampling or (m.accepting_orders and not m.closed)]
    page, next_cursor = one_page(markets, call.query.get("next_cursor"), MARKET_PAGE)
    write = simplified_market_row if simplified else market_row
    rows = (write(market, _prices(venue, market)) for market in page)
    return page_row(rows, limit=MARKET_PAGE, next_cursor=next_cursor)


def _prices(venue: Venue, market: Market) -> tuple[int, int]:
    if market.payouts is not None:
        return market.payouts
    book = venue.book(market.token_ids[0])
    first = MICROS // 2 if book is None else midpoint(book)
    return first, MICROS - first


def _market_by_condition(call: Call) -> Market:
    market = call.site.venue.market(call.path["condition_id"])
    if market is None:
        raise OrderRefusedError(404, "market not found")
    return market


def _market(call: Call) -> Market:
    market = call.site.venue.market_of(call.required("token_id", _INVALID_TOKEN))
    if market is None:
        raise OrderRefusedError(404, "market not found")
    return market


def _book(call: Call) -> Book:
    book = call.look.book(call.required("token_id", _INVALID_TOKEN))
    if book is None:
        raise OrderRefusedError(404, _NO_BOOK)
    return book


def _token_ids(call: Call) -> list[str]:
    return [line.token_id for line in parse_tokens(call.body)]


def _known_books(call: Call) -> list[tuple[TokenIn, Book]]:
    venue = call.site.venue
    found = ((line, venue.book(line.token_id)) for line in parse_tokens(call.body))
    return [(line, book) for line, book in found if book is not None]
