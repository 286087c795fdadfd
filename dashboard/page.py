"""Serves the page: a shell with what is known at the start, and the files that bring it to life."""

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template

from aiohttp import web

from dashboard.board import Identity
from dashboard.errors import NotFoundError

FILES: Mapping[str, str] = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "chart.js": "text/javascript",
    "earnings.js": "text/javascript",
    "risk.js": "text/javascript",
    "halt.js": "text/javascript",
    "rows.js": "text/javascript",
    "tables.js": "text/javascript",
    "words.js": "text/javascript",
    "detail.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
"""What may be fetched, and nothing else: no path from outside ever reaches the file system."""


class Page:
    """The one page and its files, read once at the start."""

    def __init__(self, identity: Identity) -> None:
        shell = Template(_read("page.html").decode())
        self._shell = shell.substitute(mode=escape(identity.mode), profile=escape(identity.profile))
        self._files = {name: _read(name) for name in FILES}

    def add_routes(self, app: web.Application) -> None:
        """Add the page, its files and the icon that browsers ask for unasked."""
        app.router.add_get("/", self._page)
        app.router.add_get("/static/{name}", self._file)
        app.router.add_get("/favicon.ico", self._icon)

    async def _page(self, _request: web.Request) -> web.Response:
        headers = {"Cache-Control": "no-store"}
        return web.Response(text=self._shell, content_type="text/html", headers=headers)

    async def _file(self, request: web.Request) -> web.Response:
        return self._send(request.match_info["name"])

    async def _icon(self, _request: web.Request) -> web.Response:
        return self._send("icon.svg")

    def _send(self, name: str) -> web.Response:
        body = self._files.get(name)
        if body is None:
            raise NotFoundError("nothing is here")
        return web.Response(
            body=body,
            content_type=FILES[name],
            charset="utf-8",
            headers={"Cache-Control": "no-cache"},
        )


def _read(name: str) -> bytes:
    return (files("dashboard") / "static" / name).read_bytes()
