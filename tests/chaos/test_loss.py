"""A day that is lost in the middle of a run: what is written, and what is then found."""

from dataclasses import replace

from storage.postgres import PostgresStore
from tests.chaos.books import Books
from tests.chaos.loss import Loss, lose_the_day, make_up_for_it
from tests.chaos.test_audit import a_venue_order, an_order, at, clean
from tests.storage.builders import WALLET, usd
from trading.profiles import LOAD
from trading.types import Wallet


def found(books: Books) -> set[str]:
    return {violation.invariant for violation in Loss(at(10)).seen_in(books).violations()}


def with_late(is_entry: bool, sent_s: float, *, arrived: bool = True) -> Books:
    books = clean()
    side = "BUY" if is_entry else "SELL"
    late = an_order("late", is_entry=is_entry, first_sent_at=at(sent_s))
    there = (a_venue_order("late", side, sent_s),) if arrived else ()
    entries = tuple(o for o in books.orders if o.is_entry)
    orders, venue = (*entries, late), (*books.venue_orders, *there)
    return replace(books, orders=orders, venue_orders=venue)


def test_an_entry_after_the_loss_is_found_and_an_exit_is_wanted() -> None:
    assert found(with_late(True, 10.1)) == {"L1", "L2"}
    assert found(with_late(True, 9.9)) == {"L2"}
    assert found(with_late(True, 10.1, arrived=False)) == {"L2"}
    assert found(with_late(False, 10.1)) == set()


async def test_the_loss_halts_entries_and_leaves_no_trace(database_url: str) -> None:
    wallet = Wallet(WALLET)
    store = PostgresStore(database_url, LOAD.risk, wallet)
    try:
        loss = await lose_the_day(database_url, wallet)
        halted = await store.load_portfolio(loss.lost_at)
        assert halted.halt_reason.startswith("daily loss 20000000")
        await make_up_for_it(database_url)
        assert not (await store.load_portfolio(loss.lost_at)).entries_halted
        assert await store.audit_limits() == []
        assert (await store.load_portfolio(loss.lost_at)).cash == usd(0)
    finally:
        await store.close()
