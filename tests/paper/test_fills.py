from paper.fills import public_fills
from paper.model import MICROS, Side
from tests.paper.told_venue import CROWD, KEY, NO, WHALE, YES, a_trade


def test_every_fill_has_a_taker_and_a_maker() -> None:
    told = [
        (fill.wallet, fill.token_id, fill.side, fill.size, fill.price, fill.is_taker)
        for fill in public_fills(a_trade())
    ]
    assert told == [
        (WHALE, YES, Side.BUY, 10 * MICROS, 440_000, True),
        (CROWD, YES, Side.SELL, 10 * MICROS, 440_000, False),
        (WHALE, YES, Side.BUY, 20 * MICROS, 450_000, True),
        (CROWD, NO, Side.BUY, 20 * MICROS, 550_000, False),
    ]


def test_the_takers_fills_add_up_to_its_trade() -> None:
    trade = a_trade()
    takers = [fill for fill in public_fills(trade) if fill.is_taker]
    assert sum(fill.size for fill in takers) == trade.size
    assert sum(fill.cost for fill in takers) == trade.cost
    assert sum(fill.fee for fill in takers) in {trade.fee, trade.fee - 1}


def test_makers_pay_no_fee() -> None:
    assert [fill.fee for fill in public_fills(a_trade()) if not fill.is_taker] == [0, 0]


def test_a_trade_without_known_makers_is_one_fill() -> None:
    [fill] = public_fills(a_trade(makers=()))
    assert (fill.size, fill.price, fill.is_taker) == (30 * MICROS, 446_666, True)


def test_only_wallets_without_a_key_are_invented() -> None:
    taker, maker, *_ = public_fills(a_trade(owner=KEY[1]))
    assert (taker.has_invented_wallet, maker.has_invented_wallet) == (False, True)
