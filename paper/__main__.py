"""Runs the local venue as a process of its own: `python -m paper`."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import structlog
from aiohttp import web

from paper.fault_actions import ActionError
from paper.fault_wire import PlanError, parse_plan
from paper.faults import FaultPlan
from paper.mirror import Mirror
from paper.options import Options, parse_options
from paper.server import HOST, addresses, build_app
from paper.store import StoreError
from paper.tape import TapeError, open_tape
from paper.upstream import Upstream
from paper.venue import Venue

_SHUTDOWN_S = 2.0

_log = structlog.get_logger(__name__)


class PortError(Exception):
    """The port cannot be had."""


def main() -> int:
    """Serve until told to stop; return the exit status, 1 for anything that prevents it."""
    options = parse_options(sys.argv[1:])
    _log_to_stderr()
    try:
        asyncio.run(_run(options, _plan(options.faults)))
    except (PlanError, ActionError) as error:
        return _fail(f"--faults {options.faults}: {error}")
    except (TapeError, StoreError, PortError) as error:
        return _fail(str(error))
    return 0


def _plan(path: Path | None) -> FaultPlan:
    if path is None:
        return FaultPlan()
    try:
        return parse_plan(path.read_bytes())
    except OSError as error:
        raise PlanError(str(error.strerror)) from error


async def _run(options: Options, plan: FaultPlan) -> None:
    venue = Venue(
        None if options.upstream else open_tape(options.tape),
        options.settings,
        home=options.home,
        speed=options.speed,
        market_limit=options.market_limit,
        resume=options.resume,
        is_held=options.is_held,
    )
    try:
        venue.put_faults(plan)
        await _serve(venue, options)
    finally:
        venue.close()


async def _serve(venue: Venue, options: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    mirror = Mirror(venue, Upstream(options.upstream)) if options.upstream else None
    app = build_app(venue, options.settings, venue.store, mirror)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    try:
        await _listen(runner, options.port)
        async with asyncio.TaskGroup() as tasks:
            playing = tasks.create_task(venue.run())
            sys.stdout.write(json.dumps(addresses(runner.addresses[0][1])) + "\n")
            sys.stdout.flush()
            await stop.wait()
            _log.info("venue_stopped")
            playing.cancel()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, port: int) -> None:
    try:
        await web.TCPSite(runner, HOST, port).start()
    except OSError as error:
        raise PortError(f"port {port} of {HOST} cannot be had: {error.strerror}") from error


def _log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _fail(message: str) -> int:
    sys.stderr.write(f"paper: {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
