"""Keeps markets here in step with another venue: their terms, their books and their results.

A book is asked for when somebody needs it: before it is read, before an order meets it, and every
second where an order rests. What cannot be asked for is stale, and nothing is matched with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace

import structlog

from paper.model import Market, OrderRefusedError
from paper.upstream import Upstream
from paper.upstream_rows import FoundBook, MarketRow, UpstreamError
from paper.venue import Venue

FRESH_MS = 250  # readers at one moment share an answer
TERMS_FRESH_MS = 30_000
RESTING_EVERY_S = 1.0
RESULTS_EVERY_S = 5.0
ASKED_AT_ONCE = 8
STALE_STATUS = 425  # as while the engine restarts: nothing was booked, ask again
STALE = "the order book is stale: the mirrored venue does not answer"
_LONG_AGO = -(1 << 60)

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Asked:
    """When a market's book and terms were last asked for, in ms, and the lock of who asks."""

    lock: asyncio.Lock
    book_at: int = _LONG_AGO
    terms_at: int = _LONG_AGO
    has_failed: bool = False


class Mirror:
    """Lists the other venue's markets here as they are needed."""

    def __init__(self, venue: Venue, upstream: Upstream) -> None:
        self._venue = venue
        self.upstream = upstream
        self._asked: dict[str, _Asked] = {}  # by the market's first token, once that is known

    async def freshen(self, token_id: str, *, since: int | None = None) -> None:
        """See to it that a token's market is listed here and its book is of this moment.

        With `since`, in ms, only a book that was asked for then or later will do: an order meets
        what was offered while it was there. A token that the other venue does not know either is
        left unlisted.

        Raises:
            OrderRefusedError: 425, where the other venue does not answer.
        """
        asked = self._asked.setdefault(self._key(token_id), _Asked(asyncio.Lock()))
        async with asked.lock:
            least = self._venue.now() - FRESH_MS if since is None else since
            if asked.book_at >= least:
                return
            try:
                await self._ask(token_id, asked)
            except UpstreamError as error:
                self._tell(token_id, asked, error)
                raise OrderRefusedError(STALE_STATUS, STALE) from error
            self._tell(token_id, asked, None)

    async def list_market(self, token_id: str) -> None:
        """See to it that a token's market is listed, however old its book is."""
        if self._venue.market_of(token_id) is None:
            await self.freshen(token_id)

    async def run(self) -> None:
        """Serve resting orders and follow results until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_repeat(RESTING_EVERY_S, self.serve_resting))
            tasks.create_task(_repeat(RESULTS_EVERY_S, self.follow_results))

    async def serve_resting(self) -> None:
        """Look at the books in which orders rest: what crosses them now is their fill."""
        records = self._venue.open_orders()
        await self._each({record.order.token_id for record in records}, self.freshen)

    async def follow_results(self) -> None:
        """Ask for the results of all that is held here."""
        held = {token for _, tokens in self._venue.wallets().values() for token in tokens}
        markets = {m.condition_id: m for token in held if (m := self._venue.market_of(token))}
        unresolved = [m.token_ids[0] for m in markets.values() if not m.closed]
        await self._each(unresolved, self._follow_result)

    async def _follow_result(self, token_id: str) -> None:
        row = await self.upstream.fetch_market(token_id)
        if row is not None:
            await self._take_terms(row)

    async def _each(self, token_ids: Iterable[str], act: Callable[[str], Awaitable[None]]) -> None:
        slots = asyncio.Semaphore(ASKED_AT_ONCE)

        async def act_in_turn(token_id: str) -> None:
            async with slots:
                try:
                    await act(token_id)
                except (UpstreamError, OrderRefusedError) as error:
                    _log.debug("mirror_not_told", token_id=token_id, error=str(error))

        async with asyncio.TaskGroup() as tasks:
            for token_id in token_ids:
                tasks.create_task(act_in_turn(token_id))

    async def _ask(self, token_id: str, asked: _Asked) -> None:
        now = self._venue.now()
        market = self._venue.market_of(token_id)
        if market is None or asked.terms_at < now - TERMS_FRESH_MS:
            row = await self.upstream.fetch_market(token_id)
            if row is None:
                return
            market = await self._take_terms(row)
            asked.terms_at = now
        if market.closed:
            return
        began_at = self._venue.now()
        found = await self.upstream.fetch_book(market.token_ids[0])
        market = self._venue.market(market.condition_id) or market
        if market.closed:  # while its book was on its way
            return
        self._take_book(market, found)
        asked.book_at = began_at
        self._asked[market.token_ids[0]] = asked

    async def _take_terms(self, row: MarketRow) -> Market:
        fees = await self.upstream.fetch_fees(row.condition_id) if row.needs_fees else row.fees
        market = row.as_market(fees)
        listed = self._venue.market(market.condition_id)
        if listed is None:
            self._venue.add_market(market, opens_itself=False)
        elif not listed.closed:
            self._venue.revise_market(market)
        payouts = row.payouts
        if payouts is not None and (listed is None or not listed.closed):
            self._venue.resolve_market(market.condition_id, payouts)
        return self._venue.market(market.condition_id) or market

    def _take_book(self, market: Market, found: FoundBook | None) -> None:
        if found is None:  # no book is kept for a market that takes no orders
            self._venue.set_book(market.condition_id, (), ())
            return
        terms = replace(
            market,
            tick_size=found.tick_size or market.tick_size,
            min_size=found.min_size or market.min_size,
        )
        if terms != market:
            self._venue.revise_market(terms)
        self._venue.set_book(market.condition_id, found.bids, found.asks)

    def _key(self, token_id: str) -> str:
        market = self._venue.market_of(token_id)
        return token_id if market is None else market.token_ids[0]

    def _tell(self, token_id: str, asked: _Asked, error: UpstreamError | None) -> None:
        if asked.has_failed != (error is not None):
            asked.has_failed = error is not None
            event = "book_fresh_again" if error is None else "book_stale"
            _log.warning(event, token_id=token_id, error=None if error is None else str(error))


async def _repeat(every_s: float, act: Callable[[], Awaitable[None]]) -> None:
    while True:
        await act()
        await asyncio.sleep(every_s)
