"""Moves trades from MATCHED over MINED to CONFIRMED, and the money and tokens with them."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from paper.chain import Chain, Receipt, receipt_of
from paper.crowd import Crowd
from paper.derive import account_name, hash_text
from paper.faults import Faults
from paper.ledger import CASH, FEES, MINT, Ledger, Leg
from paper.matching import notional, size_step
from paper.model import (
    BlockMined,
    LogsRemoved,
    MakerFill,
    OrderRecord,
    Side,
    Trade,
    Traded,
    TradeStatus,
    TradeUpdated,
    VenueEvent,
    VenueSettings,
)
from paper.orders import Orders
from paper.registry import Listing, Registry
from paper.reorgs import Reorgs
from paper.settling_faults import (
    Pace,
    Stage,
    course_after_restart,
    course_of,
    draw_course,
    is_of_client,
    is_prefixed,
)

FINAL = (TradeStatus.CONFIRMED, TradeStatus.FAILED)
ARRIVED = (TradeStatus.MINED, TradeStatus.CONFIRMED)


def legs_of(trade: Trade) -> list[Leg]:
    """Return what a trade moves, fee included.

    A maker on the taker's token swaps with it. Two buyers of different outcomes pay the mint one
    dollar a share together and get a token each; two sellers hand a token each to the mint and
    share a dollar. A seller's fee comes out of what it gets, a buyer's on top of what it pays.
    """
    legs: list[Leg] = []
    for maker in trade.makers:
        legs += (_swap if maker.token_id == trade.token_id else _complement)(trade, maker)
    if trade.side is Side.BUY:
        return [*legs, Leg(account_name(trade.wallet), FEES, CASH, trade.fee)]
    return _fee_from_proceeds(legs, trade)


def _swap(trade: Trade, maker: MakerFill) -> list[Leg]:
    taker, other = account_name(trade.wallet), account_name(maker.wallet)
    buyer, seller = (taker, other) if trade.side is Side.BUY else (other, taker)
    return [
        Leg(buyer, seller, CASH, notional(maker.size, maker.price)),
        Leg(seller, buyer, trade.token_id, maker.size),
    ]


def _complement(trade: Trade, maker: MakerFill) -> list[Leg]:
    taker, other = account_name(trade.wallet), account_name(maker.wallet)
    makers_part = notional(maker.size, maker.price)
    takers_part = maker.size - makers_part
    if trade.side is Side.BUY:
        return [
            Leg(taker, MINT, CASH, takers_part),
            Leg(other, MINT, CASH, makers_part),
            Leg(MINT, taker, trade.token_id, maker.size),
            Leg(MINT, other, maker.token_id, maker.size),
        ]
    return [
        Leg(taker, MINT, trade.token_id, maker.size),
        Leg(other, MINT, maker.token_id, maker.size),
        Leg(MINT, taker, CASH, takers_part),
        Leg(MINT, other, CASH, makers_part),
    ]


def _fee_from_proceeds(legs: Iterable[Leg], trade: Trade) -> list[Leg]:
    taker, fee = account_name(trade.wallet), trade.fee
    result: list[Leg] = []
    for leg in legs:
        part = min(fee, leg.size) if leg.target == taker and leg.asset == CASH else 0
        result.append(replace(leg, size=leg.size - part))
        if part:
            result.append(Leg(leg.source, FEES, CASH, part))
            fee -= part
    return result


@dataclass(frozen=True, slots=True)
class Floor:
    """What booking and settling a trade touches."""

    ledger: Ledger
    registry: Registry
    orders: Orders
    crowd: Crowd
    chain: Chain
    publish: Callable[[VenueEvent], None]
    faults: Faults = field(default_factory=Faults)


class Settlement:
    """Trades that are on their way, and all that are done.

    At the match, givers' assets leave their accounts; when the trade is mined, the receivers get
    them: what a wallet bought cannot be sold before it is on the chain, as on the real venue.
    Trades of clients go the course that the plan of faults deals them; without one they are mined
    `mined_after_s` after the match, in a block of their own if need be, and only then tell their
    transaction. Trades among made-up wallets know their transaction at once and wait for the next
    regular block.
    """

    def __init__(self, floor: Floor, settings: VenueSettings, play_id: str) -> None:
        self._floor = floor
        self._play_id = play_id
        self._pace = Pace(
            _milliseconds(settings.mined_after_s), _milliseconds(settings.confirmed_after_s)
        )
        self._block_every = _milliseconds(settings.block_every_s)
        self._next_block_at: int | None = None
        self._reorgs = Reorgs(floor.chain, floor.faults, floor.publish)
        self._trades: list[Trade] = []
        self._open: dict[str, Trade] = {}
        self._courses: dict[str, deque[Stage]] = {}  # of open trades, what is yet to come
        self._changed: dict[str, Trade] = {}
        self._settled: dict[str, int] = {}

    def load(self, trades: Iterable[Trade]) -> None:
        """Take over saved trades, oldest first; those under way go on, and nothing goes wrong."""
        for trade in trades:
            self._trades.append(trade)
            if trade.status not in FINAL:
                self._enter(trade, course_after_restart(trade, self._pace))
            if trade.status in ARRIVED:
                self._count_settled(trade, 1)

    def transaction_hash(self, trade: Trade) -> str:
        """Return the hash a trade's transaction has or will have, unless it has to be retried."""
        return hash_text("transaction", self._play_id, trade.trade_id)

    def book(self, trade: Trade) -> None:
        """Book a trade as MATCHED and tell the world."""
        listing = self._listing(trade)
        legs = legs_of(trade)
        for leg in legs:
            if self._floor.crowd.is_invented(leg.source):
                self._floor.ledger.provide(leg.source, listing.market.token_ids, leg)
            self._floor.ledger.depart([leg])
        listing.add_trade(listing.outcome_of(trade.token_id), trade.price, trade.cost)
        self._floor.registry.touch(listing)
        self._enter(trade, self._draw_course(trade))
        self._trades.append(trade)
        self._floor.publish(Traded(replace(trade)))
        self._tell(trade)

    def step(self, now: int) -> None:
        """Mine and confirm what is due, and let go wrong what has to."""
        if self._next_block_at is None:
            self._next_block_at = now + self._block_every
        is_regular = now >= self._next_block_at
        if is_regular or any(self._is_due(trade, now) for trade in self._open.values()):
            self._mine(now, is_regular=is_regular)
        for trade in tuple(self._open.values()):
            while self._stage(trade, now) not in (None, TradeStatus.MINED):
                self._take(trade, self._courses[trade.trade_id].popleft().status, now)
        self._reorgs.step(now)

    def trades(self) -> Sequence[Trade]:
        """Return every trade, oldest first; the list grows as it is read."""
        return self._trades

    @property
    def count(self) -> int:
        """Return how many trades were ever booked."""
        return len(self._trades)

    def open_markets(self) -> set[str]:
        """Return the condition ids of trades that are not final."""
        return {trade.condition_id for trade in self._open.values()}

    def settled_size(self, order_id: str) -> int | None:
        """Return the shares of an order that are on the chain, None if none are."""
        return self._settled.get(order_id) or None

    @property
    def has_changes(self) -> bool:
        """Tell whether there is anything to be saved."""
        return bool(self._changed)

    def take_changes(self) -> list[Trade]:
        """Return the trades that have to be saved, oldest change first."""
        changed, self._changed = self._changed, {}
        return list(changed.values())

    def _enter(self, trade: Trade, course: Sequence[Stage]) -> None:
        self._open[trade.trade_id] = trade
        self._courses[trade.trade_id] = deque(course)

    def _draw_course(self, trade: Trade) -> tuple[Stage, ...]:
        if not is_of_client(trade):
            return course_of(trade, self._pace, None)
        fault = draw_course(self._floor.faults, trade, self.count)
        trade.is_prefixed = is_prefixed(self._floor.faults, trade, self.count)
        course = course_of(trade, self._pace, fault)
        trade.is_broadcast = course[0].status is not TradeStatus.MATCHED
        return course

    def _stage(self, trade: Trade, now: int) -> TradeStatus | None:
        course = self._courses.get(trade.trade_id)
        return course[0].status if course and now >= course[0].at else None

    def _is_due(self, trade: Trade, now: int) -> bool:
        return is_of_client(trade) and self._stage(trade, now) is TradeStatus.MINED

    def _mine(self, now: int, *, is_regular: bool) -> None:
        if is_regular:
            self._next_block_at = now + self._block_every
        trades = [
            trade
            for trade in self._open.values()
            if self._is_due(trade, now)
            or (trade.status is TradeStatus.MATCHED and not is_of_client(trade))
        ]
        number, logs = self._floor.chain.mine(now, [self._settle(trade) for trade in trades])
        self._floor.publish(BlockMined(number, logs))
        for trade in trades:
            self._courses[trade.trade_id].popleft()
            self._advance(trade, TradeStatus.MINED, now)
        self._reorgs.watch(number, logs, now)

    def _settle(self, trade: Trade) -> Receipt:
        self._floor.ledger.arrive(legs_of(trade))
        if trade.status is TradeStatus.RETRYING:
            trade.transaction_hash = hash_text(
                "transaction", self._play_id, trade.trade_id, "again"
            )
        trade.transaction_hash = trade.transaction_hash or self.transaction_hash(trade)
        self._count_settled(trade, 1)
        market, orders = self._listing(trade).market, self._floor.orders
        return receipt_of(trade, trade.transaction_hash, market, orders.signed)

    def _take(self, trade: Trade, status: TradeStatus, now: int) -> None:
        match status:
            case TradeStatus.MATCHED:
                trade.is_broadcast = True
                self._changed[trade.trade_id] = trade
            case TradeStatus.RETRYING:
                self._retry(trade, now)
            case TradeStatus.FAILED:
                self._floor.ledger.turn_back(legs_of(trade))
                self._finish(trade, status, now)
            case _:
                self._finish(trade, status, now)

    def _retry(self, trade: Trade, now: int) -> None:
        if trade.status is TradeStatus.MINED and not self._take_back(trade):
            # What it brought was used since, so that it has to stand.
            self._courses[trade.trade_id].clear()
            self._finish(trade, TradeStatus.CONFIRMED, now)
            return
        trade.transaction_hash = trade.transaction_hash or self.transaction_hash(trade)
        self._advance(trade, TradeStatus.RETRYING, now)

    def _take_back(self, trade: Trade) -> bool:
        floor, legs = self._floor, legs_of(trade)
        tokens = self._listing(trade).market.token_ids
        if not is_recallable(floor, legs):
            return False
        for leg in legs:
            if floor.crowd.is_invented(leg.target):
                floor.ledger.provide(leg.target, tokens, leg)
            floor.ledger.recall([leg])
        self._count_settled(trade, -1)
        floor.publish(LogsRemoved(floor.chain.take_back(trade.transaction_hash)))
        return True

    def _finish(self, trade: Trade, status: TradeStatus, now: int) -> None:
        del self._open[trade.trade_id], self._courses[trade.trade_id]
        self._advance(trade, status, now)

    def _advance(self, trade: Trade, status: TradeStatus, now: int) -> None:
        trade.status = status
        trade.updated_at = now
        self._tell(trade)

    def _tell(self, trade: Trade) -> None:
        self._changed[trade.trade_id] = trade
        self._floor.publish(TradeUpdated(replace(trade)))

    def _count_settled(self, trade: Trade, sign: int) -> None:
        parts = [(trade.taker_order_id, trade.size)]
        parts += [(maker.order_id, maker.size) for maker in trade.makers]
        for order_id, size in parts:
            if self._floor.orders.get(order_id) is not None:
                self._settled[order_id] = self._settled.get(order_id, 0) + sign * size

    def _listing(self, trade: Trade) -> Listing:
        listing = self._floor.registry.get(trade.condition_id)
        assert listing is not None, trade.condition_id
        return listing


def is_recallable(floor: Floor, legs: Iterable[Leg]) -> bool:
    """Tell whether those who got something still have it, besides what their orders reserve."""
    received: dict[tuple[str, str], int] = {}
    for leg in legs:
        if leg.target != MINT and not floor.crowd.is_invented(leg.target):
            key = (leg.target, leg.asset)
            received[key] = received.get(key, 0) + leg.size
    return all(
        floor.ledger.balance(account, asset) - floor.orders.reserved(account, asset) >= size
        for (account, asset), size in received.items()
    )


def chain_status(record: OrderRecord, settled: int) -> tuple[bool, int]:
    """Return (is filled, remaining maker amount) of an order with `settled` shares on the chain.

    What is left is pro rata by shares: a better price leaves nothing to be given later. A
    remainder too small to cost a whole micro counts as filled.
    """
    order = record.order
    if order.size - settled < size_step(record.price):
        return True, 0
    return False, order.maker_amount - order.maker_amount * settled // order.size


def _milliseconds(seconds: Decimal) -> int:
    return int(seconds * 1000)
