"""The venue as one process of ours reaches it, with all that a connection may do to a call."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from exchange.port import (
    AccountEvent,
    CancelReport,
    MarketEvent,
    OrderDraft,
    TokenSet,
    UnavailableError,
)
from tests.simulation.hazards import LAG_MAX, LATE_MAX
from tests.simulation.loop import MICROS
from tests.simulation.ports import Journeys
from tests.simulation.process import Process
from tests.simulation.terms import (
    START,
    WALLET,
    asked_of,
    decimal_of,
    order_news,
    prepare,
    trade_news,
)
from tests.simulation.venue import Asked, Order
from trading.orders import Intent, PreparedOrder, UnsignedOrder, VenueOrder, VenueTrade
from trading.submits import SubmitAnswer
from trading.types import (
    ConditionId,
    Level,
    Market,
    OrderBook,
    OrderHash,
    Price,
    Shares,
    TokenId,
    Usd,
    Wallet,
)

if TYPE_CHECKING:
    from tests.simulation.world import World

POST_TIMEOUT = 2 * MICROS
READ_TIMEOUT = 5 * MICROS
DEPTH = Shares(decimal_of(50_000 * MICROS))


class Gateway:
    """The venue as one process reaches it: OrderGateway, MarketData and Chain."""

    def __init__(self, world: "World", process: Process) -> None:
        self._world = world
        self._process = process
        self._journeys = Journeys(world, process)

    @property
    def wallet(self) -> Wallet:
        return WALLET

    def prepare(self, draft: OrderDraft) -> PreparedOrder:
        return prepare(draft)

    # Orders

    async def post_order(self, intent: Intent) -> SubmitAnswer:
        """Sign, and send; once the bytes have left, killing us does not call them back."""
        world = self._world
        await self._journeys.travel(500, 5_000)
        world.watch("posted", (self._process, intent))
        future = world.loop.create_future()
        world.loop.after(world.rng.randrange(1_000, 60_000), self._arrive, asked_of(intent), future)
        world.loop.after(
            POST_TIMEOUT, self._process.wake, future, SubmitAnswer(None, error="timed out")
        )
        answer = await future
        await self._journeys.stumble()
        assert isinstance(answer, SubmitAnswer)
        return answer

    def _arrive(self, asked: Asked, future: "asyncio.Future[object]") -> None:
        answer = self._work(asked)
        if answer is not None:
            back = self._world.rng.randrange(1_000, 60_000)
            self._world.loop.after(back, self._process.wake, future, answer)

    def _work(self, asked: Asked) -> SubmitAnswer | None:
        """Let the venue take a POST; None: no answer ever comes."""
        world = self._world
        world.watch("arrived", asked)
        turned_away = self._turn_away()
        if turned_away is not None:
            return turned_away
        if world.rng.random() < world.hazards.post_before:
            return self._silence("before")
        if world.venue.knows(asked.order_hash):
            return SubmitAnswer(400, error=f"order {asked.order_hash} is invalid. Duplicated.")
        if world.rng.random() < world.hazards.post_refused:
            return SubmitAnswer(400, error="not enough balance / allowance")
        return self._book(asked)

    def _book(self, asked: Asked) -> SubmitAnswer | None:
        """Let the venue book an order: later, with its match delayed, or at once."""
        world, hazards = self._world, self._world.hazards
        if world.rng.random() < hazards.post_late:
            world.venue.await_order(asked, world.rng.randrange(LATE_MAX))
            return SubmitAnswer(None, error="connection reset")
        if world.rng.random() < hazards.post_delayed:
            world.venue.delay(asked, world.rng.randrange(300_000, 5 * MICROS))
            error = world.rng.choice(("", "order match delayed due to market conditions"))
            return SubmitAnswer(200, order_id=asked.order_hash, status="delayed", error=error)
        order = world.venue.book(asked)
        given = world.venue.work(order)
        if world.rng.random() < hazards.post_after:
            return self._silence("after")
        return _answer(order, given)

    def _turn_away(self) -> SubmitAnswer | None:
        world, hazards = self._world, self._world.hazards
        now = world.loop.now
        if world.rng.random() < hazards.restart:
            world.restarting_until = now + world.rng.randrange(500_000, 3 * MICROS)
        if now < world.restarting_until:
            return SubmitAnswer(425, error="service not ready")
        if world.rng.random() < hazards.post_not_now:
            return world.rng.choice(
                (
                    SubmitAnswer(429, error="too many requests"),
                    SubmitAnswer(500, error="order timed out"),
                    SubmitAnswer(503, error="trading is currently cancel-only"),
                )
            )
        return None

    def _silence(self, side: str) -> SubmitAnswer | None:
        return self._world.rng.choice(
            (
                None,
                SubmitAnswer(None, error=f"connection reset {side}"),
                SubmitAnswer(500, error="could not run the execution"),
                SubmitAnswer(502, error="bad gateway"),
            )
        )

    async def cancel_orders(self, order_hashes: Sequence[OrderHash]) -> CancelReport:
        world = self._world
        await self._journeys.travel(1_000, 60_000)
        if world.loop.now < world.restarting_until:
            raise UnavailableError("expected a cancel, received HTTP 425")
        lost = world.rng.random() < world.hazards.cancel_lost
        if lost and world.rng.random() < 0.5:
            raise UnavailableError("expected an answer to a cancel, lost the request")
        done = [h for h in order_hashes if world.venue.cancel(h)]
        await self._journeys.travel(1_000, 60_000)
        if lost:
            raise UnavailableError("expected an answer to a cancel, lost it")
        refused = tuple((h, "already canceled or matched") for h in order_hashes if h not in done)
        return CancelReport(tuple(done), refused)

    # Reads

    async def _read(self) -> int:
        """Go there and return the moment whose facts are read."""
        world, hazards = self._world, self._world.hazards
        await self._journeys.travel(1_000, 60_000)
        dice = world.rng.random()
        if dice < hazards.read_error:
            raise UnavailableError("expected an answer, received HTTP 500")
        if dice < hazards.read_error + hazards.read_hang:
            await self._process.pause(READ_TIMEOUT)
            raise UnavailableError("expected an answer, received none")
        if world.rng.random() < hazards.read_lag:
            return max(world.loop.now - world.rng.randrange(LAG_MAX), 0)
        return world.loop.now

    async def fetch_order(self, order_hash: OrderHash) -> VenueOrder | None:
        at = await self._read()
        world = self._world
        if world.is_blind():
            return None
        seen = world.venue.order_at(order_hash, at)
        order = world.venue.orders.get(order_hash)
        if seen is None or order is None:
            return None
        if seen[0] in ("MATCHED", "CANCELLED") and world.forgets_ended:
            return None
        return order_news(order, *seen)

    async def fetch_trades(self, market: ConditionId, since: datetime) -> Sequence[VenueTrade]:
        at = await self._read()
        world = self._world
        first = (since - START) // timedelta(microseconds=1)
        rows = [trade_news(*row) for row in world.venue.trades_at(market, first, at)]
        if rows and world.rng.random() < world.hazards.read_muddle:
            rows += world.rng.sample(rows, 1)
            world.rng.shuffle(rows)
        return rows

    async def fetch_open_orders(self) -> Sequence[OrderHash]:
        await self._read()
        orders = self._world.venue.orders
        return [OrderHash(h) for h, order in orders.items() if not order.is_ended]

    async def fetch_cash(self) -> Usd:
        await self._read()
        return Usd(decimal_of(self._world.venue.cash))

    async def fetch_shares(self, token_id: TokenId) -> Shares:
        await self._read()
        return Shares(decimal_of(self._world.venue.shares.get(token_id, 0)))

    async def stream_account(self) -> AsyncIterator[AccountEvent]:
        raise NotImplementedError
        yield  # pragma: no cover

    async def fetch_filled(self, order: UnsignedOrder, order_hash: OrderHash) -> Decimal | None:
        await self._read()
        booked = self._world.venue.orders.get(order_hash)
        settled = [t for t in booked.trades if t.transaction] if booked is not None else []
        if not settled:
            return None
        return decimal_of(sum(t.size for t in settled if t.status in ("MINED", "CONFIRMED")))

    # Markets

    async def fetch_book(self, token_id: TokenId) -> OrderBook:
        await self._read()
        world = self._world
        quote, now = world.venue.quotes[token_id], world.clock()
        market = world.market_of(token_id)
        return OrderBook(
            token_id,
            (Level(Price(decimal_of(quote.bid)), DEPTH),),
            (Level(Price(decimal_of(quote.ask)), DEPTH),),
            now,
            now,
            market.tick_size,
            market.min_size,
        )

    async def fetch_market(self, token_id: TokenId) -> Market | None:
        await self._read()
        return self._world.market_of(token_id)

    async def fetch_price_history(self, token_id: TokenId) -> Sequence[Price]:
        await self._read()
        return ()

    async def fetch_clock(self) -> datetime:
        return self._world.clock()

    async def stream_market(self, tokens: TokenSet) -> AsyncIterator[MarketEvent]:
        raise NotImplementedError
        yield  # pragma: no cover

    async def fetch_block_number(self) -> int:
        return 70


def _answer(order: Order, given: int) -> SubmitAnswer:
    """Return what the venue answers to an order it has worked."""
    order_hash, size = order.asked.order_hash, Shares(decimal_of(given))
    if given:
        return SubmitAnswer(200, order_id=order_hash, status="matched", size_matched=size)
    if order.asked.kind == "GTC":
        return SubmitAnswer(200, order_id=order_hash, status="live")
    if order.asked.kind == "FOK":
        text = "order couldn't be fully filled. FOK orders are fully filled or killed."
        return SubmitAnswer(400, error=text)
    return SubmitAnswer(400, error="no orders found to match with FAK order.")
