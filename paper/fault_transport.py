"""Strikes requests on their way in and answers on their way out."""

from aiohttp import web

from paper.fault_answers import garbled, refusal_of
from paper.fault_cases import Case, Cases, point_of
from paper.fault_modes import Modes, Refusal
from paper.fault_names import MODES
from paper.faults import Fault, Point
from paper.rest import FAULT, SITE, Handler, Site, answer

_MODED = (Point.POST_ORDER, Point.CANCEL)


class Transport:
    """Decides what becomes of a request to the CLOB while a plan of faults is in force."""

    def __init__(self, site: Site) -> None:
        self._venue = site.venue
        self._faults = site.venue.faults
        self._modes = Modes(self._faults)
        self._cases = Cases(site)

    async def serve(
        self, request: web.Request, handler: Handler, point: Point
    ) -> web.StreamResponse:
        """Answer a request, or break it."""
        is_moded = point in _MODED and self._modes.is_on(self._venue.now())
        if not is_moded and not self._faults.concern(point):
            return await handler(request)
        case = await self._cases.of(request, point)
        if case is None:
            return await handler(request)
        # A mode may have begun or ended while the request was read.
        refusal = self._modes.refusal(case.asking, self._venue.now()) if point in _MODED else None
        if refusal is not None:
            return _refuse(refusal)
        fault = self._faults.draw(point, case.key, case.facts)
        return await (
            handler(request) if fault is None else self._strike(request, handler, fault, case)
        )

    async def _strike(
        self, request: web.Request, handler: Handler, fault: Fault, case: Case
    ) -> web.StreamResponse:
        if fault.fault in MODES:
            return _refuse(self._modes.begin(fault, self._venue.now()))
        refusal = refusal_of(fault, case.facts)
        if fault.fault in ("hang", "hang_before"):
            await self._faults.outlast(fault.delay_ms)
        if fault.fault in ("hang", "hang_before", "drop_before"):
            return _hang_up(request)
        if refusal is not None and fault.fault != "error_after":
            return _refuse(refusal)
        request[FAULT] = fault
        response = await handler(request)
        if fault.fault == "hang_after":
            await self._faults.outlast(fault.delay_ms)
        if fault.fault in ("hang_after", "drop_after", "late_booking"):
            return _hang_up(request)
        return _refuse(refusal) if refusal is not None else _garble(response, fault, case.key)


TRANSPORT = web.AppKey("transport", Transport)


@web.middleware
async def struck_calls(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the plan of faults have its way with requests to the CLOB."""
    point = point_of(request)
    if point is None:
        return await handler(request)
    return await request.app[TRANSPORT].serve(request, handler, point)


def add_transport(app: web.Application) -> None:
    """Make requests of an application breakable; its site has to be there."""
    app[TRANSPORT] = Transport(app[SITE])


def _refuse(refusal: Refusal) -> web.Response:
    response = answer(refusal.body, refusal.status)
    response.headers.update(refusal.headers)
    return response


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)  # never sent: the connection is gone


def _garble(response: web.StreamResponse, fault: Fault, key: str) -> web.StreamResponse:
    if response.status != 200 or not isinstance(response, web.Response):
        return response
    body = response.body
    assert isinstance(body, bytes)
    changed = garbled(fault, body, key)
    if changed is body:
        return response
    return web.Response(body=changed, content_type="application/json")
