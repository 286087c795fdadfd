"""Asks the venue that is mirrored; one request, one answer, a short time."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from paper.notation import read_json
from paper.upstream_rows import (
    FeeRow,
    FoundBook,
    MarketRow,
    UpstreamError,
    read_book,
    read_fees,
    read_markets,
)

ASKED_S = 1.0  # a book that takes longer is not the book of this instant
FORWARDED_S = 10.0
ANSWER_BYTES_MAX = 32 << 20
POSITION_BITS = ((1 << 64) - 1) << 40  # zero in the id of a Protocol V2 position


@dataclass(frozen=True, slots=True)
class UpstreamUrls:
    """Where the mirrored venue is, without slashes at the ends."""

    clob: str
    gamma: str
    data: str

    def __post_init__(self) -> None:
        """Refuse what is no address of a web server."""
        for url in (self.clob, self.gamma, self.data):
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"expected an http or https URL, received {url!r}")


class Upstream:
    """The public side of the mirrored venue. No credentials are ever sent there."""

    def __init__(self, urls: UpstreamUrls) -> None:
        """Ask at these addresses, once `opened`."""
        self.urls = urls
        self._opened: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Hold the connections."""
        async with aiohttp.ClientSession() as self._opened:
            yield
        self._opened = None

    async def fetch_market(self, token_id: str) -> MarketRow | None:
        """Return the market of a token, open or closed, None where the venue knows none."""
        is_position = token_id.isdecimal() and not int(token_id) & POSITION_BITS
        name = "position_ids" if is_position else "clob_token_ids"
        for closed in ("false", "true"):
            query = {name: token_id, "closed": closed, "limit": "10"}
            payload = await self._ask(f"{self.urls.gamma}/markets/keyset", query)
            rows = () if payload is None else read_markets(payload)
            for row in rows:
                if token_id in row.token_ids:
                    return row
        return None

    async def fetch_fees(self, condition_id: str) -> FeeRow:
        """Return the fees of a market whose description names none."""
        payload = await self._ask(f"{self.urls.clob}/clob-markets/{condition_id}", {})
        if payload is None:
            raise UpstreamError(f"expected the fees of {condition_id}, received HTTP 404")
        return read_fees(payload)

    async def fetch_book(self, token_id: str) -> FoundBook | None:
        """Return the book of a token, None where the venue keeps none."""
        payload = await self._ask(f"{self.urls.clob}/book", {"token_id": token_id})
        return None if payload is None else read_book(payload, token_id)

    async def forward(self, url: str, request: web.Request) -> web.Response:
        """Ask what somebody asks, and answer what is answered; 502 where nothing is."""
        try:
            async with self._session.request(
                request.method,
                url,
                params=request.query,
                data=await request.read() or None,
                headers=_kept(request.headers),
                timeout=aiohttp.ClientTimeout(total=FORWARDED_S),
                allow_redirects=False,
            ) as answer:
                body = await _read_whole(answer)
                return web.Response(
                    body=body, status=answer.status, content_type=answer.content_type
                )
        except (aiohttp.ClientError, TimeoutError, OSError, UpstreamError) as error:
            text = f"the mirrored venue gave no answer: {type(error).__name__}"
            return web.json_response({"error": text}, status=502)

    @property
    def _session(self) -> aiohttp.ClientSession:
        assert self._opened is not None, "expected connections to be opened"
        return self._opened

    async def _ask(self, url: str, query: Mapping[str, str]) -> object | None:
        try:
            async with self._session.get(
                url,
                params=query,
                timeout=aiohttp.ClientTimeout(total=ASKED_S),
                allow_redirects=False,
            ) as answer:
                if answer.status == 404:
                    return None
                if answer.status != 200:
                    raise UpstreamError(f"expected HTTP 200 of {url}, received {answer.status}")
                return read_json((await _read_whole(answer)).decode())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamError(f"{url}: {type(error).__name__} {error}".strip()) from error
        except ValueError as error:
            raise UpstreamError(f"expected JSON of {url}: {error}") from error


async def _read_whole(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > ANSWER_BYTES_MAX:
            raise UpstreamError(f"expected {ANSWER_BYTES_MAX} bytes at most, received more")
    return bytes(body)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what a public question needs; credentials of this venue stay here."""
    return {name: headers[name] for name in ("Accept", "Content-Type") if name in headers}
