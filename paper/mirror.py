"""Keeps markets here in step with another venue: their terms, their books and their results.

A book is asked for when somebody needs it: before it is read, before an order meets it, and every
second where an order rests. Who needs the same at one time shares a request. What cannot be asked
for is stale, and nothing is matched with it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
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
ASKED_MAX = 2_000
"""Markets of which it is remembered when they were asked for."""
ORDER_WAIT_S = 1.5
"""Less than who sends an order waits: it hears a no that books nothing, and not nothing at all."""
READ_WAIT_S = 4.0
STALE_STATUS = 425  # as while the engine restarts: nothing was booked, ask again
STALE = "the order book is stale: the mirrored venue does not answer"
_LONG_AGO = -(1 << 60)

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Asked:
    """When a market's book and terms were last asked for, in ms, and the request on its way."""

    book_at: int = _LONG_AGO
    terms_at: int = _LONG_AGO
    has_failed: bool = False
    request: asyncio.Task[UpstreamError | None] | None = None
    request_at: int | None = None  # when its book was asked for, None while its terms are


class Mirror:
    """Lists the other venue's markets here as they are needed."""

    def __init__(self, venue: Venue, upstream: Upstream) -> None:
        self._venue = venue
        self.upstream = upstream
        self._asked: OrderedDict[str, _Asked] = OrderedDict()  # by a market's first token if known
        self._requests: set[asyncio.Task[UpstreamError | None]] = set()

    def __len__(self) -> int:
        """Return of how many markets it is remembered when they were asked for."""
        return len(self._asked)

    async def freshen(self, token_id: str, *, since: int | None = None) -> None:
        """See to it that a token's market is listed here and its book is of this moment.

        With `since`, in ms, only a book that was asked for then or later will do: an order meets
        what was offered while it was there. A token that the other venue does not know either is
        left unlisted.

        Raises:
            OrderRefusedError: 425, where the other venue does not answer in time.
        """
        least = self._venue.now() - FRESH_MS if since is None else since
        try:
            async with asyncio.timeout(_wait_s(since)):
                error = await self._until_fresh(token_id, least)
        except TimeoutError as late:
            raise OrderRefusedError(STALE_STATUS, STALE) from late
        if error is not None:
            raise OrderRefusedError(STALE_STATUS, STALE) from error

    async def freshen_all(self, token_ids: Sequence[str], *, since: int | None = None) -> None:
        """Freshen several, a few at once, all of them in the time of one.

        Raises:
            OrderRefusedError: 425, where one of them is stale.
        """
        slots, refused = asyncio.Semaphore(ASKED_AT_ONCE), []

        async def freshen_in_turn(token_id: str) -> None:
            async with slots:
                try:
                    await self.freshen(token_id, since=since)
                except OrderRefusedError as error:
                    refused.append(error)

        try:
            async with asyncio.timeout(_wait_s(since)), asyncio.TaskGroup() as tasks:
                for token_id in token_ids:
                    tasks.create_task(freshen_in_turn(token_id))
        except TimeoutError as late:
            raise OrderRefusedError(STALE_STATUS, STALE) from late
        if refused:
            raise refused[0]

    async def close(self) -> None:
        """Ask no more: end the requests that are on their way."""
        for request in self._requests:
            request.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)

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

    async def _until_fresh(self, token_id: str, least: int) -> UpstreamError | None:
        """Wait for a book that is asked for at `least` or later; return why there is none.

        A request serves all who came before its book was asked for. Who came later wait for its
        end, and share the next one.
        """
        while (asked := self._asked_of(token_id)).book_at < least:
            is_of_use = asked.request is None or (
                asked.request_at is None or asked.request_at >= least
            )
            error = await asyncio.shield(asked.request or self._begin(token_id, asked))
            if is_of_use:
                return error
        return None

    def _begin(self, token_id: str, asked: _Asked) -> asyncio.Task[UpstreamError | None]:
        asked.request_at = None
        asked.request = request = asyncio.create_task(self._carry_out(token_id, asked))
        self._requests.add(request)
        request.add_done_callback(self._requests.discard)
        return request

    async def _carry_out(self, token_id: str, asked: _Asked) -> UpstreamError | None:
        try:
            await self._ask(token_id, asked)
        except UpstreamError as error:
            self._tell(token_id, asked, error)
            return error
        finally:
            asked.request = None
        self._tell(token_id, asked, None)
        return None

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
        asked.request_at = began_at = self._venue.now()
        found = await self.upstream.fetch_book(market.token_ids[0])
        market = self._venue.market(market.condition_id) or market
        if market.closed:  # while its book was on its way
            return
        self._take_book(market, found)
        asked.book_at = began_at
        if self._asked.get(token_id) is asked:
            del self._asked[token_id]
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

    def _asked_of(self, token_id: str) -> _Asked:
        """Return what is known of asking for a market; idle ones that nobody used are forgotten."""
        market = self._venue.market_of(token_id)
        key = token_id if market is None else market.token_ids[0]
        asked = self._asked.setdefault(key, _Asked())
        self._asked.move_to_end(key)
        while len(self._asked) > ASKED_MAX:
            idle = next((k for k, a in self._asked.items() if a.request is None), key)
            if idle == key:
                break
            del self._asked[idle]
        return asked

    def _tell(self, token_id: str, asked: _Asked, error: UpstreamError | None) -> None:
        if asked.has_failed != (error is not None):
            asked.has_failed = error is not None
            event = "book_fresh_again" if error is None else "book_stale"
            _log.warning(event, token_id=token_id, error=None if error is None else str(error))


def _wait_s(since: int | None) -> float:
    return READ_WAIT_S if since is None else ORDER_WAIT_S


async def _repeat(every_s: float, act: Callable[[], Awaitable[None]]) -> None:
    while True:
        await act()
        await asyncio.sleep(every_s)
