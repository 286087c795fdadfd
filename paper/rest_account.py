"""CLOB routes about an account: its API keys, orders, trades, balances and notices."""

from collections.abc import Sequence
from typing import TypeVar

from aiohttp import web

from paper.auth import INVALID_KEY, ApiKey
from paper.fault_actions import blocked_place, is_closed_only, lacks_allowance
from paper.model import Dialect, OrderRefusedError, OrderStatus, OrderType, Trade
from paper.rest import Call, keyed, login, public
from paper.rows import order_row, page_row, trade_row
from paper.signing import exchange_for
from paper.wire import (
    END_CURSOR,
    Json,
    ReadonlyKeyIn,
    cursor_for,
    parse_body,
    parse_cursor,
    parse_json,
    parse_order_ids,
    parse_seconds,
)

PAGE = 100
_UNLIMITED = str((1 << 256) - 1)
_RESTING = (OrderStatus.LIVE, OrderStatus.DELAYED)
_AT_ONCE = (OrderType.FOK, OrderType.FAK)

Item = TypeVar("Item")


def add_account_routes(app: web.Application) -> None:
    """Add the routes of an account."""
    app.router.add_post("/auth/api-key", login(create_key))
    app.router.add_get("/auth/derive-api-key", login(derive_key))
    app.router.add_get("/auth/api-keys", keyed(list_keys))
    app.router.add_delete("/auth/api-key", keyed(delete_key))
    app.router.add_post("/auth/readonly-api-key", keyed(create_readonly_key))
    app.router.add_get("/auth/readonly-api-keys", keyed(list_readonly_keys))
    app.router.add_delete("/auth/readonly-api-key", keyed(delete_readonly_key))
    app.router.add_get("/auth/validate-readonly-api-key", public(validate_readonly_key))
    app.router.add_get("/auth/ban-status/closed-only", keyed(closed_only))
    app.router.add_get("/data/order/{order_id}", keyed(get_order))
    app.router.add_get("/data/orders", keyed(list_orders))
    app.router.add_get("/data/trades", keyed(list_trades))
    app.router.add_get("/balance-allowance", keyed(get_balance))
    app.router.add_get("/balance-allowance/update", keyed(update_balance))
    app.router.add_get("/notifications", keyed(list_notices))
    app.router.add_delete("/notifications", keyed(drop_notices))
    app.router.add_get("/order-scoring", keyed(is_scoring))
    app.router.add_post("/orders-scoring", keyed(are_scoring))
    app.router.add_get("/v1/user/rate-limit-tier", keyed(rate_limit_tier))
    app.router.add_get("/api/geoblock", public(geoblock))


def create_key(call: Call, address: str, nonce: int) -> Json:
    """Make an API key, unless this wallet and nonce have one."""
    key = call.site.keys.create(address, nonce)
    call.site.accounts.welcome(address)
    return _key_row(key)


def derive_key(call: Call, address: str, nonce: int) -> Json:
    """Return the API key of this wallet and nonce; a first derivation makes it here."""
    key = call.site.keys.derive(address, nonce)
    call.site.accounts.welcome(address)
    return _key_row(key)


def list_keys(call: Call, key: ApiKey) -> Json:
    """List the ids of the wallet's keys."""
    return {"apiKeys": [each.key for each in call.site.keys.of_wallet(key.wallet)]}


def delete_key(call: Call, key: ApiKey) -> Json:
    """Forget the key that signs this request."""
    call.site.keys.delete(key)
    return "OK"


def create_readonly_key(call: Call, key: ApiKey) -> Json:
    """Make a read-only key."""
    return {"apiKey": call.site.keys.create_readonly(key.wallet)}


def list_readonly_keys(call: Call, key: ApiKey) -> Json:
    """List the wallet's read-only keys."""
    return call.site.keys.readonly_of(key.wallet)


def delete_readonly_key(call: Call, key: ApiKey) -> Json:
    """Forget a read-only key; tell whether there was one."""
    complaint = "Invalid payload"
    body = parse_body(ReadonlyKeyIn, parse_json(call.body, complaint), complaint)
    return call.site.keys.delete_readonly(key.wallet, body.key)


def validate_readonly_key(call: Call) -> Json:
    """Tell, without credentials, whether a read-only key belongs to an address."""
    address = call.query.get("address", "").lower()
    keys = call.site.keys
    if not any(
        key.wallet.lower() == address and call.query.get("key") in keys.readonly_of(key.wallet)
        for key in keys.all()
    ):
        raise OrderRefusedError(401, INVALID_KEY)
    return "OK"


def closed_only(call: Call, key: ApiKey) -> Json:
    """Tell whether the account may only close positions; it may not unless a plan says so."""
    return {"closed_only": is_closed_only(call.site.venue.faults, key.wallet)}


def get_order(call: Call, key: ApiKey) -> Json:
    """Return one of the key's orders, or null.

    Source: orders that never rested (FOK, FAK) are not found once they are through, resting ones
    keep their last status and matched size.
    """
    record = call.look.order(call.path["order_id"])
    if record is None or record.owner != key.key:
        return None
    if record.order_type in _AT_ONCE and record.status not in _RESTING:
        return None
    return order_row(record)


