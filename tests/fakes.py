"""Small honest fakes of the venue, the chain, the bell and the clock; the records are real."""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from hashlib import sha256

from exchange.port import (
    AccountEvent,
    CancelReport,
    MarketEvent,
    OrderDraft,
    TokenSet,
    UnavailableError,
)
from trading.orders import Intent, PreparedOrder, UnsignedOrder, VenueOrder, VenueTrade
from trading.submits import SubmitAnswer
from trading.types import (
    ZERO,
    ConditionId,
    Level,
    Market,
    OrderBook,
    OrderHash,
    OrderState,
    Price,
    Settlement,
    Shares,
    Side,
    SignatureType,
    TokenId,
    Usd,
    Wallet,
)

ALL = Decimal(1)


class FakeClock:
    """Shows the time it was set to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, time: timedelta) -> None:
        self.now += time

    async def pause(self, time: timedelta) -> None:
        """Let the time pass at once."""
        await asyncio.sleep(0)
        self.now += time


class FakeBell:
    """Never rings; each wait lets its time pass at once and then does what was planned."""

    def __init__(self, clock: FakeClock, breath_s: float = 0.0) -> None:
        self._clock = clock
        self._breath_s = breath_s
        self.plans: list[Callable[[], Awaitable[None]]] = []
        self.waits = 0

    async def wait(self, channel: str, key: str, timeout: timedelta) -> bool:
        self.waits += 1
        await asyncio.sleep(self._breath_s)
        self._clock.advance(timeout)
        plans, self.plans = self.plans, []
        for plan in plans:
            await plan()
        return False


@dataclass(frozen=True, slots=True)
class FakeLease:
    """A hold on the wallet with a fixed epoch."""

    epoch: int = 1


class Answer(StrEnum):
    """How the venue takes one POST."""

    MATCH = "matches what the book gives, kills the rest"
    LIVE = "rests on the book"
    DELAYED = "is delayed and then matches what the book gives"
    KILL = "finds nothing to match"
    REJECT = "is refused"
    NOT_NOW = "is turned away while the engine restarts"
    LOST_BEFORE = "never arrives, and no answer comes"
    LOST_AFTER = "matches, and the answer is lost"


@dataclass(slots=True)
class Booked:
    """An order as the venue has it."""

    intent: Intent
    state: OrderState
    matched: Shares = Shares(ZERO)


@dataclass(slots=True)
class Script:
    """What the venue will do; the first POST takes the first answer, MATCH when none is left."""

    answers: deque[Answer] = field(default_factory=deque)
    matched_share: Decimal = ALL  # of what the book would give
    trades_seen_after: timedelta = timedelta(0)
    settled_after: timedelta = timedelta(seconds=2)
    settlement: Settlement = Settlement.CONFIRMED
    retry_after_s: Decimal | None = Decimal("0.01")
    fill_before_cancel: bool = False
    forgets_ended: bool = False  # an ended order is not found any more
    is_away: bool = False
    is_chain_away: bool = False
    refusal: tuple[int, str] = (400, "invalid amounts")  # of REJECT
    hides_shares: bool = False
    shares: Shares = Shares(ALL)  # in the wallet, as the venue says
    posting: Callable[[], Awaitable[None]] | None = None  # done while a POST is under way
    looking: Callable[[], Awaitable[None]] | None = None  # done while the market is looked at


class FakeVenue:
    """MarketData, OrderGateway and Chain of one market, all of the same mind."""

    def __init__(self, clock: FakeClock, wallet: Wallet, market: Market) -> None:
        self.clock = clock
        self._wallet = wallet
        self.market: Market | None = market
        self.quotes_dropped: Market | None = None  # whose book is shown when `market` is None
        self.bids: tuple[Level, ...] = (Level(Price(Decimal("0.50")), Shares(Decimal(50_000))),)
        self.asks: tuple[Level, ...] = (Level(Price(Decimal("0.51")), Shares(Decimal(50_000))),)
        self.script = Script()
        self.posts: list[OrderHash] = []
        self.cancels: list[OrderHash] = []
        self.orders: dict[OrderHash, Booked] = {}
        self.trades: list[VenueTrade] = []
        self.paid_out = False
        self._numbers = itertools.count(1)

    # MarketData

    async def fetch_book(self, token_id: TokenId) -> OrderBook:
        self._answer()
        market = self._market()
        now = self.clock()
        return OrderBook(
            token_id, self.bids, self.asks, now, now, market.tick_size, market.min_size
        )

    async def fetch_market(self, token_id: TokenId) -> Market | None:
        if self.script.looking is not None:
            await self.script.looking()
        self._answer()
        return self.market

    async def fetch_price_history(self, token_id: TokenId) -> Sequence[Price]:
        return [Price(Decimal("0.50"))] * 60

    async def fetch_clock(self) -> datetime:
        return self.clock()

    async def stream_market(self, tokens: TokenSet) -> AsyncIterator[MarketEvent]:
        raise NotImplementedError
        yield  # pragma: no cover

    # OrderGateway

    @property
    def wallet(self) -> Wallet:
        return self._wallet

    def prepare(self, draft: OrderDraft) -> PreparedOrder:
        size = Shares(draft.size.quantize(Decimal("0.01"), ROUND_DOWN))
        if size <= 0:
            raise ValueError(f"expected a size, received {draft.size}")
        cost = int(size * draft.price * 1_000_000)
        is_buy = draft.side is Side.BUY
        unsigned = UnsignedOrder(
            maker=self._wallet,
            signer=self._wallet,
            token_id=draft.token_id,
            maker_amount=cost if is_buy else int(size * 1_000_000),
            taker_amount=int(size * 1_000_000) if is_buy else cost,
            side=draft.side,
            signature_type=SignatureType.POLY_1271,
            salt=7,
            timestamp_ms=1_790_000_000_000,
            protocol=draft.market.protocol,
            neg_risk=draft.market.neg_risk,
        )
        terms = f"{draft.intent_id} {draft.side} {size} {draft.price} {draft.created_at}"
        return PreparedOrder(
            unsigned=unsigned,
            order_hash=OrderHash("0x" + sha256(terms.encode()).hexdigest()),
            size=size,
            price=draft.price,
            cost_max=Usd(size * draft.price if is_buy else ZERO),
        )

    async def post_order(self, intent: Intent) -> SubmitAnswer:
        order_hash = intent.order.order_hash
        self.posts.append(order_hash)
        if self.script.posting is not None:
            await self.script.posting()
        answer = self.script.answers.popleft() if self.script.answers else Answer.MATCH
        if answer is Answer.LOST_BEFORE:
            return SubmitAnswer(None, error="timed out")
        if answer is Answer.NOT_NOW:
            return SubmitAnswer(425, error="too early", retry_after_s=self.script.retry_after_s)
        if order_hash in self.orders:
            return SubmitAnswer(400, error="order is invalid. Duplicated.")
        return self._take(intent, answer)

    async def cancel_orders(self, order_hashes: Sequence[OrderHash]) -> CancelReport:
        self._answer()
        self.cancels.extend(order_hashes)
        cancelled: list[OrderHash] = []
        refused: list[tuple[OrderHash, str]] = []
        for order_hash in order_hashes:
            order = self.orders.get(order_hash)
            if order is not None and self.script.fill_before_cancel:
                self._match(order, order.intent.order.size)
            if order is None or order.state.is_terminal:
                refused.append((order_hash, "order can't be found - already canceled or matched"))
                continue
            order.state = OrderState.CANCELLED
            cancelled.append(order_hash)
        return CancelReport(tuple(cancelled), tuple(refused))

    async def fetch_order(self, order_hash: OrderHash) -> VenueOrder | None:
        self._answer()
        order = self.orders.get(order_hash)
        if order is None or (order.state.is_terminal and self.script.forgets_ended):
            return None
        if order.state is OrderState.DELAYED:
            self._match(order, order.intent.order.size)
        return VenueOrder(order_hash, order.state, order.matched, "as the venue has it")

    async def fetch_trades(self, market: ConditionId, since: datetime) -> Sequence[VenueTrade]:
        self._answer()
        seen = self.clock() - self.script.trades_seen_after
        return [self._settled(t) for t in self.trades if since <= t.matched_at <= seen]

    async def fetch_open_orders(self) -> Sequence[OrderHash]:
        return [h for h, order in self.orders.items() if not order.state.is_terminal]

    async def fetch_cash(self) -> Usd:
        return Usd(Decimal(10_000))

    async def fetch_shares(self, token_id: TokenId) -> Shares:
        if self.script.hides_shares:
            raise UnavailableError("expected a balance, received none")
        return Shares(ZERO) if self.paid_out else self.script.shares

    async def stream_account(self) -> AsyncIterator[AccountEvent]:
        raise NotImplementedError
        yield  # pragma: no cover

    # Chain

    async def fetch_filled(self, order: UnsignedOrder, order_hash: OrderHash) -> Decimal | None:
        self._answer()
        if self.script.is_chain_away:
            raise UnavailableError("expected a block, received none")
        trades = [self._settled(t) for t in self.trades if t.order_hash == order_hash]
        if not trades:
            return None
        return sum((t.size for t in trades if t.settlement is Settlement.CONFIRMED), ZERO)

    async def fetch_block_number(self) -> int:
        return 70

    # What tests change

    def quote(self, bid: str | None, ask: str | None = None, size: str = "50000") -> None:
        """Show one level on each side; None empties a side."""
        self.bids = () if bid is None else (Level(Price(Decimal(bid)), Shares(Decimal(size))),)
        self.asks = () if ask is None else (Level(Price(Decimal(ask)), Shares(Decimal(size))),)

    def answer_with(self, *answers: Answer) -> None:
        self.script.answers.extend(answers)

    def fill(self, order_hash: OrderHash, share: str = "1") -> None:
        """Match a part of a resting order."""
        order = self.orders[order_hash]
        self._match(order, Shares(order.intent.order.size * Decimal(share)))

    def resolve(self, *payouts: str, paid: bool = True) -> None:
        prices = tuple(Price(Decimal(payout)) for payout in payouts)
        self.market = replace(self._market(), is_closed=True, payouts=prices)
        self.paid_out = paid

    def _answer(self) -> None:
        if self.script.is_away:
            raise UnavailableError("expected an answer, received none")

    def _market(self) -> Market:
        market = self.market or self.quotes_dropped
        assert market is not None, "expected the venue to have a market"
        return market

    def _take(self, intent: Intent, answer: Answer) -> SubmitAnswer:
        order_hash = intent.order.order_hash
        if answer is Answer.REJECT:
            status, words = self.script.refusal
            return SubmitAnswer(status, error=words)
        if self._market().is_closed:
            return SubmitAnswer(
                400, error=f"the orderbook {intent.order.unsigned.token_id} does not exist"
            )
        state = OrderState.DELAYED if answer is Answer.DELAYED else OrderState.LIVE
        order = self.orders[order_hash] = Booked(intent, state)
        if answer is Answer.LIVE or answer is Answer.DELAYED:
            return SubmitAnswer(200, order_id=order_hash, status=state.lower())
        given = Shares(ZERO) if answer is Answer.KILL else self._given(intent)
        self._match(order, given)
        if answer is Answer.LOST_AFTER:
            return SubmitAnswer(None, error="timed out")
        if not given:
            return SubmitAnswer(400, error="no orders found to match with FAK order.")
        return SubmitAnswer(200, order_id=order_hash, status="matched", size_matched=given)

    def _given(self, intent: Intent) -> Shares:
        """Return what the best level gives within the order's price."""
        is_buy = intent.side is Side.BUY
        levels = self.asks if is_buy else self.bids
        if not levels:
            return Shares(ZERO)
        price, limit = levels[0].price, intent.order.price
        if (price > limit) if is_buy else (price < limit):
            return Shares(ZERO)
        size = min(intent.order.size, levels[0].size) * self.script.matched_share
        return Shares(size.quantize(Decimal("0.01"), ROUND_DOWN))

    def _match(self, order: Booked, size: Shares) -> None:
        """Match some of an order; a FAK order's rest is killed."""
        intent = order.intent
        if size > 0:
            order.matched = Shares(order.matched + size)
            self.trades.append(self._trade(intent, size))
        if order.matched >= intent.order.size:
            order.state = OrderState.MATCHED
        elif not intent.order_type.rests:
            order.state = OrderState.CANCELLED
        else:
            order.state = OrderState.PARTIAL if order.matched > 0 else OrderState.LIVE

    def _trade(self, intent: Intent, size: Shares) -> VenueTrade:
        levels = self.asks if intent.side is Side.BUY else self.bids
        price = levels[0].price if levels else intent.order.price
        return VenueTrade(
            trade_id=f"trade-{next(self._numbers)}",
            order_hash=intent.order.order_hash,
            token_id=intent.order.unsigned.token_id,
            side=intent.side,
            size=size,
            cost=Usd(size * price),
            fee=Usd(ZERO),
            settlement=Settlement.MATCHED,
            matched_at=self.clock(),
        )

    def _settled(self, trade: VenueTrade) -> VenueTrade:
        if self.clock() < trade.matched_at + self.script.settled_after:
            return trade
        return replace(trade, settlement=self.script.settlement)
