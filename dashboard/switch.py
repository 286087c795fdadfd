"""The kill switch on the page: the one thing here that can be changed, guarded like it."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import web

from dashboard.errors import BadRequestError, ForeignRequestError, json_response
from dashboard.notation import Json, to_json
from storage.guard_port import Kill, KillSource

WHO = "the dashboard"
WHY_MAX = 500
CONFIRMED = "halt"
TOKEN_HEADER = "X-Whalecopy"  # noqa: S105 - a header's name; no other site's page can send it
LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


class Switch(Protocol):
    """Where the switch is kept."""

    async def pull_switch(self, kill: Kill) -> bool:
        """Stop all entries; False when this source holds already."""

    async def release_switch(self, kill: Kill) -> bool:
        """Let go for one source; False when it did not hold."""

    async def list_kills(self) -> Sequence[Kill]:
        """Return who holds the switch."""


class SwitchDesk:
    """Takes the page's POSTs: from this machine, from our own page, confirmed and with a reason.

    A form or another site's script cannot make such a request: it has our own origin, a header
    of ours and a JSON body, which browsers let no foreign page send without asking us first.
    """

    def __init__(self, switch: Switch, clock: Callable[[], datetime]) -> None:
        self._switch = switch
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/api/kills", self._kills)
        app.router.add_post("/api/halt", self._halt)
        app.router.add_post("/api/resume", self._resume)

    async def _kills(self, _request: web.Request) -> web.Response:
        return await self._answer()

    async def _halt(self, request: web.Request) -> web.Response:
        kill = await self._read(request)
        await self._switch.pull_switch(kill)
        return await self._answer()

    async def _resume(self, request: web.Request) -> web.Response:
        await self._switch.release_switch(await self._read(request))
        return await self._answer()

    async def _answer(self) -> web.Response:
        kills = [to_json(kill) for kill in await self._switch.list_kills()]
        return json_response({"is_held": bool(kills), "kills": kills})

    async def _read(self, request: web.Request) -> Kill:
        _check_page(request)
        asked = await _body(request)
        why, closes_all = asked.get("why"), asked.get("close_all", False)
        if asked.get("confirm") != CONFIRMED:
            raise BadRequestError(f"expected confirm {CONFIRMED!r}")
        if not isinstance(why, str) or not why.strip() or len(why) > WHY_MAX:
            raise BadRequestError(f"expected why, 1 to {WHY_MAX} characters")
        if not isinstance(closes_all, bool):
            raise BadRequestError("expected close_all as true or false")
        return Kill(KillSource.DASHBOARD, WHO, why.strip(), self._clock(), closes_all)


def _check_page(request: web.Request) -> None:
    """Refuse what was not asked by our own page in a browser on this machine.

    The border has held `Host` against our names; here `Origin` must be the same.
    """
    if request.remote not in LOOPBACK:
        raise ForeignRequestError("the switch is reached from this machine only")
    origin = urlsplit(request.headers.get("Origin", "")).netloc.lower()
    if origin != request.host.lower() or request.headers.get(TOKEN_HEADER) != "1":
        raise ForeignRequestError("the switch is reached from our own page only")
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise ForeignRequestError("the switch is reached from our own page only")
    if request.content_type != "application/json":
        raise BadRequestError("expected application/json")


async def _body(request: web.Request) -> dict[str, Json]:
    try:
        asked = json.loads(await request.text())
    except (ValueError, RecursionError) as error:
        raise BadRequestError("expected a JSON object") from error
    if not isinstance(asked, dict):
        raise BadRequestError("expected a JSON object")
    return asked
