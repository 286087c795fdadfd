"""The venue's books laid open for audits and tests, under /_paper; production has no such thing."""

from collections.abc import Iterator

from aiohttp import web

from paper.model import OrderRecord, Trade
from paper.notation import decimal_text
from paper.rest import Call, public
from paper.wire import Json


def add_audit_routes(app: web.Application) -> None:
    """Add the audit routes; like everything here they are reachable from this machine only."""
    app.router.add_get("/_paper/orders", public(list_orders))
    app.router.add_get("/_paper/fills", public(list_fills))
    app.router.add_get("/_paper/wallets", public(list_wallets))
    app.router.add_get("/_paper/play", public(get_play))
    app.router.add_post("/_paper/start", public(start_play))


def list_orders(call: Call) -> Json:
    """List every order ever accepted, oldest first."""
    return [_order(record) for record in call.site.venue.orders()]


def list_fills(call: Call) -> Json:
    """List every fill of an order that a client posted, by trade, oldest first."""
    return [row for trade in call.site.venue.trades() for row in _fills(trade)]


def list_wallets(call: Call) -> Json:
    """List every account of the ledger, made-up ones too; over all, each asset sums to zero."""
    return [
        {
            "address": address,
            "cash": decimal_text(cash),
            "tokens": {token: decimal_text(size) for token, size in tokens.items()},
        }
        for address, (cash, tokens) in call.site.venue.wallets().items()
    ]


def get_play(call: Call) -> Json:
    """Tell what is played, how far it has come, and what in it is invented; times in ms."""
    venue = call.site.venue
    play, header = venue.play, venue.tape_header
    row: dict[str, Json] = {"now": venue.now(), "speed": str(venue.speed), "done": venue.is_done}
    if play is not None:
        row |= {
            "play_id": play.play_id,
            "started_at": play.started_at,
            "tape_time": play.tape_at,
            "markets": play.market_limit,
        }
    if header is not None:
        row |= {
            "tape": header.name,
            "tape_starts_at": header.starts_at,
            "tape_ends_at": header.ends_at,
            "attribution": header.attribution,
            "licence": header.licence,
            "invented": list(header.invented),
        }
    return row


def start_play(call: Call) -> Json:
    """Let a held play begin; answers like the audit of the play."""
    call.site.venue.start()
    return get_play(call)


def _order(record: OrderRecord) -> Json:
    order = record.order
    return {
        "order_id": order.order_id,
        "maker": order.maker,
        "token_id": order.token_id,
        "condition_id": record.condition_id,
        "side": order.side.value,
        "price": decimal_text(record.price),
        "size": decimal_text(order.size),
        "matched": decimal_text(record.matched),
        "status": record.status.value,
        "order_type": record.order_type.value,
        "owner": record.owner,
        "posts": record.posts,
        "received_at": record.received_at,
    }


def _fills(trade: Trade) -> Iterator[Json]:
    if trade.owner:
        yield {
            **_of_trade(trade),
            "order_id": trade.taker_order_id,
            "maker": trade.wallet,
            "token_id": trade.token_id,
            "side": trade.side.value,
            "price": decimal_text(trade.price),
            "size": decimal_text(trade.size),
            "cost": decimal_text(trade.cost),
            "fee": decimal_text(trade.fee),
        }
    for maker in trade.makers:
        if maker.owner:
            yield {
                **_of_trade(trade),
                "order_id": maker.order_id,
                "maker": maker.wallet,
                "token_id": maker.token_id,
                "side": maker.side.value,
                "price": decimal_text(maker.price),
                "size": decimal_text(maker.size),
                "cost": decimal_text(maker.size * maker.price // 1_000_000),
                "fee": "0",
                "taker": trade.wallet,  # who met it, and the size of the whole trade
                "trade_size": decimal_text(trade.size),
            }


def _of_trade(trade: Trade) -> dict[str, Json]:
    return {
        "trade_id": trade.trade_id,
        "status": trade.status.value,
        "at": trade.matched_at,
        "transaction_hash": trade.transaction_hash,
    }
