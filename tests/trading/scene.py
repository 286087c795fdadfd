"""One copyable whale order with all its facts; tests change what they are about."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trading.decide import Facts, Portfolio, WhaleStanding
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
    SignalId,
    Source,
    TokenId,
    Usd,
    Wallet,
    WhaleFill,
    WhaleSignal,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WHALE = Wallet("0x" + "11" * 20)
YES, NO = TokenId("1" * 77), TokenId("2" * 77)
TICK = Price(Decimal("0.01"))


def price(text: str) -> Price:
    return Price(Decimal(text))


def shares(text: str) -> Shares:
    return Shares(Decimal(text))


def usd(text: str) -> Usd:
    return Usd(Decimal(text))


def levels(*pairs: tuple[str, str]) -> tuple[Level, ...]:
    return tuple(Level(price(p), shares(s)) for p, s in pairs)


def order_book(
    bids: tuple[tuple[str, str], ...] = (("0.49", "20000"), ("0.48", "20000")),
    asks: tuple[tuple[str, str], ...] = (("0.50", "20000"), ("0.51", "20000")),
    tick_size: Price = TICK,
    received_at: datetime = NOW,
) -> OrderBook:
    return OrderBook(
        YES, levels(*bids), levels(*asks), received_at, received_at, tick_size, shares("5")
    )


def market() -> Market:
    return Market(
        condition_id=ConditionId("0x" + "22" * 32),
        question="Will it?",
        slug="will-it",
        outcomes=("Yes", "No"),
        token_ids=(YES, NO),
        protocol=Protocol.CLOB_V2,
        neg_risk=False,
        tick_size=TICK,
        min_size=shares("5"),
        fees=FeeSchedule(Decimal("0.04"), 1),
        ends_at=NOW + timedelta(days=3),
        is_active=True,
        is_closed=False,
        accepts_orders=True,
        liquidity=usd("50000"),
    )


def signal(side: Side = Side.BUY, size: str = "4000", at: str = "0.50") -> WhaleSignal:
    return WhaleSignal(
        signal_id=SignalId("s"),
        wallet=WHALE,
        token_id=YES,
        side=side,
        size=shares(size),
        price=price(at),
        fill_count=1,
        traded_at=NOW - timedelta(seconds=3),
        detected_at=NOW - timedelta(seconds=1),
        source=Source.CHAIN,
        transaction_hash="0x01",
    )


def whale_fill(size: str = "100", at: str = "0.50", side: Side = Side.BUY) -> WhaleFill:
    return WhaleFill(
        wallet=WHALE,
        token_id=YES,
        side=side,
        size=shares(size),
        price=price(at),
        transaction_hash="0x01",
        traded_at=NOW - timedelta(seconds=2),
        source=Source.RTDS,
        seen_at=NOW,
    )


def facts(whale_signal: WhaleSignal | None = None) -> Facts:
    return Facts(
        signal=signal() if whale_signal is None else whale_signal,
        whale=WhaleStanding(
            WHALE,
            is_followed=True,
            is_paused=False,
            quality_score=Decimal("0.7"),
            win_rate=Decimal("0.68"),
            closed_trades=120,
        ),
        market=market(),
        book=order_book(),
        portfolio=Portfolio(usd("8000"), usd("2000"), Decimal("0.02"), entries_halted=False),
        held=shares("0"),
        whale_held=shares("0"),
        volatility=Decimal("0.02"),
        correlation=Decimal("0.1"),
        now=NOW,
    )
