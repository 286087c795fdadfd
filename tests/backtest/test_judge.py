"""A signal of the past is decided by the one decision there is."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from backtest.agenda import Agenda
from backtest.delays import Delays
from backtest.entries import World
from backtest.judge import Judge
from backtest.knowledge import Knowledge, Windows
from backtest.ledger import Ledger
from backtest.pit import Pit
from backtest.plan import Latency
from tests.backtest.past import START, WHALE, a_book, a_good_past, a_market, after
from tests.backtest.test_entries import a_signal
from trading.rules import Rules
from trading.types import Price, Shares, Side, SignalId, Usd, WhaleSignal

MARKET = a_market()


class Stage:
    """A judge over a deep book in one market."""

    def __init__(self, bankroll: int = 10_000) -> None:
        self.agenda, self.pit = Agenda(), Pit()
        self.ledger = Ledger(Usd(Decimal(bankroll)), Rules(), timedelta(seconds=60))
        world = World(Rules(), self.agenda, Delays(Latency(1, 1), 1), self.pit, self.ledger)
        windows = Windows(START, timedelta(days=1))
        self.told: list[str] = []
        self.judge = Judge(
            world,
            Knowledge(windows, {WHALE: a_good_past()}),
            lambda _, outcome: self.told.append(outcome),
        )
        self.pit.open(MARKET)
        self.pit.see(a_book(MARKET, after(0)))

    def take(self, signal: WhaleSignal, at: float = 1, *, is_judged: bool = True) -> None:
        self.judge.take(signal, after(at), is_judged=is_judged)
        self.agenda.run_before(after(at + 1))


def a_sale(size: int, of: int = 0) -> WhaleSignal:
    token = MARKET.token_ids[of]
    return replace(a_signal(), side=Side.SELL, size=Shares(Decimal(size)), token_id=token)


def test_a_whale_sells_and_we_sell_the_same_share() -> None:
    stage = Stage()
    stage.take(a_signal())
    held = stage.ledger.fills[0].size
    stage.take(a_sale(1000), 10)
    assert stage.told == ["FILLED", "FILLED"]
    assert stage.ledger.fills[1].size == (held / 4).quantize(Decimal("0.01"))
    stage.take(a_sale(3000), 20)
    assert stage.ledger.lot(WHALE, MARKET.token_ids[0]) is None


def test_a_share_too_small_to_sell_is_refused() -> None:
    stage = Stage()
    stage.take(a_signal())
    stage.take(a_sale(1), 10)
    assert stage.told[-1] == "SIZE_TOO_SMALL"


def test_a_sale_of_what_we_do_not_hold_is_refused() -> None:
    stage = Stage()
    stage.take(a_sale(100))
    assert stage.told == ["NO_POSITION_TO_REDUCE"]


def test_what_is_not_judged_still_changes_what_the_whale_holds() -> None:
    stage = Stage()
    stage.take(a_signal(), is_judged=False)
    stage.take(a_signal(), 2)
    held = stage.ledger.fills[0].size
    stage.take(a_sale(4000), 10)
    assert len(stage.told) == 2
    assert stage.ledger.fills[1].size == (held / 2).quantize(Decimal("0.01"))


def test_a_market_that_is_settled_is_closed() -> None:
    stage = Stage()
    stage.pit.close(replace(MARKET, payouts=(Price(Decimal(1)), Price(Decimal(0)))))
    stage.take(a_signal())
    assert stage.told == ["MARKET_CLOSED"]


def test_more_of_the_same_and_its_opposite_are_correlated() -> None:
    for n, token in enumerate(MARKET.token_ids):
        stage = Stage(bankroll=2000)
        stage.take(a_signal())
        again = replace(
            a_signal(), signal_id=SignalId("again"), token_id=token, price=Price(Decimal("0.51"))
        )
        stage.take(replace(again, traded_at=after(4)), 5 + n)
        assert stage.told == ["FILLED", "FILLED"]
        first, second = stage.ledger.fills
        assert second.size < first.size
