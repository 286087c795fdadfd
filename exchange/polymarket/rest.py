"""Sends HTTP requests to the venue, once each, and signs the private ones with the API key."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

import aiohttp
from eth_utils.address import to_checksum_address
from pydantic import SecretStr

from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.wire import read_json
from exchange.polymarket.wire_clob import PAGE_END, read_error, read_page
from exchange.port import PermanentError, UnavailableError, WireError
from trading.types import Wallet

READ_TIMEOUT_S = 5
POST_TIMEOUT_S = 2
"""A POST of an order gets two seconds in all; then its outcome is unknown."""

_BODY_BYTES_MAX = 16 * 1024 * 1024
_PAGES_MAX = 200
_FIRST_PAGE = "MA=="
_NOT_NOW = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class ApiCredentials:
    """A key of the venue's REST interface and user stream; made by a wallet's signature."""

    key: str = field(repr=False)
    secret: SecretStr
    passphrase: SecretStr


@dataclass(slots=True)
class ApiUser:
    """Who signs private requests: the key's own address, whatever wallet trades.

    All who ask in one process share it, so that credentials which the venue refuses, `refused`,
    are replaced for all at once.
    """

    address: Wallet
    credentials: ApiCredentials
    refused: asyncio.Event = field(default_factory=asyncio.Event, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request; `query` is sent but, as the venue wants it, not signed."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: str = ""
    headers: Mapping[str, str] | None = field(default=None, repr=False)  # they hold the key
    timeout_s: int = READ_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer of any status, its body read to the end."""

    status: int
    body: bytes
    retry_after_s: Decimal | None

    @property
    def is_ok(self) -> bool:
        """Tell whether the venue did what was asked."""
        return self.status == 200


class Rest:
    """One service of the venue, public requests."""

    def __init__(self, access: VenueAccess, base_url: str) -> None:
        """Take the base URL of the service, without a slash at its end."""
        self._session = access.session
        self._base_url = base_url.rstrip("/")

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Send once and return the answer; raise UnavailableError when none came."""
        try:
            async with self._session.request(
                request.method,
                self._base_url + request.path,
                params=request.query or None,
                data=request.body.encode() if request.body else None,
                headers={"Accept": "*/*", **(request.headers or {})},
                timeout=aiohttp.ClientTimeout(total=request.timeout_s),
                allow_redirects=False,
            ) as response:
                body = await _read_body(response)
                retry_after_s = _seconds(response.headers.get("Retry-After"))
                return HttpAnswer(response.status, body, retry_after_s)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            text = f"{request.method} {request.path}: {type(error).__name__} {error}".strip()
            raise UnavailableError(text) from error

    async def fetch(self, path: str, *query: tuple[str, str]) -> object | None:
        """Return the JSON of a GET, None for 404; raise UnavailableError for other answers.

        A refusal of what is public says nothing about us: the feed goes on and asks again.
        """
        try:
            return read_answer(await self.send(HttpRequest("GET", path, query)), path)
        except PermanentError as error:
            raise UnavailableError(str(error)) from error


class PrivateRest(Rest):
    """The order book's private requests, signed with the API key (L2)."""

    def __init__(self, access: VenueAccess, user: ApiUser) -> None:
        """Take whose requests these are."""
        super().__init__(access, access.endpoints.clob)
        self._user = user
        self._clock = access.clock

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Sign a request and send it once."""
        credentials = self._user.credentials
        headers = l2_headers(self._user, request, int(self._clock().timestamp()))
        signed = HttpRequest(
            request.method, request.path, request.query, request.body, headers, request.timeout_s
        )
        answer = await super().send(signed)
        if answer.status == 401 and credentials is self._user.credentials:
            self._user.refused.set()
        return answer

    async def fetch(self, path: str, *query: tuple[str, str]) -> object | None:
        """Return the JSON of a GET, None for 404; raise PermanentError for wrong keys."""
        return read_answer(await self.send(HttpRequest("GET", path, query)), path)

    async def fetch_pages(self, path: str, *query: tuple[str, str]) -> list[object]:
        """Return the rows of every page of a listing, at most 200 pages."""
        rows: list[object] = []
        cursor: str | None = _FIRST_PAGE
        seen = {PAGE_END}
        while cursor is not None and cursor not in seen:
            if len(seen) > _PAGES_MAX:
                raise UnavailableError(f"{path}: more than {_PAGES_MAX} pages")
            seen.add(cursor)
            page = await self.fetch(path, *query, ("next_cursor", cursor))
            page_rows, cursor = read_page(page)
            rows.extend(page_rows)
        return rows


def l2_headers(user: ApiUser, request: HttpRequest, timestamp_s: int) -> dict[str, str]:
    """Return the headers of a private request: an HMAC over time, method, path and exact body."""
    credentials = user.credentials
    try:
        key = base64.urlsafe_b64decode(credentials.secret.get_secret_value())
    except (binascii.Error, ValueError):
        raise PermanentError("expected the API secret in URL-safe base64") from None
    message = f"{timestamp_s}{request.method}{request.path}{request.body}"
    signature = hmac.new(key, message.encode(), hashlib.sha256).digest()
    return {
        "POLY_ADDRESS": to_checksum_address(user.address),
        "POLY_SIGNATURE": base64.urlsafe_b64encode(signature).decode(),
        "POLY_TIMESTAMP": str(timestamp_s),
        "POLY_API_KEY": credentials.key,
        "POLY_PASSPHRASE": credentials.passphrase.get_secret_value(),
        "Content-Type": "application/json",
    }


def write_body(payload: object) -> str:
    """Return the exact text of a JSON body, as it is signed and sent."""
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False)


def read_answer(answer: HttpAnswer, path: str) -> object | None:
    """Return an answer's JSON, None for 404.

    Raises:
        UnavailableError: the venue cannot answer now (5xx, 408, 425, 429).
        PermanentError: it refuses for good (other 4xx), as wrong keys are.
    """
    if answer.is_ok:
        return read_json(answer.body)
    if answer.status == 404:
        return None
    text = f"{path}: HTTP {answer.status} {read_error(answer.body)}"
    if 400 <= answer.status < 500 and answer.status not in _NOT_NOW:
        raise PermanentError(text)
    raise UnavailableError(text)


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    chunks = []
    size = 0
    async for chunk in response.content.iter_chunked(65_536):
        size += len(chunk)
        if size > _BODY_BYTES_MAX:
            raise WireError(f"{response.url.path}: expected {_BODY_BYTES_MAX} bytes at most")
        chunks.append(chunk)
    return b"".join(chunks)


def _seconds(header: str | None) -> Decimal | None:
    """Read a Retry-After of seconds; the form with a date is not used by the venue."""
    try:
        seconds = Decimal(header or "")
    except InvalidOperation:
        return None
    return seconds if seconds.is_finite() and seconds >= 0 else None
