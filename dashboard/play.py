"""Asks the local venue what it plays, so that nobody takes a tape for the market."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

ASK_EVERY = timedelta(seconds=2)
TIMEOUT_S = 2.0
ANSWER_BYTES_MAX = 65_536
WORDS_MAX = 50

log = structlog.get_logger()


class Play(BaseModel):
    """What the local venue plays: which tape, how fast, how far, and what in it is invented."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    play_id: str | None = None
    tape: str | None = None
    speed: Decimal | None = None
    done: bool = False
    tape_time: int | None = None  # ms
    tape_starts_at: int | None = None  # ms
    tape_ends_at: int | None = None  # ms
    invented: tuple[str, ...] = Field(default=(), max_length=WORDS_MAX)
    attribution: str = ""
    licence: str = ""


class PlaySource(Protocol):
    """Tells what is played."""

    async def fetch(self) -> Play | None:
        """Return what the local venue plays, None when there is no tape or no answer."""


class NoPlay:
    """Says that nothing is played: the venue is the real one."""

    async def fetch(self) -> Play | None:
        """Return None."""
        return None


class LocalVenue:
    """The local venue's word, asked for at most every two seconds."""

    def __init__(
        self, clob_url: str, session: aiohttp.ClientSession, clock: Callable[[], datetime]
    ) -> None:
        self._url = clob_url.rstrip("/") + "/_paper/play"
        self._session = session
        self._clock = clock
        self._play: Play | None = None
        self._asked_at: datetime | None = None

    async def fetch(self) -> Play | None:
        """Return what is played; a venue that does not answer plays what it last said."""
        now = self._clock()
        if self._asked_at is None or now - self._asked_at >= ASK_EVERY:
            self._asked_at = now
            self._play = await self._ask()
        return self._play

    async def _ask(self) -> Play | None:
        try:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
            async with self._session.get(
                self._url, timeout=timeout, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    return None
                play = Play.model_validate_json(await _body(answer))
        except (aiohttp.ClientError, TimeoutError):
            return self._play
        except ValidationError as error:
            log.warning("play_not_understood", url=self._url, errors=error.error_count())
            return None
        return play if play.tape is not None else None


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Read an answer; one that is too long is cut, and then not understood."""
    body = bytearray()
    async for chunk in answer.content.iter_chunked(ANSWER_BYTES_MAX):
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            break
    return bytes(body[:ANSWER_BYTES_MAX])


def is_loopback(url: str) -> bool:
    """Tell whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
