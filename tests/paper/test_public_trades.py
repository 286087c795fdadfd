from paper.model import TradeStatus
from paper.public_trades import PublicTrades
from tests.paper.told_venue import CONDITION, CROWD, NOW, WHALE, ToldVenue, a_trade


def test_fills_are_found_by_wallet_and_by_market() -> None:
    venue = ToldVenue()
    trades = PublicTrades(venue, 5_000)
    venue.made.append(a_trade())
    assert len(trades.all()) == 4
    assert len(trades.of_wallet(WHALE.upper().replace("X", "x"))) == 2
    assert len(trades.of_wallet(CROWD)) == 2
    assert len(trades.of_condition(CONDITION)) == 4
    assert trades.of_wallet("0xnobody") == ()
    venue.made.append(a_trade(trade_id="trade-2"))
    assert len(trades.of_wallet(WHALE)) == 4


def test_a_fill_appears_some_seconds_after_its_match() -> None:
    venue = ToldVenue()
    trades = PublicTrades(venue, 5_000)
    venue.made.append(a_trade(matched_at=NOW - 4_999))
    assert trades.visible(trades.all()) == []
    venue.at += 1
    assert len(trades.visible(trades.all())) == 4


def test_only_settling_fills_with_a_transaction_are_public() -> None:
    venue = ToldVenue()
    trades = PublicTrades(venue, 0)
    trade = a_trade(transaction_hash="")
    venue.made.append(trade)
    assert trades.visible(trades.all()) == []
    trade.transaction_hash = "0x1"
    for status, is_public in (
        (TradeStatus.MATCHED, True),
        (TradeStatus.MINED, True),
        (TradeStatus.RETRYING, False),
        (TradeStatus.CONFIRMED, True),
        (TradeStatus.FAILED, False),
    ):
        trade.status = status
        assert bool(trades.visible(trades.all())) is is_public


def test_fills_are_walked_from_the_newest_down() -> None:
    venue = ToldVenue()
    trades = PublicTrades(venue, 0)
    venue.made += [a_trade(), a_trade(trade_id="2", transaction_hash="")]
    fills = trades.of_wallet(WHALE)
    assert [place for place, _ in trades.newest_first(fills, None)] == [1, 0]
    assert [place for place, _ in trades.newest_first(fills, 1)] == [0]
    assert [place for place, _ in trades.newest_first(fills, 99)] == [1, 0]
