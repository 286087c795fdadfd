"""Tests of what the venue remembers of the past."""

from paper.faults import Fault, FaultPlan, Faults, Point
from paper.hindsight import HORIZON_MS, Hindsight, Trail
from paper.model import BookChanged, OrderUpdated, TradeUpdated
from paper.registry import Listing, Registry
from tests.paper.engine_room import CONDITION, NO, START, YES, a_market, a_trade
from tests.paper.told_venue import an_order


def test_a_trail_tells_what_held_at_a_moment() -> None:
    trail: Trail[str, str] = Trail()
    for at, value in ((10, "first"), (20, "second"), (20, "corrected")):
        trail.note("a", at, value)
    assert [trail.at("a", at) for at in (15, 19, 20, 99)] == [
        "first",
        "first",
        "corrected",
        "corrected",
    ]
    assert trail.at("a", 5) == "first"
    assert trail.at("b", 5) is None


def test_a_trail_forgets_what_is_beyond_the_horizon() -> None:
    trail: Trail[str, int] = Trail()
    for at in (0, 1, HORIZON_MS, HORIZON_MS + 1):
        trail.note("a", at, at)
    assert trail.at("a", 0) == 1


def a_hindsight(plan: FaultPlan | None = None) -> tuple[Hindsight, Listing]:
    registry, listing = Registry(), Listing(a_market(), "play")
    registry.add(listing)
    return Hindsight(registry, Faults(plan)), listing


def test_orders_and_trades_of_clients_are_remembered() -> None:
    hindsight, _ = a_hindsight()
    record = an_order()
    hindsight.note(OrderUpdated(record, "PLACEMENT", START))
    hindsight.note(TradeUpdated(a_trade(trade_id="crowd")))
    hindsight.note(TradeUpdated(a_trade(owner="key")))
    assert hindsight.orders.at(record.order.order_id, START) == record
    assert hindsight.trades.at("trade", START) is not None
    assert hindsight.trades.at("crowd", START) is None


def test_books_are_remembered_only_while_they_can_lag() -> None:
    change = BookChanged(CONDITION, (), (), START)
    idle, _ = a_hindsight()
    idle.note(change)
    assert idle.books.at(YES, START) is None
    busy, listing = a_hindsight(FaultPlan((Fault(Point.READ_BOOK, "lag"),)))
    busy.note(change)
    assert [busy.books.at(token, START) for token in (YES, NO)] == [
        listing.view(0),
        listing.view(1),
    ]


def test_balances_are_remembered() -> None:
    hindsight, _ = a_hindsight()
    hindsight.note_balances([("a", "", 5), ("a", YES, 6)], START)
    hindsight.note_balances([("a", "", 7)], START + 1)
    assert hindsight.balances.at(("a", ""), START) == 5
    assert hindsight.balances.at(("a", YES), START + 1) == 6
