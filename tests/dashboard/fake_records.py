"""Records and a tape made up for the dashboard's tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from dashboard.play import Play
from storage.accounts import Account
from storage.port import Event, PositionRecord, StorageError, StorageUnavailableError, StoredSignal
from storage.reviews import Review, ReviewKind, StoredReview
from storage.view_pnl import DayLine, PnlBy, PnlLine, PnlTotal
from storage.views import (
    DecisionStep,
    EventRow,
    FeedRow,
    FillRow,
    HaltRow,
    Latency,
    LimitUse,
    Money,
    OrderRow,
    Overview,
    PositionRow,
    RiskFigures,
    Tally,
    TokenLabel,
    TradeDetail,
    TradeFilter,
    TradeRow,
    WhaleLabel,
)
from trading.portfolio import EquityPoint, Pnl
from trading.types import (
    ConditionId,
    IntentId,
    OrderHash,
    OrderState,
    OrderType,
    PositionId,
    PositionState,
    Price,
    Reason,
    Refusal,
    Settlement,
    Shares,
    Side,
    SignalId,
    SignalState,
    Source,
    TokenId,
    Usd,
    Wallet,
    WhaleSignal,
)

NOW = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
WALLET = Wallet("0x" + "aa" * 20)
WHALE = WhaleLabel(Wallet("0x" + "b1" * 20), "Deep Diver", is_invented=True)
HOSTILE = "<img src=x onerror=alert(1)>"
TOKEN = TokenLabel(TokenId("7" * 20), HOSTILE, "btc-up", "Up", NOW + timedelta(minutes=9))


def usd(text: str) -> Usd:
    return Usd(Decimal(text))


def a_money() -> Money:
    return Money(
        cash=usd("9800.5"),
        available=usd("9700"),
        bid_value=usd("230.25"),
        deposits=usd("10000"),
        realised_pnl=usd("12.75"),
        unrealised_pnl=usd("18"),
        fees=usd("1.2"),
        pnl_today=usd("-450"),
        pnl_peak=usd("60"),
        drawdown=Decimal("0.0029"),
    )


def an_overview() -> Overview:
    tally = Tally(
        since=NOW - timedelta(days=1),
        states={SignalState.FILLED: 3, SignalState.FILTERED: 2},
        refusals={Reason.SPREAD_TOO_WIDE: 2},
        latency=[Latency("committed_to_sent", 3, Decimal(12), Decimal(20), Decimal("31.5"))],
    )
    return Overview(WALLET, a_money(), tally, 1, 1, (WHALE,))


def a_position() -> PositionRow:
    record = PositionRecord(
        position_id=PositionId("b1b1b1-1"),
        wallet=WALLET,
        whale=WHALE.wallet,
        condition_id=ConditionId("0x" + "c0" * 32),
        token_id=TOKEN.token_id,
        state=PositionState.OPEN,
        size=Shares(Decimal("120.000000")),
        settled_size=Shares(Decimal(100)),
        avg_entry_price=Price(Decimal("0.44")),
        exposure=usd("52.8"),
        fees=usd("0.6"),
        realised_pnl=usd("0"),
        mark_price=Price(Decimal("0.5")),
        marked_at=NOW,
        stop_loss_price=Price(Decimal("0.37")),
        take_profit_price=Price(Decimal("0.57")),
        trailing_stop_price=None,
        high_water_price=Price(Decimal("0.5")),
        exit_epoch=0,
        opened_at=NOW - timedelta(minutes=5),
    )
    return PositionRow(record, TOKEN, WHALE)


def a_trade(number: int = 1, state: SignalState = SignalState.FILLED) -> TradeRow:
    signal = WhaleSignal(
        signal_id=SignalId(f"0xf00d/{number}"),
        wallet=WHALE.wallet,
        token_id=TOKEN.token_id,
        side=Side.BUY,
        size=Shares(Decimal(5000)),
        price=Price(Decimal("0.44")),
        fill_count=3,
        traded_at=NOW - timedelta(seconds=2),
        detected_at=NOW - timedelta(seconds=1),
        source=Source.CHAIN,
        transaction_hash="0x" + "ab" * 32,
    )
    refused = state in {SignalState.FILTERED, SignalState.RISK_REJECTED}
    refusal = Refusal(Reason.SPREAD_TOO_WIDE, {"spread": "0.05", "spread_max": "0.03"})
    stored = StoredSignal(signal, state, NOW, refusal if refused else None)
    row = TradeRow(stored, TOKEN, WHALE, NOW if state.is_terminal else None)
    if state is not SignalState.FILLED:
        return row
    return replace(
        row,
        filled_size=Shares(Decimal(120)),
        avg_fill_price=Price(Decimal("0.44")),
        latency_ms=Decimal("14.250"),
        position_id=PositionId("b1b1b1-1"),
    )


def an_order() -> OrderRow:
    fill = FillRow(
        "t1",
        Shares(Decimal(100)),
        usd("44"),
        usd("0.5"),
        Settlement.CONFIRMED,
        NOW,
        "0x" + "cd" * 32,
        is_taker=True,
    )
    return OrderRow(
        order_id=OrderHash("0x" + "0e" * 32),
        intent_id=IntentId("0xf00d/1#1"),
        position_id=PositionId("b1b1b1-1"),
        attempt=1,
        side=Side.BUY,
        order_type=OrderType.FAK,
        price=Price(Decimal("0.45")),
        size=Shares(Decimal(120)),
        size_matched=Shares(Decimal(100)),
        filled_size=Shares(Decimal(100)),
        avg_fill_price=Price(Decimal("0.44")),
        reference_price=Price(Decimal("0.43")),
        state=OrderState.PARTIAL,
        posts=1,
        had_unknown=False,
        is_done=False,
        error="",
        faults=(),
        latency_ms=Decimal("14.25"),
        created_at=NOW,
        expires_at=NOW + timedelta(seconds=5),
        token=TOKEN,
        whale=WHALE,
        fills=(fill,),
    )


def an_event() -> EventRow:
    event = Event("position_opened", "INFO", f"opened {HOSTILE}", NOW, {"position_id": "b1b1b1-1"})
    return EventRow(7, event)


def a_risk() -> RiskFigures:
    return RiskFigures(
        uses=[
            LimitUse("WALLET", WALLET, "all positions", usd("52.8")),
            LimitUse("WHALE", WHALE.wallet, "Deep Diver", usd("9000")),
            LimitUse("MARKET", "0xc0", HOSTILE, usd("2500")),
            LimitUse("POSITION", "b1b1b1-1", HOSTILE, usd("1000")),
            LimitUse("POSITION", "b1b1b1-0", "over", usd("0")),
        ],
        open_orders=1,
        orders_last_min=2,
        orders_last_min_token=2,
        notional_last_min=usd("105.6"),
        losses_in_row=1,
        paused_until=None,
        halts=[],
    )


def a_review() -> StoredReview:
    review = Review(
        ReviewKind.ORDER_FAULT,
        f"wrong id {HOSTILE}",
        NOW,
        OrderHash("0x" + "0d" * 32),
        token_id=TOKEN.token_id,
    )
    return StoredReview(7, review, TOKEN, {"orders": []})


@dataclass
class FakeRecords:
    """Answers from what it was given; `is_down` makes the database stay silent."""

    overview: Overview = field(default_factory=an_overview)
    positions: list[PositionRow] = field(default_factory=lambda: [a_position()])
    trades: list[TradeRow] = field(
        default_factory=lambda: [a_trade(2, SignalState.FILTERED), a_trade(1)]
    )
    risk: RiskFigures = field(default_factory=a_risk)
    orders: list[OrderRow] = field(default_factory=lambda: [an_order()])
    events: list[EventRow] = field(default_factory=lambda: [an_event()])
    reviews: list[StoredReview] = field(default_factory=lambda: [a_review()])
    is_down: bool = False
    is_broken: bool = False
    is_refused: bool = False
    wanted: list[TradeFilter] = field(default_factory=list)
    reads: int = 0

    def _answer(self) -> None:
        self.reads += 1
        if self.is_down:
            raise StorageUnavailableError("expected an answer, received none")
        if self.is_refused:
            raise StorageError("relation MYSTERY does not exist")
        if self.is_broken:
            raise ValueError("expected a known state, received MYSTERY")

    async def ping(self) -> None:
        self._answer()

    async def load_overview(self, now: datetime) -> Overview:
        self._answer()
        return self.overview

    async def list_positions(self, limit: int) -> Sequence[PositionRow]:
        self._answer()
        return self.positions[:limit]

    async def list_trades(self, wanted: TradeFilter) -> Sequence[TradeRow]:
        self._answer()
        self.wanted.append(wanted)
        return self.trades[: wanted.limit]

    async def load_trade(self, signal_id: SignalId) -> TradeDetail | None:
        self._answer()
        for row in self.trades:
            if row.stored.signal.signal_id == signal_id:
                steps = [DecisionStep("assess_signal", NOW, {"spread": "0.05", "depth": "900"})]
                return TradeDetail(row, steps, self.orders, [an_event().event])
        return None

    async def load_risk(self, now: datetime) -> RiskFigures:
        self._answer()
        return self.risk

    async def list_orders_in_flight(self, limit: int) -> Sequence[OrderRow]:
        self._answer()
        return self.orders[:limit]

    async def list_feeds(self, now: datetime) -> Sequence[FeedRow]:
        self._answer()
        return [
            FeedRow("account", last_stored_at=NOW - timedelta(seconds=30)),
            FeedRow("chain", NOW - timedelta(seconds=1), NOW, 12),
            FeedRow("data_api", last_stored_at=NOW - timedelta(seconds=31)),
            FeedRow(
                "prices",
                NOW - timedelta(seconds=31),
                is_awaited=False,
                refused_last_day=2,
                last_refusal="price is NaN",
                last_refused_at=NOW,
            ),
            FeedRow("rtds", NOW - timedelta(seconds=31), stored_last_hour=4),
        ]

    async def list_equity(self, limit: int) -> Sequence[EquityPoint]:
        self._answer()
        return [EquityPoint(NOW, usd("9800.5"), usd("230.25"), usd("10000"))]

    async def load_pnl_total(self) -> PnlTotal:
        self._answer()
        account = Account(usd("9800.5"), usd("10000"), usd("0"), usd("0"), usd("230.25"))
        pnl = Pnl(3, 1, usd("200"), usd("230.25"), usd("0.5"), usd("0.5"))
        return PnlTotal(WALLET, pnl, account)

    async def list_pnl(self, by: PnlBy, limit: int) -> Sequence[PnlLine]:
        self._answer()
        pnl = Pnl(3, 1, usd("200"), usd("230.25"), usd("0.5"), usd("0.5"))
        return [PnlLine(by.value, HOSTILE, pnl)][:limit]

    async def list_days(self, limit: int) -> Sequence[DayLine]:
        self._answer()
        return [DayLine(NOW.date(), 2, usd("0.5"), usd("10030.75"))][:limit]

    async def list_reviews(self, *, open_only: bool, limit: int) -> Sequence[StoredReview]:
        self._answer()
        return self.reviews[:limit]

    async def list_events(self, limit: int) -> Sequence[EventRow]:
        self._answer()
        return self.events[:limit]


def a_halt(scope: str = "WALLET", key: str = WALLET) -> HaltRow:
    return HaltRow(scope, key, "an operator said so", NOW)


class FakePlay:
    """Plays a tape, or nothing."""

    def __init__(self, play: Play | None = None) -> None:
        self.play = play

    async def fetch(self) -> Play | None:
        return self.play


TAPE = Play(
    play_id="p1",
    tape="btc-15m",
    speed=Decimal(20),
    tape_time=1500,
    tape_starts_at=1000,
    tape_ends_at=2000,
    invented=("whale wallets", "fees"),
    attribution="Books by somebody",
    licence="CC BY 4.0",
)
