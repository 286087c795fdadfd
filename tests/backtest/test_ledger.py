"""Cash, positions and limits of a look back."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from backtest.ledger import Ledger
from backtest.limits import Claim
from backtest.lots import Leaving
from tests.backtest.past import WHALE, a_market, after
from tests.backtest.test_records import a_copy
from trading.rules import RiskRules, Rules
from trading.types import ExitReason, Price, Reason, SignalId, Usd

MARKET = a_market()
TOKEN = MARKET.token_ids[0]
SIGNAL = SignalId("signal")


def a_ledger(bankroll: int = 1000, rules: Rules | None = None) -> Ledger:
    return Ledger(Usd(Decimal(bankroll)), rules or Rules(), timedelta(seconds=60))


def a_claim(cost: int) -> Claim:
    return Claim(WHALE, MARKET.condition_id, TOKEN, Usd(Decimal(cost)))


def asked(ledger: Ledger, cost: int, key: str = "k") -> Reason | None:
    refusal = ledger.reserve(key, SIGNAL, a_claim(cost), after(0))
    return None if refusal is None else refusal.reason


def test_what_is_reserved_cannot_be_reserved_again() -> None:
    ledger = a_ledger()
    assert asked(ledger, 150, "one") is None
    assert asked(ledger, 150, "two") is Reason.PORTFOLIO_LIMIT
    ledger.release("one")
    assert asked(ledger, 150, "three") is None


def test_more_than_the_cash_is_refused() -> None:
    loose = replace(Rules(), risk=replace(RiskRules(), market_share_max=Decimal(9)))
    ledger = a_ledger(100, loose)
    assert asked(ledger, 101) is Reason.BALANCE_TOO_LOW
    assert asked(ledger, 60, "one") is None
    assert asked(ledger, 60, "two") is Reason.BALANCE_TOO_LOW


def test_a_throttle_is_told_before_the_cash() -> None:
    ledger = a_ledger(1)
    for n in range(6):
        ledger.release(f"key {n}")
        refusal = asked(ledger, 0, f"key {n}")
        assert refusal is None
    assert asked(ledger, 2, "one more") is Reason.ORDER_THROTTLE


def test_a_position_that_is_being_left_takes_no_entry() -> None:
    ledger = a_ledger()
    lot = ledger.book(a_copy(), MARKET)
    lot.leaving = Leaving(ExitReason.STOP_LOSS, None, lot.size)
    assert asked(ledger, 10) is Reason.POSITION_CLOSING


def test_a_fill_moves_cash_and_a_result_pays_it_out() -> None:
    ledger = a_ledger()
    ledger.book(a_copy(), MARKET)
    money = ledger.portfolio(after(13))
    assert money.cash == 1000 - Decimal("15.3")
    assert money.bid_value == Decimal("15.2")
    assert [lot.token_id for lot in ledger.lots_in(MARKET.condition_id)] == [TOKEN]
    ledger.redeem(MARKET, (Price(Decimal(1)), Price(Decimal(0))), after(20))
    assert ledger.portfolio(after(21)).cash == 1000 - Decimal("15.3") + 30
    assert ledger.lot(WHALE, TOKEN) is None
    assert ledger.lots_in(MARKET.condition_id) == []
    assert [outcome.pnl for outcome in ledger.outcomes] == [30 - Decimal("15.3")]
    assert ledger.equity[-1].realised == 30 - Decimal("15.3")


def test_the_drawdown_is_told_from_the_peak() -> None:
    ledger = a_ledger()
    lot = ledger.book(a_copy(), MARKET)
    lot.mark = Price(Decimal("0.9"))
    ledger.note_equity(after(14))
    peak = ledger.equity[-1].equity
    lot.mark = Price(Decimal("0.1"))
    drawdown = ledger.portfolio(after(15)).drawdown
    assert drawdown == (peak - (1000 - Decimal("15.3") + 3)) / peak


def test_equity_is_sampled_now_and_then_while_something_is_held() -> None:
    ledger = a_ledger()
    ledger.sample(after(0))
    ledger.sample(after(100))
    assert len(ledger.equity) == 1
    ledger.book(a_copy(), MARKET)
    count = len(ledger.equity)
    ledger.sample(after(20))
    ledger.sample(after(80))
    assert len(ledger.equity) == count + 1


def test_the_end_tells_what_is_still_held() -> None:
    ledger = a_ledger()
    ledger.book(a_copy(), MARKET)
    ledger.end(after(50))
    [outcome] = ledger.outcomes
    assert outcome.closed_at is None


def test_a_result_of_a_market_we_do_not_hold_changes_nothing() -> None:
    ledger = a_ledger()
    ledger.redeem(MARKET, (Price(Decimal(1)), Price(Decimal(0))), after(1))
    assert ledger.equity == []
