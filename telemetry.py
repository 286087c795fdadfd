"""Logs and metrics, set up once per process by its composition root."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from structlog.tracebacks import ExceptionDictTransformer

_SECRET = re.compile(r"\b(?:0x)?[0-9a-fA-F]{64}\b")
_PUBLIC_KEYS = frozenset(
    {"order_hash", "condition_id", "transaction_hash", "signal_id", "intent_id", "position_id"}
)
REDACTED = "[redacted]"
KEY_BYTES = 32


def set_up_logging(process: str, *, as_json: bool) -> None:
    """Send structlog and the standard library's records to stderr, scrubbed, one line each."""
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
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
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


def scrub(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace what looks like a private key, except in fields that name public hashes."""
    for key, field in event.items():
        if key not in _PUBLIC_KEYS:
            event[key] = _scrubbed(field)
    return event


def _scrubbed(field: object) -> object:
    match field:
        case str():
            return _SECRET.sub(REDACTED, field)
        case bytes():
            return _SECRET.sub(REDACTED, field.hex()) if len(field) == KEY_BYTES else repr(field)
        case BaseException():
            return _SECRET.sub(REDACTED, f"{type(field).__name__}: {field}")
        case dict():
            return {key: _scrubbed(each) for key, each in field.items()}
        case list() | tuple():
            return [_scrubbed(each) for each in field]
        case _:
            return field


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
