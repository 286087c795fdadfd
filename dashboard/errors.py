"""What the dashboard refuses, and how a refusal reads."""

from http import HTTPStatus

from aiohttp import web

from dashboard.notation import Json, json_text


class DashboardError(Exception):
    """A request that is answered with an error."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


class BadRequestError(DashboardError):
    """The question was not understood; the message says what was expected and received."""

    status = HTTPStatus.BAD_REQUEST


class ForeignRequestError(DashboardError):
    """The request was made by another site's page, or for another host's name."""

    status = HTTPStatus.FORBIDDEN


class NotFoundError(DashboardError):
    """There is no such thing."""

    status = HTTPStatus.NOT_FOUND


class TooLargeError(DashboardError):
    """The request carries more than any question needs."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class TooManyWatchersError(DashboardError):
    """As many event streams are open as we serve."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


def error_response(status: int, message: str) -> web.Response:
    """Answer with an error: `error` is the status in words, `message` is for people."""
    return json_response({"error": _word(status), "message": message}, status=status)


def json_response(thing: Json, status: int = HTTPStatus.OK) -> web.Response:
    """Answer with JSON that nobody keeps."""
    headers = {"Cache-Control": "no-store"}
    return web.Response(
        text=json_text(thing), status=status, content_type="application/json", headers=headers
    )


def _word(status: int) -> str:
    return HTTPStatus(status).phrase.lower().replace(" ", "_")
