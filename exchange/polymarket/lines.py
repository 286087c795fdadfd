"""Keeps one WebSocket alive for ever: connects, pings, watches for silence, backs off."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Protocol

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from exchange.port import UnavailableError

FRAME_BYTES_MAX = 16 * 1024 * 1024

_DOUBLINGS_MAX = 16
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LineRules:
    """When a socket is pinged, and after how much silence it is given up.

    Venues freeze with their sockets open and their pings answered, so data has limits of its
    own: `first_data_within` after asking for some, `data_within` ever after. `ping` None leaves
    the pinging to the protocol's own frames.
    """

    ping: str | None = "PING"
    ping_every: timedelta = timedelta(seconds=10)
    frame_within: timedelta = timedelta(seconds=25)
    first_data_within: timedelta | None = None
    data_within: timedelta | None = None
    age_max: timedelta | None = None
    open_within: timedelta = timedelta(seconds=5)
    backoff_min: timedelta = timedelta(milliseconds=500)
    backoff_max: timedelta = timedelta(seconds=30)


class Talk(Protocol):
    """What one feed says and hears on a socket; one task calls all of it."""

    @property
    def name(self) -> str:
        """Return the feed's name for the log."""

    @property
    def wake(self) -> asyncio.Event:
        """Return the event that asks for `more` to be said."""

    async def wanted(self) -> None:
        """Return when a socket is wanted at all."""

    def hello(self) -> Sequence[str]:
        """Return what to say after connecting; forget what an earlier socket told."""

    def more(self) -> Sequence[str]:
        """Return what to say because something changed since."""

    async def greeted(self) -> None:
        """Act on a new connection, after `hello` was said."""

    async def hear(self, text: str) -> bool:
        """Act on a frame; tell whether it was data and not only a sign of life."""


class _LineLostError(Exception):
    """The socket is open but no longer of use."""


async def run_line(url: str, talk: Talk, rules: LineRules, rng: Random) -> None:
    """Talk over a socket for ever, connecting anew whenever it is lost or falls silent."""
    failures = 0
    while True:
        await talk.wanted()
        line = _Line(talk, rules)
        try:
            async with _open(url, rules) as socket:
                await line.serve(socket)
        except (OSError, TimeoutError, WebSocketException, _LineLostError, UnavailableError) as why:
            _log.info("stream_lost", feed=talk.name, why=f"{type(why).__name__}: {why}"[:300])
        failures = 1 if line.has_heard_data else failures + 1
        await asyncio.sleep(backoff(failures, rules, rng).total_seconds())


def backoff(failures: int, rules: LineRules, rng: Random) -> timedelta:
    """Return the pause before the next attempt: doubling, half of it by chance."""
    doubled = rules.backoff_min * (1 << min(max(failures, 1) - 1, _DOUBLINGS_MAX))
    longest = min(rules.backoff_max, doubled)
    return longest / 2 * (1 + rng.random())


def _open(url: str, rules: LineRules) -> connect:
    pings_s = rules.ping_every.total_seconds() if rules.ping is None else None
    return connect(
        url,
        open_timeout=rules.open_within.total_seconds(),
        ping_interval=pings_s,
        ping_timeout=pings_s,
        close_timeout=1,
        max_size=FRAME_BYTES_MAX,
        proxy=None,
        compression=None,
    )


class _Line:
    """One connection: hears frames, says what is due, and raises when it has become useless."""

    def __init__(self, talk: Talk, rules: LineRules) -> None:
        self._talk = talk
        self._rules = rules
        self._timers = _Timers(rules)
        self._patience: asyncio.Timeout | None = None
        self.has_heard_data = False

    async def serve(self, socket: ClientConnection) -> None:
        self._timers.start(_now())
        await self._say(socket, self._talk.hello())
        await self._talk.greeted()
        _log.info("stream_connected", feed=self._talk.name)
        waking = self._until_woken()
        try:
            while True:
                while waking.done():
                    self._talk.wake.clear()
                    waking = self._until_woken()
                    await self._say(socket, self._talk.more())
                frame = await self._receive(socket)
                if frame is not None:
                    await self._hear(frame)
                await self._keep_alive(socket)
                await asyncio.sleep(0)  # the others' turn, however many frames lie in the buffer
        finally:
            waking.cancel()
            await asyncio.gather(waking, return_exceptions=True)

    def _until_woken(self) -> "asyncio.Task[bool]":
        waking = asyncio.ensure_future(self._talk.wake.wait())
        waking.add_done_callback(self._break_off)
        return waking

    def _break_off(self, waking: "asyncio.Task[bool]") -> None:
        """End the wait for a frame: there is something to say."""
        if self._patience is not None and not self._patience.expired() and not waking.cancelled():
            self._patience.reschedule(0)

    async def _receive(self, socket: ClientConnection) -> str | bytes | None:
        """Return the next frame, or None once something else is due.

        A frame that lies in the buffer already comes without a turn of the event loop.
        """
        pause = self._timers.until_due(_now())
        try:
            async with asyncio.timeout(pause.total_seconds()) as self._patience:
                return await socket.recv()
        except TimeoutError:
            return None
        finally:
            self._patience = None

    async def _say(self, socket: ClientConnection, frames: Sequence[str]) -> None:
        for frame in frames:
            await socket.send(frame)
        if frames:
            self._timers.asked(_now())

    async def _hear(self, frame: str | bytes) -> None:
        text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
        is_data = await self._talk.hear(text)
        self._timers.heard(_now(), is_data=is_data)
        self.has_heard_data = self.has_heard_data or is_data

    async def _keep_alive(self, socket: ClientConnection) -> None:
        now = _now()
        fault = self._timers.fault(now)
        if fault:
            raise _LineLostError(fault)
        if self._rules.ping is not None and self._timers.is_ping_due(now):
            await socket.send(self._rules.ping)


class _Timers:
    """The deadlines of one connection, on the loop's clock."""

    def __init__(self, rules: LineRules) -> None:
        self._rules = rules
        self._ping_at = timedelta.max
        self._limits: dict[str, timedelta] = {}

    def start(self, now: timedelta) -> None:
        if self._rules.ping is not None:
            self._ping_at = now + self._rules.ping_every
        self._set("reached its age", now, self._rules.age_max)
        self.heard(now, is_data=False)

    def asked(self, now: timedelta) -> None:
        if "sent no first data" not in self._limits:
            self._set("sent no first data", now, self._rules.first_data_within)
        if "sent no data" not in self._limits:
            self._set("sent no data", now, self._rules.data_within)

    def heard(self, now: timedelta, *, is_data: bool) -> None:
        if self._rules.ping is not None:
            self._set("sent nothing", now, self._rules.frame_within)
        if is_data:
            self._limits.pop("sent no first data", None)
            self._set("sent no data", now, self._rules.data_within)

    def fault(self, now: timedelta) -> str:
        return next((what for what, limit in self._limits.items() if now >= limit), "")

    def is_ping_due(self, now: timedelta) -> bool:
        is_due = now >= self._ping_at
        if is_due:
            self._ping_at = now + self._rules.ping_every
        return is_due

    def until_due(self, now: timedelta) -> timedelta:
        return max(min(self._ping_at, *self._limits.values(), self._ping_at) - now, timedelta())

    def _set(self, what: str, now: timedelta, within: timedelta | None) -> None:
        if within is not None:
            self._limits[what] = now + within


def _now() -> timedelta:
    return timedelta(seconds=asyncio.get_running_loop().time())
