"""Books less what we took, until the next ones are recorded."""

from decimal import Decimal

from backtest.pit import Pit
from backtest.port import BookSeen
from tests.backtest.past import Shown, a_book, a_market, after, levels
from trading.book import walk
from trading.types import ConditionId, Price, Shares, Side, TokenId

MARKET = a_market()
YES, NO = MARKET.token_ids
BIDS, ASKS = levels(("0.48", "10"), ("0.47", "10")), levels(("0.50", "10"), ("0.51", "20"))


def a_pit(*, stands: bool = False) -> Pit:
    pit = Pit()
    pit.open(MARKET)
    shown = Shown(MARKET, after(1), BIDS, ASKS)
    pit.see(BookSeen(after(1), MARKET.condition_id, shown, stands))
    return pit


def take(pit: Pit, token_id: TokenId, side: Side, size: int, limit: str) -> None:
    book = pit.book(token_id, after(2))
    assert book is not None
    walked = walk(book, side, Shares(Decimal(size)), Price(Decimal(limit)))
    pit.take(token_id, side, walked)


def test_what_we_took_is_gone_from_both_outcomes_books() -> None:
    pit = a_pit()
    take(pit, YES, Side.BUY, 15, "0.51")
    yes, no = pit.book(YES, after(2)), pit.book(NO, after(2))
    assert yes is not None
    assert no is not None
    assert yes.asks == levels(("0.51", "15"))
    assert yes.bids == BIDS
    assert no.bids == levels(("0.49", "15"))
    take(pit, NO, Side.SELL, 5, "0.49")
    again = pit.book(YES, after(2))
    assert again is not None
    assert again.asks == levels(("0.51", "10"))


def test_the_next_recorded_book_is_whole_again() -> None:
    pit = a_pit()
    take(pit, YES, Side.BUY, 30, "0.51")
    emptied = pit.book(YES, after(2))
    assert emptied is not None
    assert emptied.asks == ()
    pit.see(BookSeen(after(3), MARKET.condition_id, Shown(MARKET, after(3), BIDS, ASKS)))
    whole = pit.book(YES, after(4))
    assert whole is not None
    assert whole.asks == ASKS


def test_a_book_ages_unless_it_is_taken_to_stand() -> None:
    aged, stood = a_pit().book(YES, after(9)), a_pit(stands=True).book(YES, after(9))
    assert aged is not None
    assert stood is not None
    assert aged.received_at == after(1)
    assert stood.received_at == after(9)


def test_nothing_is_known_of_what_was_never_listed_or_shown() -> None:
    pit = Pit()
    assert pit.market(YES) is None
    assert pit.book(YES, after(1)) is None
    pit.see(a_book(MARKET, after(1)))  # unlisted yet: kept, without a mid-price
    pit.open(MARKET)
    assert pit.book(YES, after(1)) is not None
    assert pit.volatility(YES) == 0
    assert pit.market_of(ConditionId("nothing")) is None


def test_a_closed_market_has_no_book() -> None:
    pit = a_pit()
    pit.close(MARKET)
    assert pit.book(YES, after(2)) is None
    assert pit.market(YES) == MARKET


def test_volatility_follows_mid_prices_by_the_minute() -> None:
    pit = Pit()
    pit.open(MARKET)
    for minute, bid in enumerate(("0.49", "0.55", "0.49", "0.55")):
        ask = str(Decimal(bid) + Decimal("0.01"))
        pit.see(a_book(MARKET, after(minute * 60), bid, ask))
        pit.see(a_book(MARKET, after(minute * 60 + 5), "0.01", "0.99"))  # not by the second
    assert Decimal("0.08") < pit.volatility(YES) < Decimal("0.15")
    assert pit.volatility(NO) > Decimal("0.08")


def test_an_empty_book_gives_no_mid_price() -> None:
    pit = Pit()
    pit.open(MARKET)
    empty = Shown(MARKET, after(1), (), ASKS)
    pit.see(BookSeen(after(1), MARKET.condition_id, empty))
    assert pit.volatility(YES) == 0
