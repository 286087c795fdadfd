"""Entries: priced, reserved, met by the book of their arrival, tried again."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from backtest.agenda import Agenda
from backtest.delays import Delays
from backtest.entries import Entry, EntryDesk, World
from backtest.ledger import Ledger
from backtest.pit import Pit
from backtest.plan import Latency
from backtest.port import BookSeen
from tests.backtest.past import WHALE, Shown, a_market, after, levels
from trading.rules import Rules
from trading.types import (
    Level,
    OrderType,
    Price,
    Shares,
    Side,
    SignalId,
    Source,
    Usd,
    WhaleSignal,
)

MARKET = a_market()
YES = MARKET.token_ids[0]
ASKS = levels(("0.50", "100"), ("0.51", "100"))


class Stage:
    """A desk with a market, its books, and what it told."""

    def __init__(self, rules: Rules | None = None, latency_ms: int = 100) -> None:
        self.rules = rules or Rules()
        self.agenda, self.pit = Agenda(), Pit()
        self.ledger = Ledger(Usd(Decimal(10_000)), self.rules, timedelta(seconds=60))
        delays = Delays(Latency(latency_ms, latency_ms), 1)
        world = World(self.rules, self.agenda, delays, self.pit, self.ledger)
        self.told: list[str] = []
        self.desk = EntryDesk(world, lambda _, outcome: self.told.append(outcome))
        self.pit.open(MARKET)

    def show(self, at: datetime, asks: tuple[Level, ...] = ASKS) -> None:
        shown = Shown(MARKET, at, levels(("0.49", "100")), asks)
        self.pit.see(BookSeen(at, MARKET.condition_id, shown))

    def begin(self, size: str, cap: str = "0.51") -> None:
        entry = Entry(
            a_signal(), MARKET, Shares(Decimal(size)), Price(Decimal(cap)), committed_at=after(0)
        )
        self.desk.begin(entry, after(0))


def a_signal() -> WhaleSignal:
    return WhaleSignal(
        signal_id=SignalId("signal"),
        wallet=WHALE,
        token_id=YES,
        side=Side.BUY,
        size=Shares(Decimal(4000)),
        price=Price(Decimal("0.5")),
        fill_count=1,
        traded_at=after(0),
        detected_at=after(0),
        source=Source.CHAIN,
        transaction_hash="tx",
    )


def test_an_entry_takes_the_best_levels_up_to_its_price() -> None:
    stage = Stage()
    stage.show(after(0))
    stage.begin("150")
    stage.agenda.run_before(after(60))
    assert stage.told == ["FILLED"]
    [fill] = stage.ledger.fills
    assert fill.levels == levels(("0.50", "100"), ("0.51", "50"))
    assert fill.cost == Decimal("75.5")
    assert fill.at == after(0.1)
    assert stage.ledger.portfolio(after(1)).cash == 10_000 - Decimal("75.5")


def test_a_rest_is_tried_again_at_a_fresh_price_and_at_most_twice() -> None:
    stage = Stage()
    stage.show(after(0), levels(("0.50", "20")))
    stage.begin("100")
    stage.agenda.run_before(after(0.05))
    stage.show(after(0.05), levels(("0.50", "30")))
    stage.agenda.run_before(after(0.15))
    stage.show(after(0.15), levels(("0.51", "30")))
    stage.agenda.run_before(after(0.35))
    stage.show(after(0.35), levels(("0.51", "10")))
    stage.agenda.run_before(after(60))
    assert [fill.size for fill in stage.ledger.fills] == [30, 30, 10]
    assert stage.told == ["PARTIAL"]


def test_four_fifths_are_enough() -> None:
    stage = Stage()
    stage.show(after(0), levels(("0.50", "80")))
    stage.begin("100")
    stage.agenda.run_before(after(60))
    assert len(stage.ledger.fills) == 1
    assert stage.told == ["FILLED"]


def test_what_has_run_away_is_not_filled() -> None:
    stage = Stage()
    stage.show(after(0))
    stage.begin("100")
    stage.show(after(0.05), levels(("0.60", "100")))
    stage.agenda.run_before(after(60))
    assert stage.ledger.fills == []
    assert stage.told == ["PRICE_MOVED"]  # of the second attempt, priced afresh
    assert stage.ledger.portfolio(after(1)).cash == 10_000


def test_a_book_that_vanished_fills_nothing() -> None:
    stage = Stage()
    stage.show(after(0))
    stage.begin("100")
    stage.pit.close(MARKET)
    stage.agenda.run_before(after(60))
    assert stage.told == ["BOOK_INVALID"]


def test_an_order_that_would_arrive_too_late_never_leaves() -> None:
    stage = Stage(latency_ms=5001)
    stage.show(after(0))
    stage.begin("100")
    stage.agenda.run_before(after(60))
    assert stage.told == ["SIGNAL_TOO_OLD"]
    assert stage.ledger.fills == []


def test_slippage_above_its_bound_is_refused() -> None:
    rules = replace(Rules(), slippage=replace(Rules().slippage, marketable_max=Decimal("0.01")))
    stage = Stage(rules)
    stage.show(after(0))
    stage.begin("150")
    assert stage.told == ["SLIPPAGE_TOO_HIGH"]


def test_a_size_below_the_venues_minimum_is_refused() -> None:
    for size in ("4.99", "0.001"):
        stage = Stage()
        stage.show(after(0))
        stage.begin(size)
        assert stage.told == ["SIZE_TOO_SMALL"]


def test_a_limit_of_the_ledger_is_told() -> None:
    stage = Stage()
    stage.show(after(0), levels(("0.50", "9999")))
    stage.begin("2100")
    assert stage.told == ["POSITION_LIMIT"]


def test_fill_or_kill_takes_all_or_nothing() -> None:
    stage = Stage(Rules().with_entry_order_type(OrderType.FOK))
    stage.show(after(0), levels(("0.50", "90")))
    stage.begin("100")
    stage.agenda.run_before(after(60))
    assert stage.ledger.fills == []
    assert stage.told == ["UNFILLED"]
    stage = Stage(Rules().with_entry_order_type(OrderType.FOK))
    stage.show(after(0), levels(("0.50", "100")))
    stage.begin("100")
    stage.agenda.run_before(after(60))
    assert stage.told == ["FILLED"]


def test_a_broken_book_is_not_bought_from() -> None:
    stage = Stage()
    stage.show(after(0), levels(("0.48", "100")))  # crossed
    stage.begin("100")
    assert stage.told == ["BOOK_INVALID"]
