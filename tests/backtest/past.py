"""A past made up for a test: markets, books, fills and results, told in order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from backtest.port import BookSeen, Event, FillSeen, MarketListed, MarketResolved, Origin
from trading.types import (
    ConditionId,
    FeeSchedule,
    Level,
    Market,
    OrderBook,
    Price,
    Protocol,
    Shares,
    Side,
    Source,
    TokenId,
    Usd,
    Wallet,
    WhaleFill,
)
from trading.whales import ClosedTrade

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
WHALE = Wallet("0x" + "a" * 40)
OTHER = Wallet("0x" + "b" * 40)
NO_FEES = FeeSchedule(Decimal(0), 1)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def a_market(
    name: str = "m", ends_at: datetime | None = None, fees: FeeSchedule = NO_FEES
) -> Market:
    return Market(
        condition_id=ConditionId(name),
        question=f"Will {name}?",
        slug=name,
        outcomes=("Yes", "No"),
        token_ids=(TokenId(f"{name}-yes"), TokenId(f"{name}-no")),
        protocol=Protocol.CLOB_V2,
        neg_risk=False,
        tick_size=Price(Decimal("0.01")),
        min_size=Shares(Decimal(5)),
        fees=fees,
        ends_at=ends_at or START + timedelta(hours=12),
        is_active=True,
        is_closed=False,
        accepts_orders=True,
    )


def levels(*pairs: tuple[str, str]) -> tuple[Level, ...]:
    return tuple(Level(Price(Decimal(p)), Shares(Decimal(s))) for p, s in pairs)


@dataclass(frozen=True, slots=True)
class Shown:
    """A two-sided book of a market's first token; the second's is its mirror."""

    market: Market
    at: datetime
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    def book(self, token_id: TokenId) -> OrderBook:
        bids, asks = self.bids, self.asks
        if token_id != self.market.token_ids[0]:
            bids, asks = _turned(asks), _turned(bids)
        return OrderBook(
            token_id, bids, asks, self.at, self.at, self.market.tick_size, self.market.min_size
        )


def _turned(side: tuple[Level, ...]) -> tuple[Level, ...]:
    return tuple(Level(Price(1 - level.price), level.size) for level in side)


def a_book(
    market: Market, at: datetime, bid: str = "0.49", ask: str = "0.50", *, stands: bool = True
) -> BookSeen:
    """Thirty thousand shares at each of three levels a side, so that much can be had."""
    bids = [(str(Decimal(bid) - step * market.tick_size), "30000") for step in range(3)]
    asks = [(str(Decimal(ask) + step * market.tick_size), "30000") for step in range(3)]
    view = Shown(market, at, levels(*bids), levels(*asks))
    return BookSeen(at, market.condition_id, view, stands)


def a_fill(
    market: Market,
    at: datetime,
    size: str = "4000",
    price: str = "0.50",
    side: Side = Side.BUY,
    wallet: Wallet = WHALE,
    token: int = 0,
    tx: str = "",
) -> FillSeen:
    fill = WhaleFill(
        wallet=wallet,
        token_id=market.token_ids[token],
        side=side,
        size=Shares(Decimal(size)),
        price=Price(Decimal(price)),
        transaction_hash=tx or f"tx {wallet} {at.isoformat()} {market.condition_id}",
        traded_at=at,
        source=Source.CHAIN,
        seen_at=at,
        log_index=0,
        is_taker=True,
    )
    return FillSeen(at, fill)


def won(market: Market, at: datetime, *payouts: str) -> MarketResolved:
    paid = tuple(Price(Decimal(p)) for p in payouts or ("1", "0"))
    return MarketResolved(at, market.condition_id, paid)


def a_good_past(trades: int = 120, until: datetime = START) -> list[ClosedTrade]:
    """Three of four trades won at even odds, over four months and ten categories."""
    return [
        ClosedTrade(
            closed_at=until - timedelta(days=(trades - n)),
            cost=Usd(Decimal(1000)),
            pnl=Usd(Decimal(-1000 if n % 4 == 3 else 1000)),
            category=f"category {n % 10}",
        )
        for n in range(trades)
    ]


@dataclass
class Past:
    """A history; events are told in the order given."""

    told: list[Event]
    pasts: Mapping[Wallet, Sequence[ClosedTrade]] = field(
        default_factory=lambda: {WHALE: a_good_past()}
    )
    names: Mapping[Wallet, str] = field(default_factory=lambda: {WHALE: "whale", OTHER: "other"})
    notes: tuple[str, ...] = ("made up",)

    @property
    def origin(self) -> Origin:
        return Origin("a made-up past", START, max(e.at for e in self.told), self.notes)

    def events(self) -> Iterator[Event]:
        yield from self.told


def a_story(*more: Event, paid: tuple[str, str] = ("1", "0"), market: Market | None = None) -> Past:
    """One whale order at 0.50 in a deep market that stays where it is and is then settled."""
    market = market or a_market()
    told: list[Event] = [
        MarketListed(after(0), market, "news"),
        a_book(market, after(1)),
        a_fill(market, after(10)),
        a_book(market, after(10)),
        *more,
        won(market, after(40_000), *paid),
    ]
    return Past(sorted(told, key=lambda event: event.at))
