"""A venue that knows what a test tells it: real subscriptions, a clock that stands still."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from paper.chain import Block
from paper.faults import Faults
from paper.model import (
    MICROS,
    Book,
    ChainLog,
    Dialect,
    Level,
    MakerFill,
    Market,
    OrderRecord,
    OrderStatus,
    OrderType,
    Side,
    SignedOrder,
    Trade,
    TradeStatus,
    VenueEvent,
)
from paper.office import Transaction
from paper.playback import Play
from paper.redemption import Redemption
from paper.subscriptions import Subscriptions
from paper.tape import ClosedTrade, TapeHeader, TapeWallet
from paper.venue import Venue

NOW = 1_795_000_000_500
DAY_MS = 86_400_000
CONDITION = "0x" + "c1" * 32
YES, NO = str((1 << 250) + (1 << 45) + 1), str((1 << 250) + (1 << 45) + 2)
CONDITION_V3 = "0x" + "c3" * 32
YES_V3, NO_V3 = str((1 << 248) + (7 << 110)), str((1 << 248) + (7 << 110) + 1)
WHALE = "0x1111111111111111111111111111111111111111"
CROWD = "0x2222222222222222222222222222222222222222"
CLIENT = "0x3333333333333333333333333333333333333333"
KEY = ("0x4444444444444444444444444444444444444444", "key-1", "c2VjcmV0", "pass-1")
OTHER_KEY = ("0x5555555555555555555555555555555555555555", "key-2", "b3RoZXI=", "pass-2")
HASH = "0x" + "ab" * 32


def a_market(
    condition_id: str = CONDITION,
    token_ids: tuple[str, str] = (YES, NO),
    dialect: Dialect = Dialect.CLOB_V2,
    slug: str = "up-or-down",
) -> Market:
    return Market(
        condition_id=condition_id,
        question=f"Will {slug} happen?",
        slug=slug,
        event_slug=f"{slug}-event",
        outcomes=("Up", "Down"),
        token_ids=token_ids,
        dialect=dialect,
        neg_risk=False,
        tick_size=10_000,
        min_size=5 * MICROS,
        fee_rate=Decimal("0.07"),
        fee_exponent=1,
        starts_at=NOW - 600_000,
        ends_at=NOW + 900_000,
        volume=1_234_560_000,
    )


def a_trade(**changes: object) -> Trade:
    """A whale buys 30 Up: 10 from a seller at 0.44, 20 from a buyer of Down at 0.55."""
    makers = (
        MakerFill("0xm1", "", CROWD, YES, "Up", Side.SELL, 10 * MICROS, 440_000),
        MakerFill("0xm2", "", CROWD, NO, "Down", Side.BUY, 20 * MICROS, 550_000),
    )
    trade = Trade(
        trade_id="trade-1",
        taker_order_id="0xt1",
        owner="",
        wallet=WHALE,
        condition_id=CONDITION,
        token_id=YES,
        outcome="Up",
        side=Side.BUY,
        size=30 * MICROS,
        price=446_666,
        cost=13_400_000,
        fee=500_000,
        status=TradeStatus.MATCHED,
        matched_at=NOW - 60_000,
        updated_at=NOW - 60_000,
        makers=makers,
        transaction_hash=HASH,
    )
    for name, value in changes.items():
        setattr(trade, name, value)
    return trade


def an_order(owner: str = KEY[1], order_type: OrderType = OrderType.GTC) -> OrderRecord:
    order = SignedOrder(
        order_id="0x" + "0d" * 32,
        salt=1,
        maker=CLIENT,
        signer=CLIENT,
        token_id=YES,
        maker_amount=44 * MICROS,
        taker_amount=100 * MICROS,
        side=Side.BUY,
        signature_type=0,
        timestamp=NOW,
        metadata="0x" + "00" * 32,
        builder="0x" + "00" * 32,
        signature="0x",
    )
    return OrderRecord(
        order=order,
        condition_id=CONDITION,
        outcome="Up",
        price=440_000,
        owner=owner,
        order_type=order_type,
        post_only=False,
        status=OrderStatus.LIVE,
        received_at=NOW,
    )


def a_log(number: int, topics: tuple[str, ...], address: str, index: int = 0) -> ChainLog:
    return ChainLog(
        address=address,
        topics=topics,
        data="0x",
        block_number=number,
        block_hash="0x" + f"{number:064x}",
        block_timestamp=NOW // 1000 - 7,
        transaction_hash=HASH,
        transaction_index=0,
        log_index=index,
    )


def a_past_wallet() -> TapeWallet:
    history = (
        ClosedTrade(NOW - 90 * DAY_MS, NOW - 80 * DAY_MS, "crypto", 1_000 * MICROS, 250 * MICROS),
        ClosedTrade(NOW - 3 * DAY_MS, NOW - 2 * DAY_MS, "sports", 500 * MICROS, -100 * MICROS),
    )
    return TapeWallet(WHALE, "kestrel", "skilful", history)


def mirror(levels: Sequence[Level]) -> tuple[Level, ...]:
    return tuple(Level(MICROS - level.price, level.size) for level in levels)


class ToldVenue(Venue):
    def __init__(self) -> None:
        self.at = NOW
        self.listed = [
            a_market(),
            a_market(CONDITION_V3, (YES_V3, NO_V3), Dialect.PROTOCOL_V2, "rain-or-shine"),
        ]
        self.made: list[Trade] = []
        self.paid: list[Redemption] = []
        self.told_play: Play | None = None
        self.told_header: TapeHeader | None = None
        self.balances: dict[tuple[str, str | None], int] = {}
        self.head = 1_000
        self.chain: list[ChainLog] = []
        self.settled: dict[str, tuple[bool, int]] = {}
        self.subscriptions = Subscriptions()
        self.faults = Faults()
        self.books: dict[str, Book] = {}
        self.set_book(CONDITION, (Level(430_000, 100 * MICROS),), (Level(450_000, 200 * MICROS),))

    def set_book(self, condition_id: str, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Put a book in place without telling anybody."""
        market = self.market(condition_id)
        assert market is not None
        yes, no = market.token_ids
        self.books[yes] = Book(yes, condition_id, tuple(bids), tuple(asks), self.at, 440_000)
        self.books[no] = Book(no, condition_id, mirror(asks), mirror(bids), self.at, 560_000)

    def tell(self, event: VenueEvent) -> None:
        self.subscriptions.publish(event)

    def resolve(self, payouts: tuple[int, int]) -> Market:
        market = replace(self.listed[0], payouts=payouts, closed=True, accepting_orders=False)
        self.listed[0] = market
        return market

    def now(self) -> int:
        return self.at

    def markets(self) -> Sequence[Market]:
        return self.listed

    def market(self, condition_id: str) -> Market | None:
        return next((m for m in self.listed if m.condition_id == condition_id), None)

    def mined_transaction(self, transaction_hash: str) -> Transaction | None:
        return None

    def market_of(self, token_id: str) -> Market | None:
        return next((m for m in self.listed if token_id in m.token_ids), None)

    def book(self, token_id: str) -> Book | None:
        return self.books.get(token_id)

    def trades(self) -> Sequence[Trade]:
        return self.made

    def redemptions(self) -> Sequence[Redemption]:
        return self.paid

    @property
    def play(self) -> Play | None:
        return self.told_play

    @property
    def tape_header(self) -> TapeHeader | None:
        return self.told_header

    def block(self, number: int) -> Block | None:
        if not 0 < number <= self.head:
            return None
        at = NOW // 1000 - 2 * (self.head - number)
        return Block(number, f"0x{number:064x}", f"0x{number - 1:064x}", at)

    def tape_wallets(self) -> Sequence[TapeWallet]:
        return (a_past_wallet(),)

    def balance(self, wallet: str, token_id: str | None) -> int:
        return self.balances.get((wallet, token_id), 0)

    def block_number(self) -> int:
        return self.head

    def logs(self, from_block: int, to_block: int) -> Sequence[ChainLog]:
        return [log for log in self.chain if from_block <= log.block_number <= to_block]

    def filled_on_chain(self, order_id: str) -> tuple[bool, int] | None:
        return self.settled.get(order_id)

    def subscribe(self, capacity: int = 10_000) -> "asyncio.Queue[VenueEvent]":
        return self.subscriptions.open(capacity)

    def unsubscribe(self, queue: "asyncio.Queue[VenueEvent]") -> None:
        self.subscriptions.close(queue)
