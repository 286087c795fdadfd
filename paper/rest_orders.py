"""CLOB routes that post and cancel orders."""

import structlog
from aiohttp import web

from paper.auth import ApiKey
from paper.heartbeats import open_order_ids
from paper.model import OrderRefusedError, OrderStatus
from paper.rest import Call, keyed
from paper.rows import refused_row, submitted_row
from paper.venue import SubmitResult
from paper.wire import (
    VERSION_MISMATCH,
    CancelIn,
    CancelMarketIn,
    HeartbeatIn,
    Json,
    parse_body,
    parse_json,
    parse_order_ids,
    parse_order_list,
)

_INVALID = "Invalid payload"

_log = structlog.get_logger(__name__)


def add_order_routes(app: web.Application) -> None:
    """Add the routes that change orders, each for its API key alone."""
    app.router.add_post("/order", keyed(post_order))
    app.router.add_post("/orders", keyed(post_orders))
    app.router.add_delete("/order", keyed(cancel_order))
    app.router.add_delete("/orders", keyed(cancel_orders))
    app.router.add_delete("/cancel-all", keyed(cancel_all))
    app.router.add_delete("/cancel-market-orders", keyed(cancel_market_orders))
    app.router.add_post("/v1/heartbeats", keyed(beat))
    app.router.add_post("/heartbeats", keyed(beat))


def post_order(call: Call, key: ApiKey) -> Json:
    """Take one order."""
    return submitted_row(_submit(call, parse_json(call.body), key))


def post_orders(call: Call, key: ApiKey) -> Json:
    """Take up to fifteen orders, each refused alone; another generation refuses all of them."""
    return [_leg(call, body, key) for body in parse_order_list(call.body)]


def cancel_order(call: Call, key: ApiKey) -> Json:
    """Cancel one order."""
    body = parse_body(CancelIn, parse_json(call.body, _INVALID), _INVALID)
    return _cancel(call, [body.order_id], key)


def cancel_orders(call: Call, key: ApiKey) -> Json:
    """Cancel orders by id."""
    return _cancel(call, parse_order_ids(call.body), key)


def cancel_all(call: Call, key: ApiKey) -> Json:
    """Cancel every open order of the key."""
    return _cancel(call, open_order_ids(call.site.venue, key.key), key)


def cancel_market_orders(call: Call, key: ApiKey) -> Json:
    """Cancel the key's open orders of one market, of one token, or of one token in one market."""
    wanted = parse_body(CancelMarketIn, parse_json(call.body, _INVALID), _INVALID)
    if not wanted.market and not wanted.asset_id:
        raise OrderRefusedError(400, _INVALID)
    ids = [
        record.order.order_id
        for record in call.site.venue.orders()
        if record.owner == key.key
        and record.status is OrderStatus.LIVE
        and wanted.market in ("", record.condition_id)
        and wanted.asset_id in ("", record.order.token_id)
    ]
    return _cancel(call, ids, key)


def beat(call: Call, key: ApiKey) -> Json:
    """Take a heartbeat and answer with the id that the next one has to name."""
    body = parse_body(HeartbeatIn, parse_json(call.body, _INVALID), _INVALID)
    return {"heartbeat_id": call.site.heartbeats.beat(key.key, body.heartbeat_id or "")}


def _submit(call: Call, body: Json, key: ApiKey) -> SubmitResult:
    posting = call.site.intake.admit(body, key)
    result = call.site.venue.submit(
        posting.order,
        posting.order_type,
        owner=key.key,
        post_only=posting.post_only,
        fate=call.fault,
    )
    _log.info("order_accepted", order_id=result.order_id, status=result.status)
    return result


def _leg(call: Call, body: Json, key: ApiKey) -> Json:
    try:
        return submitted_row(_submit(call, body, key))
    except OrderRefusedError as error:
        if error.status != 400 or str(error) == VERSION_MISMATCH:
            raise
        return refused_row(str(error))


def _cancel(call: Call, order_ids: list[str], key: ApiKey) -> Json:
    canceled, reasons = call.site.venue.cancel(order_ids, key.key, call.fault)
    return {"canceled": canceled, "not_canceled": reasons}
