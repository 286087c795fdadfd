"""A file of fills as a history: listings, assumed books and results in their order."""

from decimal import Decimal
from pathlib import Path

from backtest.fill_file import read_fills
from backtest.fill_history import AssumedBook, FillHistory
from backtest.port import BookSeen, FillSeen, MarketListed, MarketResolved
from tests.backtest.past import levels
from trading.book import book_fault
from trading.types import Level, Source, TokenId

WALLET = "0x" + "a" * 40
HEAD = (
    "traded_at,wallet,name,condition_id,token_id,side,price,size,is_taker,log_index,ends_at,"
    "resolved_at,payout,best_bid,best_ask,bid_size,ask_size"
)
FIRST = f"1790583300,{WALLET},kestrel,m,m-yes,BUY,0.405,100,,,1790590000,1790590100,1,,,,"
SECOND = f"1790583400,{WALLET},kestrel,m,m-no,SELL,0.60,50,,3,1790590000,1790590100,0,,,,"
QUOTED = f"1790583500,{WALLET},kestrel,n,n-yes,BUY,0.50,50,false,,,,,0.49,0.52,10,20"


def a_history(tmp_path: Path, *lines: str, assumed: AssumedBook | None = None) -> FillHistory:
    path = tmp_path / "fills.csv"
    path.write_text("\n".join([HEAD, *lines]) + "\n")
    return FillHistory(read_fills(path), assumed or AssumedBook())


def books(history: FillHistory) -> list[tuple[Level, Level]]:
    """Return best bid and best ask of every first token, as told."""
    found = []
    for event in history.events():
        if isinstance(event, BookSeen):
            book = event.view.book(next(iter(tokens(history, event.condition_id))))
            assert not book_fault(book)
            found.append((book.bids[0], book.asks[0]))
    return found


def tokens(history: FillHistory, condition_id: str) -> tuple[TokenId, ...]:
    return next(
        e.market.token_ids
        for e in history.events()
        if isinstance(e, MarketListed) and e.market.condition_id == condition_id
    )


def test_events_come_in_the_order_of_time_with_listings_first(tmp_path: Path) -> None:
    history = a_history(tmp_path, FIRST, SECOND, QUOTED)
    events = list(history.events())
    assert [type(event) for event in events] == [
        MarketListed,
        FillSeen,
        BookSeen,
        FillSeen,
        BookSeen,
        MarketListed,
        FillSeen,
        BookSeen,
        MarketResolved,
    ]
    assert [e.at for e in events] == sorted(e.at for e in events)
    assert history.origin.ends_at == events[-1].at
    assert list(history.events()) == events
    assert history.names == {WALLET: "kestrel"}
    assert history.pasts == {}


def test_a_market_is_never_listed_with_its_result(tmp_path: Path) -> None:
    events = list(a_history(tmp_path, FIRST, SECOND).events())
    assert isinstance(events[0], MarketListed)
    assert events[0].market.payouts is None
    assert isinstance(events[-1], MarketResolved)
    assert list(events[-1].payouts) == [1, 0]


def test_a_result_comes_before_later_fills_elsewhere(tmp_path: Path) -> None:
    late = QUOTED.replace("1790583500", "1790590200")
    kinds = [type(event) for event in a_history(tmp_path, FIRST, late).events()]
    assert kinds.index(MarketResolved) == 3


def test_without_a_book_more_rests_at_the_fills_own_price(tmp_path: Path) -> None:
    first, second = books(a_history(tmp_path, FIRST, SECOND))
    assert first[1].price == Decimal("0.41")  # 0.405 is off the grid: up for a buyer
    assert first[0].price == Decimal("0.39")
    assert first[1].size * first[1].price > 9_999
    assert second[1].price == Decimal("0.40")  # the mirror of a bid of 0.60
    assert second[0].price == Decimal("0.38")


def test_at_the_ends_of_the_grid_a_book_is_still_one(tmp_path: Path) -> None:
    for price in ("0.001", "0.995", "0.01", "0.99"):
        for side in ("BUY", "SELL"):
            line = FIRST.replace("0.405", price).replace("BUY", side)
            [(bid, ask)] = books(a_history(tmp_path, line))
            assert Decimal("0.01") <= bid.price < ask.price <= Decimal("0.99")


def test_a_book_beside_a_fill_is_taken_as_it_is(tmp_path: Path) -> None:
    [(bid, ask)] = books(a_history(tmp_path, QUOTED))
    assert (bid, ask) == (levels(("0.49", "10"))[0], levels(("0.52", "20"))[0])


def test_what_is_assumed_or_left_out_is_said(tmp_path: Path) -> None:
    history = a_history(tmp_path, FIRST, QUOTED, "bad")
    notes = "\n".join(history.origin.notes)
    assert "1 of 2 fills have no book beside them" in notes
    assert "flatters a copier" in notes
    assert "1 markets have no ends_at" in notes
    assert "1 bad rows are left out" in notes
    history = a_history(tmp_path, QUOTED.replace("false,,", "false,,1790590000"))
    assert history.origin.notes == ("a book is taken to stand until the next fill in its market",)


def test_fills_with_a_log_index_are_the_chains(tmp_path: Path) -> None:
    fills = [e.fill for e in a_history(tmp_path, FIRST, SECOND).events() if isinstance(e, FillSeen)]
    assert [fill.source for fill in fills] == [Source.DATA_API, Source.CHAIN]
    assert fills[0].transaction_hash == "line 2"


def test_unused_columns_are_named(tmp_path: Path) -> None:
    path = tmp_path / "fills.csv"
    path.write_text(f"{HEAD},mood\n{FIRST},glad\n")
    notes = FillHistory(read_fills(path), AssumedBook()).origin.notes
    assert "columns not used: mood" in notes
