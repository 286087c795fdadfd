"""Tells one request from another: where it goes, what it is about, how often it came before."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from paper.fault_match import facts_of
from paper.fault_modes import Asking
from paper.faults import Point
from paper.model import OrderRefusedError
from paper.rest import Site
from paper.wire import CancelIn, Json, parse_body, parse_json

SEEN_MAX = 100_000  # reads, that is; posts are counted for ever, like the orders themselves

POINTS: Mapping[tuple[str, str], Point] = {
    ("POST", "/order"): Point.POST_ORDER,
    ("POST", "/orders"): Point.POST_ORDER,
    ("DELETE", "/order"): Point.CANCEL,
    ("DELETE", "/orders"): Point.CANCEL,
    ("DELETE", "/cancel-all"): Point.CANCEL,
    ("DELETE", "/cancel-market-orders"): Point.CANCEL,
    ("GET", "/data/order/{order_id}"): Point.READ_ORDER,
    ("GET", "/data/orders"): Point.READ_ORDER,
    ("GET", "/data/trades"): Point.READ_TRADES,
    ("GET", "/balance-allowance"): Point.READ_BALANCE,
    ("GET", "/book"): Point.READ_BOOK,
    ("POST", "/books"): Point.READ_BOOK,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One request as the dice see it."""

    point: Point
    key: str
    facts: Mapping[str, str]
    asking: Asking


def point_of(request: web.Request) -> Point | None:
    """Return the point at which a request can be struck."""
    resource = request.match_info.route.resource
    return None if resource is None else POINTS.get((request.method, resource.canonical))


class Cases:
    """Makes cases of requests, and counts the attempts that were made before."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._posts: dict[str, int] = {}
        self._seen: dict[str, int] = {}

    async def of(self, request: web.Request, point: Point) -> Case | None:
        """Return the case of a request; None for a post that is no order."""
        body = await request.read()
        if point is Point.POST_ORDER:
            return self._post(body)
        facts, name = self._about(request, body, point)
        if len(self._seen) > SEEN_MAX:
            self._seen.clear()
        return self._case(point, f"{point}/{name}", facts, self._seen)

    def _post(self, body: bytes) -> Case | None:
        try:
            first, is_post_only = _first_order(parse_json(body))
            described = self._site.intake.describe(first)
        except OrderRefusedError:
            return None
        order_id = described.order_id
        known = self._site.venue.order(order_id)
        if known is not None:
            self._posts[order_id] = max(self._posts.get(order_id, 0), known.posts)
        facts = {
            "token_id": described.token_id,
            "side": described.side.value,
            "order_type": described.order_type.value,
            "maker": described.maker,
        }
        case = self._case(Point.POST_ORDER, order_id, facts, self._posts)
        return Case(
            case.point, case.key, case.facts, Asking(is_cancel=False, is_post_only=is_post_only)
        )

    def _about(self, request: web.Request, body: bytes, point: Point) -> tuple[dict[str, str], str]:
        order_id = request.match_info.get("order_id") or _cancelled_id(body, point)
        if order_id:
            record = self._site.venue.order(order_id)
            return ({} if record is None else facts_of(record)), order_id
        facts = {
            "token_id": request.query.get("token_id") or request.query.get("asset_id", ""),
            "maker": request.query.get("maker_address", ""),
        }
        name = f"{request.headers.get('POLY_API_KEY', '')}{request.path}{facts['token_id']}"
        return facts, name

    def _case(self, point: Point, key: str, facts: dict[str, str], seen: dict[str, int]) -> Case:
        attempt = seen.get(key, 0)
        seen[key] = attempt + 1
        asking = Asking(is_cancel=point is Point.CANCEL)
        return Case(point, f"{key}/{attempt}", {**facts, "attempt": str(attempt)}, asking)


def _first_order(body: Json) -> tuple[Json, bool]:
    posts = body if isinstance(body, list) else [body]
    if not posts:
        raise OrderRefusedError(400, "expected an order")
    is_post_only = all(isinstance(post, dict) and post.get("postOnly") is True for post in posts)
    return posts[0], is_post_only


def _cancelled_id(body: bytes, point: Point) -> str:
    if point is not Point.CANCEL:
        return ""
    try:
        return parse_body(CancelIn, json.loads(body)).order_id
    except (OrderRefusedError, ValueError):
        return ""
