"""The relayer, as far as a client needs it to start: every wallet counts as deployed."""

from aiohttp import web

REFUSAL = "the local venue relays no transactions; it trades, settles and redeems by itself"


def add_relayer_routes(app: web.Application, prefix: str) -> None:
    """Add the relayer's routes below a prefix."""
    app.router.add_get(f"{prefix}/deployed", _deployed)
    app.router.add_route("*", f"{prefix}/{{rest:.*}}", _refuse)


async def _deployed(request: web.Request) -> web.Response:
    if not request.query.get("address"):
        return web.json_response({"error": "address is required"}, status=400)
    return web.json_response({"deployed": True})


async def _refuse(request: web.Request) -> web.Response:
    path = request.match_info["rest"]
    return web.json_response({"error": f"{request.method} /{path}: {REFUSAL}"}, status=501)
