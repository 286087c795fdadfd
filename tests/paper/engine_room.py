"""Makes markets, orders and venues for the tests of the engine, with a clock that tests turn."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from paper.ledger import BANK, CASH, MINT, Ledger, Leg
from paper.model import (
    MICROS,
    Book,
    Dialect,
    Level,
    Market,
    OrderType,
    Side,
    SignedOrder,
    Trade,
    TradeStatus,
    VenueEvent,
    VenueSettings,
)
from paper.tape import Tape
from paper.venue import SubmitResult, Venue

START = 1_800_000_000_000
CONDITION = "0x" + "aa" * 32
YES, NO = str(11 << 200 | 1 << 50), str(12 << 200 | 1 << 50)
ANNA = "0x1111111111111111111111111111111111111111"
BERT = "0x2222222222222222222222222222222222222222"
_salts = itertools.count(1)


def shares(text: str) -> int:
    """Return micros of a decimal number."""
    return int(Decimal(text) * MICROS)


def levels(*pairs: tuple[str, str]) -> tuple[Level, ...]:
    """Return levels of (price, size) pairs."""
    return tuple(Level(shares(price), shares(size)) for price, size in pairs)


def a_market(tick: str = "0.01", **changes: object) -> Market:
    """Return a standard market without fees, open since the start."""
    market = Market(
        condition_id=CONDITION,
        question="Will it rain?",
        slug="rain",
        event_slug="weather",
        outcomes=("Yes", "No"),
        token_ids=(YES, NO),
        dialect=Dialect.CLOB_V2,
        neg_risk=False,
        tick_size=shares(tick),
        min_size=5 * MICROS,
        fee_rate=Decimal(0),
        fee_exponent=1,
        starts_at=START,
        ends_at=START + 3_600_000,
    )
    return replace(market, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Wish:
    """What an order in a test asks for."""

    side: Side = Side.BUY
    price: str = "0.50"
    size: str = "10"
    token_id: str = YES
    maker: str = ANNA
    order_type: OrderType = OrderType.GTC
    post_only: bool = False
    expiration: int = 0
    order_id: str = ""
    maker_amount: int | None = None
    taker_amount: int | None = None

    def signed(self) -> SignedOrder:
        """Return the order; amounts follow from price and size unless given."""
        dollars = int(Decimal(self.price) * Decimal(self.size) * MICROS)
        making, taking = dollars, shares(self.size)
        if self.side is Side.SELL:
            making, taking = taking, making
        salt = next(_salts)
        return SignedOrder(
            order_id=self.order_id or f"0x{salt:064x}",
            salt=salt,
            maker=self.maker,
            signer=self.maker,
            token_id=self.token_id,
            maker_amount=making if self.maker_amount is None else self.maker_amount,
            taker_amount=taking if self.taker_amount is None else self.taker_amount,
            side=self.side,
            signature_type=0,
            timestamp=START,
            metadata="0x" + "00" * 32,
            builder="0x" + "00" * 32,
            signature="0x",
            expiration=self.expiration,
        )


@dataclass
class Clock:
    """A clock that stands still until it is turned."""

    at: int = START

    def __call__(self) -> int:
        return self.at


@dataclass
class Room:
    """A venue with one market and two wallets, and everything it has told."""

    venue: Venue
    clock: Clock
    told: list[VenueEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.events = self.venue.subscribe()

    def post(self, wish: Wish) -> SubmitResult:
        """Post an order under the key that is named like its wallet."""
        return self.venue.submit(
            wish.signed(), wish.order_type, owner=f"key of {wish.maker}", post_only=wish.post_only
        )

    def book(self, bids: tuple[Level, ...] = (), asks: tuple[Level, ...] = ()) -> None:
        """Record a snapshot."""
        self.venue.set_book(CONDITION, bids, asks)

    def wait(self, seconds: str) -> None:
        """Turn the clock, in steps of 100 ms."""
        for _ in range(int(Decimal(seconds) * 10)):
            self.clock.at += 100
            self.venue.step()

    def heard(self) -> list[VenueEvent]:
        """Return what was told since the last call."""
        news: list[VenueEvent] = []
        while not self.events.empty():
            news.append(self.events.get_nowait())
        self.told += news
        return news

    def own(self, wallet: str, token_id: str, size: str) -> None:
        """Put tokens into a wallet."""
        ledger: Ledger = self.venue._company.floor.ledger
        ledger.move(Leg(BANK, MINT, CASH, shares(size)))
        other = NO if token_id == YES else YES
        ledger.move(Leg(MINT, wallet, token_id, shares(size)))
        ledger.move(Leg(MINT, BANK, other, shares(size)))


QUIET = VenueSettings(filler_fills_per_s=Decimal(0))


def open_room(home: Path, market: Market | None = None, **options: object) -> Room:
    """Open a venue without a tape: one market, two wallets with their bankroll."""
    clock = Clock()
    settings = options.pop("settings", QUIET)
    venue = Venue(None, settings, home=home, clock=clock, **options)  # type: ignore[arg-type]
    venue.add_market(market or a_market())
    for wallet in (ANNA, BERT):
        venue.open_wallet(wallet)
    room = Room(venue, clock)
    venue.step()
    room.heard()
    return room


@contextmanager
def playing(tape: Tape, home: Path, clock: Clock, **options: object) -> Iterator[Venue]:
    """Open a venue that plays a tape; closed at the end."""
    settings = options.pop("settings", QUIET)
    venue = Venue(tape, settings, home=home, clock=clock, **options)  # type: ignore[arg-type]
    try:
        yield venue
    finally:
        venue.close()


def sums(venue: Venue) -> dict[str, int]:
    """Return the total of every asset over all accounts; each must be zero."""
    totals: dict[str, int] = {}
    for cash, tokens in venue.wallets().values():
        for asset, size in ((CASH, cash), *tokens.items()):
            totals[asset] = totals.get(asset, 0) + size
    return totals


def is_balanced(venue: Venue) -> bool:
    """Tell whether every asset sums to zero and nobody but bank and mint is below zero."""
    return all(total == 0 for total in sums(venue).values()) and all(
        cash >= 0 and all(size >= 0 for size in tokens.values())
        for account, (cash, tokens) in venue.wallets().items()
        if account not in (BANK, MINT)
    )


def a_trade(**changes: object) -> Trade:
    """Return a trade without makers."""
    trade = Trade(
        trade_id="trade",
        taker_order_id="0x" + "01" * 32,
        owner="",
        wallet=ANNA,
        condition_id=CONDITION,
        token_id=YES,
        outcome="Yes",
        side=Side.BUY,
        size=10 * MICROS,
        price=500_000,
        cost=5 * MICROS,
        fee=0,
        status=TradeStatus.MATCHED,
        matched_at=START,
        updated_at=START,
        makers=(),
    )
    return replace(trade, **changes)  # type: ignore[arg-type]


def view(venue: Venue, token_id: str = YES) -> Book:
    """Return a token's book."""
    book = venue.book(token_id)
    assert book is not None
    return book
