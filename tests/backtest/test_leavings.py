"""Exits: down the ladder until all is sold, one at a time, and dust stays."""

from datetime import datetime, timedelta
from decimal import Decimal

from backtest.agenda import Agenda
from backtest.delays import Delays
from backtest.entries import World
from backtest.leavings import ExitDesk
from backtest.ledger import Ledger
from backtest.lots import Lot
from backtest.pit import Pit
from backtest.plan import Latency
from backtest.port import BookSeen
from tests.backtest.past import Shown, a_market, after, levels
from tests.backtest.test_records import a_copy
from trading.rules import Rules
from trading.types import ExitReason, Level, Price, Shares, Usd

MARKET = a_market()
ASKS = levels(("0.90", "100"))
HELD = levels(("0.50", "30"))


class Stage:
    """A desk that holds 30 shares bought at 0.50."""

    def __init__(self) -> None:
        rules = Rules()
        self.agenda, self.pit = Agenda(), Pit()
        self.ledger = Ledger(Usd(Decimal(1000)), rules, timedelta(seconds=60))
        delays = Delays(Latency(100, 100), 1)
        self.desk = ExitDesk(World(rules, self.agenda, delays, self.pit, self.ledger))
        self.pit.open(MARKET)
        fill = a_copy(at=after(0), levels=HELD, cost=Usd(Decimal(15)), fee=Usd(Decimal(0)))
        self.lot: Lot = self.ledger.book(fill, MARKET)

    def show(self, at: datetime, bids: tuple[Level, ...], asks: tuple[Level, ...] = ASKS) -> None:
        self.pit.see(BookSeen(at, MARKET.condition_id, Shown(MARKET, at, bids, asks)))

    def begin(self, size: str = "30", reason: ExitReason = ExitReason.WHALE_EXIT) -> None:
        self.desk.begin(self.lot, reason, Shares(Decimal(size)), after(1))


def test_all_of_it_is_sold_to_the_best_bids() -> None:
    stage = Stage()
    stage.show(after(1), levels(("0.60", "10"), ("0.59", "50")))
    stage.begin()
    stage.agenda.run_before(after(9))
    [_, sale] = stage.ledger.fills
    assert sale.levels == levels(("0.60", "10"), ("0.59", "20"))
    assert stage.lot.is_over
    assert stage.ledger.outcomes[0].left_by is ExitReason.WHALE_EXIT


def test_a_share_of_it_leaves_the_rest() -> None:
    stage = Stage()
    stage.show(after(1), levels(("0.60", "100")))
    stage.begin("10")
    stage.agenda.run_before(after(9))
    assert stage.lot.size == 20
    assert stage.lot.leaving is None


def test_an_exit_goes_down_the_ladder_and_is_never_given_up() -> None:
    stage = Stage()
    stage.show(after(1), levels(("0.60", "8")))
    stage.begin()
    stage.agenda.run_before(after(1.05))
    stage.show(after(1.05), levels(("0.20", "100")))  # it ran away while the order travelled
    stage.agenda.run_before(after(600))
    assert stage.lot.is_over
    sale = stage.ledger.fills[-1]
    assert sale.levels[0].price == Decimal("0.20")
    assert sale.at > after(2)


def test_with_no_bid_at_all_it_waits_for_one() -> None:
    stage = Stage()
    stage.show(after(1), ())
    stage.begin()
    stage.agenda.run_before(after(100))
    assert not stage.lot.is_over
    stage.show(after(100), levels(("0.30", "100")))
    stage.agenda.run_before(after(200))
    assert stage.lot.is_over


def test_without_a_book_it_waits_too() -> None:
    stage = Stage()
    stage.begin()
    stage.agenda.run_before(after(5))
    assert stage.lot.leaving is not None
    stage.desk.look(MARKET.condition_id, after(6))
    assert stage.lot.mark is None


def test_a_second_wish_joins_the_exit_that_runs() -> None:
    stage = Stage()
    stage.show(after(1), levels(("0.60", "100")))
    stage.begin("10")
    stage.begin("20")
    stage.agenda.run_before(after(9))
    assert sum(fill.size for fill in stage.ledger.fills[1:]) == 20
    assert stage.lot.size == 10


def test_what_is_too_small_to_sell_stays_until_the_market_pays() -> None:
    stage = Stage()
    stage.show(after(1), levels(("0.60", "27")))
    stage.begin()
    stage.agenda.run_before(after(9))
    assert stage.lot.size == 3
    assert stage.lot.leaving is None
    stage.ledger.redeem(MARKET, (Price(Decimal(1)), Price(Decimal(0))), after(10))
    assert stage.lot.is_over


def test_a_result_overtakes_an_order_on_its_way() -> None:
    stage = Stage()
    stage.show(after(1), levels(("0.60", "100")))
    stage.begin()
    stage.ledger.redeem(MARKET, (Price(Decimal(1)), Price(Decimal(0))), after(1.05))
    stage.agenda.run_before(after(9))
    assert len(stage.ledger.fills) == 1
    assert stage.lot.last_reason is ExitReason.RESOLUTION


def test_a_wait_ends_with_the_position() -> None:
    stage = Stage()
    stage.show(after(1), ())
    stage.begin()
    stage.ledger.redeem(MARKET, (Price(Decimal(0)), Price(Decimal(1))), after(1.5))
    stage.agenda.run_before(after(99))
    assert len(stage.ledger.fills) == 1


def test_a_target_reached_twice_is_sold_at_it() -> None:
    stage = Stage()
    bids = levels(("0.70", "100"))
    for at in (1, 3):
        stage.show(after(at), bids)
        stage.desk.look(MARKET.condition_id, after(at))
    stage.desk.look(MARKET.condition_id, after(3))
    stage.agenda.run_before(after(9))
    assert stage.lot.mark == Decimal("0.70")
    assert [fill.reason for fill in stage.ledger.fills[1:]] == [ExitReason.TAKE_PROFIT]
