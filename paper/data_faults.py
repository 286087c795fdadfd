"""What the Data API gets wrong on purpose: answers of some time ago, and none at all."""

import itertools

from aiohttp import web

from paper.data_rows import Row
from paper.data_wire import Answer, Route, refused, route
from paper.faults import Fault, Faults, Point
from paper.public_trades import PublicTrades

ERROR, STALE = "error", "stale"
NAMES = (ERROR, STALE)
STATUS = 500
TEXT = "internal server error"


class FailingData:
    """Draws for every request whether it fails or is answered with what was known once.

    Facts of a case are the `path` below /v2, such as `trades`, and the query's parameters.
    """

    def __init__(self, faults: Faults, trades: PublicTrades) -> None:
        self._faults = faults
        self._trades = trades
        self._requests = itertools.count(1)

    def route(self, path: str, answer: Answer) -> Route:
        """Serve an answer, with faults."""

        async def respond(request: web.Request) -> web.Response:
            fault = self._draw(path, request)
            if fault is not None and fault.fault == ERROR:
                return refused(fault.text or TEXT, fault.status or STATUS)
            behind_ms = 0 if fault is None else fault.delay_ms
            return await route(lambda asked: self._answer(answer, asked, behind_ms))(request)

        return respond

    def _draw(self, path: str, request: web.Request) -> Fault | None:
        if not self._faults.concern(Point.DATA_API):
            return None
        facts = {**request.query, "path": path}
        return self._faults.draw(Point.DATA_API, f"request {next(self._requests)}", facts, NAMES)

    def _answer(self, answer: Answer, request: web.Request, behind_ms: int) -> Row:
        self._trades.behind_ms = behind_ms
        try:
            return answer(request)
        finally:
            self._trades.behind_ms = 0
