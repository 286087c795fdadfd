"""Logs and metrics, set up once per process by its composition root."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from structlog.tracebacks import ExceptionDictTransformer

from scrubbing import SCRUBBER, scrub_crashes


def set_up_logging(process: str, *, as_json: bool) -> None:
    """Send structlog and the standard library's records to stderr, scrubbed, one line each.

    What a process dies of is told there too, without its local variables.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
        if as_json
        else structlog.processors.format_exc_info,
        scrub,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ScrubbedLines(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.getLogger("temporalio").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    scrub_crashes()


class ScrubbedLines(structlog.stdlib.ProcessorFormatter):
    """Scrubs a line once more when it is whole: a renderer may have spelled out an object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line that is written."""
        return SCRUBBER.scrub_text(super().format(record))


def scrub(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Take secrets out of the fields of an event."""
    for name, field in event.items():
        if not name.startswith("_"):  # structlog's own
            event[name] = SCRUBBER.scrub_field(name, field)
    return event


async def serve_metrics(registry: CollectorRegistry, host: str, port: int) -> web.AppRunner:
    """Serve /metrics, /healthz and /readyz on loopback; port 0 takes a free one."""
    app = web.Application()

    async def show_metrics(_request: web.Request) -> web.Response:
        headers = {"Content-Type": CONTENT_TYPE_LATEST}
        return web.Response(body=generate_latest(registry), headers=headers)

    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/healthz", _fine)
    app.router.add_get("/readyz", _fine)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


async def _fine(_request: web.Request) -> web.Response:
    return web.json_response({"ok": True})
