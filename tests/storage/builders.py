"""Makes the records that the storage tests hand to the store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256

from storage.port import ExitOrder, LimitCaps, PositionRecord, Reserved, WhaleRecord
from storage.postgres import PostgresStore
from trading.decide import WhaleStanding
from trading.orders import Evidence, Intent, PreparedOrder, UnsignedOrder, VenueTrade
from trading.types import (
    ConditionId,
    ExitReason,
    FeeSchedule,
    IntentId,
    Market,
    OrderHash,
    OrderType,
    PositionId,
    Price,
    Protocol,
    Settlement,
    Shares,
    Side,
    SignalId,
    SignatureType,
    Source,
    TokenId,
    Usd,
    Wallet,
    WhaleFill,
    WhaleSignal,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WALLET = Wallet("0x" + "a1" * 20)
WHALE = Wallet("0x" + "b2" * 20)
MARKET = ConditionId("0x" + "c3" * 32)
YES = TokenId("7" * 77)
NO = TokenId("8" * 77)
CAPS = LimitCaps(
    position=Usd(Decimal(1000)),
    market=Usd(Decimal(5000)),
    whale=Usd(Decimal(10_000)),
    wallet=Usd(Decimal(35_000)),
    market_share=Decimal(1),
    open_orders=1000,
    orders_per_min=1000,
    orders_per_min_token=1000,
    notional_per_min=Usd(Decimal(1_000_000)),
    repeats=0,
    repeats_window=timedelta(minutes=10),
)


def usd(number: str | int) -> Usd:
    return Usd(Decimal(number))


def shares(number: str | int) -> Shares:
    return Shares(Decimal(number))


def price(number: str | int) -> Price:
    return Price(Decimal(number))


def later(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


def order_hash(name: str) -> OrderHash:
    return OrderHash("0x" + sha256(name.encode()).hexdigest())


def entry(
    name: str = "s1#1",
    *,
    size: str = "100",
    at: str = "0.50",
    cost_max: str | None = None,
    whale: Wallet = WHALE,
    token_id: TokenId = YES,
    condition_id: ConditionId = MARKET,
    created_at: datetime = NOW,
    wallet: Wallet = WALLET,
) -> Intent:
    """Return the intent of a BUY, named `<signal>#<attempt>`."""
    signal_id, attempt = name.split("#")
    unsigned = UnsignedOrder(
        maker=wallet,
        signer=wallet,
        token_id=token_id,
        maker_amount=int(Decimal(size) * Decimal(at) * 1_000_000),
        taker_amount=int(Decimal(size) * 1_000_000),
        side=Side.BUY,
        signature_type=SignatureType.POLY_1271,
        salt=2**200 + 17,
        timestamp_ms=1_790_000_000_000,
        protocol=Protocol.CLOB_V2,
        neg_risk=True,
    )
    prepared = PreparedOrder(
        unsigned=unsigned,
        order_hash=order_hash(name),
        size=shares(size),
        price=price(at),
        cost_max=usd(cost_max) if cost_max is not None else Usd(Decimal(size) * Decimal(at)),
    )
    return Intent(
        intent_id=IntentId(name),
        signal_id=SignalId(signal_id),
        position_id=PositionId(""),
        attempt=int(attempt),
        exit_epoch=0,
        condition_id=condition_id,
        whale=whale,
        order_type=OrderType.FAK,
        order=prepared,
        reference_price=price("0.495"),
        created_at=created_at,
        expires_at=created_at + timedelta(seconds=5),
    )


def leave(
    position_id: PositionId,
    *,
    epoch: int = 1,
    attempt: int = 1,
    size: str = "100",
    at: str = "0.60",
    created_at: datetime = NOW,
) -> ExitOrder:
    """Return a SELL of a position."""
    name = f"{position_id}-exit-{epoch}#{attempt}"
    intent = entry(name, size=size, at=at, cost_max="0", created_at=created_at)
    unsigned = replace(
        intent.order.unsigned,
        side=Side.SELL,
        maker_amount=intent.order.unsigned.taker_amount,
        taker_amount=intent.order.unsigned.maker_amount,
    )
    intent = replace(
        intent,
        signal_id=None,
        position_id=position_id,
        exit_epoch=epoch,
        order=replace(intent.order, unsigned=unsigned),
    )
    return ExitOrder(intent, ExitReason.STOP_LOSS)


def trade(
    intent: Intent,
    name: str = "t1",
    *,
    size: str | None = None,
    at: str | None = None,
    fee: str = "0",
    settlement: Settlement = Settlement.CONFIRMED,
    matched_at: datetime = NOW,
) -> VenueTrade:
    """Return a trade of an order, by default all of it at its price."""
    filled = Decimal(size) if size is not None else intent.order.size
    paid = Decimal(at) if at is not None else intent.order.price
    return VenueTrade(
        trade_id=name,
        order_hash=intent.order.order_hash,
        token_id=intent.order.unsigned.token_id,
        side=intent.side,
        size=Shares(filled),
        cost=Usd(filled * paid),
        fee=usd(fee),
        settlement=settlement,
        matched_at=matched_at,
        transaction_hash="0x" + "d4" * 32,
    )


def signal(name: str = "s1", *, side: Side = Side.BUY, traded_at: datetime = NOW) -> WhaleSignal:
    return WhaleSignal(
        signal_id=SignalId(name),
        wallet=WHALE,
        token_id=YES,
        side=side,
        size=shares("3000.5"),
        price=price("0.51"),
        fill_count=3,
        traded_at=traded_at,
        detected_at=traded_at + timedelta(milliseconds=20),
        source=Source.CHAIN,
        transaction_hash="0x" + "e5" * 32,
    )


def whale_fill(
    size: str = "100",
    *,
    side: Side = Side.BUY,
    tx: str = "0xf6",
    log_index: int | None = 1,
    source: Source = Source.CHAIN,
    traded_at: datetime = NOW,
    block_number: int | None = 70,
    removed: bool = False,
) -> WhaleFill:
    return WhaleFill(
        wallet=WHALE,
        token_id=YES,
        side=side,
        size=shares(size),
        price=price("0.51"),
        transaction_hash=tx,
        traded_at=traded_at,
        source=source,
        seen_at=traded_at + timedelta(seconds=1),
        log_index=log_index,
        block_number=block_number,
        removed=removed,
    )


def market(*, payouts: tuple[Price, ...] | None = None) -> Market:
    return Market(
        condition_id=MARKET,
        question="Will it?",
        slug="will-it",
        outcomes=("Yes", "No"),
        token_ids=(YES, NO),
        protocol=Protocol.CLOB_V2,
        neg_risk=False,
        tick_size=price("0.01"),
        min_size=shares(5),
        fees=FeeSchedule(Decimal("0.072"), 1),
        ends_at=later(9000),
        is_active=True,
        is_closed=False,
        accepts_orders=True,
        liquidity=usd(20_000),
        volume=None,
        payouts=payouts,
    )


def whale(*, followed: bool = True) -> WhaleRecord:
    standing = WhaleStanding(WHALE, followed, False, Decimal("0.71"), Decimal("0.58"), 120)
    return WhaleRecord(
        standing=standing,
        pseudonym="Deep-Blue",
        total_volume=usd("123456.789"),
        total_trades=321,
        roi=Decimal("0.12"),
        sharpe_ratio=Decimal("1.4"),
        max_drawdown=Decimal("0.2"),
        profit_factor=None,
        rank=3,
        is_invented=True,
    )


async def reserved(store: PostgresStore, intent: Intent) -> Intent:
    """Reserve an entry that must be granted."""
    outcome = await store.reserve_entry(intent, CAPS, intent.created_at)
    assert isinstance(outcome, Reserved), outcome
    return outcome.intent


async def booked(store: PostgresStore, intent: Intent, *evidence: Evidence) -> PositionRecord:
    """Fold evidence and apply it."""
    order_hash = intent.order.order_hash
    await store.fold(order_hash, evidence, NOW)
    return await store.apply_order(order_hash, NOW)


async def bought(store: PostgresStore, name: str = "s1#1", *, fee: str = "0") -> PositionRecord:
    """Buy 100 shares at 0.50, confirmed."""
    intent = await reserved(store, entry(name, cost_max="52"))
    assert await store.begin_sending(intent.order.order_hash, 1, NOW)
    return await booked(store, intent, trade(intent, f"trade of {name}", fee=fee))


async def sold(
    store: PostgresStore, position: PositionRecord, *, at: str = "0.60", size: str = "100"
) -> PositionRecord:
    """Leave a position by one confirmed sale."""
    epoch = await store.begin_exit(position.position_id, ExitReason.OPERATOR, NOW)
    exit_order = leave(position.position_id, epoch=epoch, at=at, size=size)
    intent = await store.commit_exit(exit_order, NOW)
    assert isinstance(intent, Intent), intent
    assert await store.begin_sending(intent.order.order_hash, 1, NOW)
    await booked(store, intent, trade(intent, f"sale of {position.position_id} {epoch}"))
    return await store.end_exit(position.position_id, NOW)
