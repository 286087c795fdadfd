"""Asks for the books of which a stream tells nothing: quiet markets and dead sockets look alike."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog

from exchange.polymarket.market_talk import MarketTalk
from exchange.port import UnavailableError, WireError
from trading.types import OrderBook, TokenId

FetchBooks = Callable[[Sequence[TokenId]], Awaitable[Sequence[OrderBook]]]

STALE_AFTER = timedelta(seconds=4)
"""Books are of use for 5 s; a batch takes its time."""
EVERY_S = 0.5
RESTING_SHARE = 4
"""After a round this many times its length is waited: who cannot keep up must not ask for more."""
ROUND_S_MAX = 0.5
BATCH = 100
BATCHES_MAX = 5

_log = structlog.get_logger()


async def reread_for_ever(
    talks: Sequence[MarketTalk], fetch_books: FetchBooks, clock: Callable[[], datetime]
) -> None:
    """Ask for silent books until cancelled, at most 500 in five requests each half second."""
    took_s = 0.0
    while True:
        await asyncio.sleep(max(EVERY_S, took_s * RESTING_SHARE))
        begun = time.perf_counter()
        silent = {t: talk for talk in tuple(talks) for t in talk.silent(clock() - STALE_AFTER)}
        try:
            for batch in _batches(list(silent)):
                for book in await fetch_books(batch):
                    if book.token_id in silent:
                        await silent[book.token_id].take(book)
        except (UnavailableError, WireError) as error:
            _log.warning("books_not_reread", why=str(error)[:300])
        took_s = min(time.perf_counter() - begun, ROUND_S_MAX)


def _batches(tokens: Sequence[TokenId]) -> Sequence[Sequence[TokenId]]:
    starts = range(0, min(len(tokens), BATCH * BATCHES_MAX), BATCH)
    return [tokens[start : start + BATCH] for start in starts]