def list_orders(call: Call, key: ApiKey) -> Json:
    """List the key's open orders, oldest first."""
    wanted = {name: call.query.get(name, "") for name in ("id", "market", "asset_id")}
    records = [
        record
        for record in call.look.orders()
        if record.owner == key.key
        and record.status in _RESTING
        and wanted["id"] in ("", record.order.order_id)
        and wanted["market"] in ("", record.condition_id)
        and wanted["asset_id"] in ("", record.order.token_id)
    ]
    page, next_cursor = one_page(records, call.query.get("next_cursor"), PAGE)
    return page_row(map(order_row, page), limit=PAGE, next_cursor=next_cursor)


def list_trades(call: Call, key: ApiKey) -> Json:
    """List the key's trades as taker and as maker, newest first."""
    after = parse_seconds(call.query.get("after"), "Invalid after")
    before = parse_seconds(call.query.get("before"), "Invalid before")
    trades = [
        trade
        for trade in reversed(call.look.trades_of(key.key))
        if _is_wanted(trade, call)
        and (after is None or trade.matched_at // 1000 >= after)
        and (before is None or trade.matched_at // 1000 <= before)
    ]
    page, next_cursor = one_page(trades, call.query.get("next_cursor"), PAGE)
    rows = (trade_row(trade, key.key) for trade in page)
    return page_row(rows, limit=PAGE, next_cursor=next_cursor)


def get_balance(call: Call, key: ApiKey) -> Json:
    """Return a settled balance and the allowances, in base units (micros)."""
    wallet = call.site.accounts.trading_wallet(key.wallet, _signature_type(call))
    token_id = _token_of_balance(call)
    exchanges = {
        exchange_for(dialect, neg_risk=neg_risk).address
        for dialect in Dialect
        for neg_risk in (False, True)
        if (dialect is Dialect.V1) is call.site.settings.v1_dialect
    }
    allowance = "0" if lacks_allowance(call.site.venue.faults, wallet) else _UNLIMITED
    return {
        "balance": str(call.look.balance(wallet, token_id)),
        "allowances": dict.fromkeys(sorted(exchanges), allowance),
    }


def update_balance(call: Call, key: ApiKey) -> Json:
    """Read the balance again, as production's cache has to be told to; here it is never stale."""
    call.site.accounts.trading_wallet(key.wallet, _signature_type(call))
    return "OK"


def list_notices(_call: Call, _key: ApiKey) -> Json:
    """Return no notifications: this venue writes none."""
    return []


def drop_notices(_call: Call, _key: ApiKey) -> Json:
    """Drop notifications."""
    return "OK"


def is_scoring(_call: Call, _key: ApiKey) -> Json:
    """Tell that no order earns liquidity rewards here."""
    return {"scoring": False}


def are_scoring(call: Call, _key: ApiKey) -> Json:
    """Tell the same of several orders."""
    return dict.fromkeys(parse_order_ids(call.body), False)


def rate_limit_tier(_call: Call, _key: ApiKey) -> Json:
    """Return the limits that production publishes for new accounts; they are not enforced here."""
    return {"tier": "Standard", "orders_per_second": 40, "burst": 60, "cancels_per_second": 80}


def geoblock(call: Call) -> Json:
    """Tell that nobody is blocked unless a plan says so; ZZ is the code for no country."""
    country = blocked_place(call.site.venue.faults)
    told = {"ip": "127.0.0.1", "country": country or "ZZ", "region": ""}
    return {"blocked": bool(country), **told}


def one_page(items: Sequence[Item], cursor: str | None, size: int) -> tuple[Sequence[Item], str]:
    """Return the page that a cursor starts, and the cursor of the next."""
    start = parse_cursor(cursor)
    end = start + size
    return items[start:end], cursor_for(end) if end < len(items) else END_CURSOR


def _key_row(key: ApiKey) -> Json:
    return {"apiKey": key.key, "secret": key.secret, "passphrase": key.passphrase}


def _is_wanted(trade: Trade, call: Call) -> bool:
    address = call.query.get("maker_address", "").lower()
    wallets = {trade.wallet.lower(), *(maker.wallet.lower() for maker in trade.makers)}
    return (
        call.query.get("id", "") in ("", trade.trade_id)
        and call.query.get("market", "") in ("", trade.condition_id)
        and call.query.get("asset_id", "") in ("", trade.token_id)
        and (not address or address in wallets)
    )


def _signature_type(call: Call) -> int:
    text = call.query.get("signature_type", "0")
    if text not in ("0", "1", "2", "3"):
        raise OrderRefusedError(400, "Invalid signature type")
    return int(text)


def _token_of_balance(call: Call) -> str | None:
    match call.query.get("asset_type", "COLLATERAL"):
        case "COLLATERAL":
            return None
        case "CONDITIONAL" | "CONDITIONAL-V2":
            return call.required("token_id", "Invalid token id")
        case _:
            raise OrderRefusedError(400, "Invalid asset type")
