"""A wallet's record in figures."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.trading.scene import usd
from trading.track_record import results_since, study
from trading.whales import ClosedTrade, score_whale

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def trade(pnl: str, days_ago: int, cost: str = "100") -> ClosedTrade:
    return ClosedTrade(NOW - timedelta(days=days_ago), usd(cost), usd(pnl), "a")


def test_a_record_by_hand() -> None:
    trades = [trade("50", 4), trade("-20", 3), trade("-10", 2), trade("40", 1)]
    record = study(trades, NOW)
    assert record.score == score_whale(trades, NOW)
    assert record.total_trades == 4
    assert record.roi == Decimal("0.15")
    assert record.max_drawdown == Decimal("0.075")
    assert record.profit_factor == 3


def test_without_cost_or_loss_there_is_no_ratio() -> None:
    empty = study([], NOW)
    assert (empty.roi, empty.max_drawdown, empty.profit_factor) == (None, None, None)
    assert (empty.baseline, empty.halves) == (None, None)
    winner = study([trade("5", 1)], NOW)
    assert winner.profit_factor is None
    assert winner.max_drawdown == 0


def test_twenty_trades_make_a_baseline_and_two_halves() -> None:
    trades = [trade(str(10 + n), 30 - n) for n in range(20)]
    record = study(trades, NOW)
    assert record.baseline is not None
    assert record.baseline.trades == 20
    assert record.halves is not None
    assert record.halves.later == Decimal("0.245")


def test_only_what_closed_later_is_a_later_result() -> None:
    trades = [trade("30", 1), trade("50", 3), trade("-20", 2), trade("9", 1, cost="0")]
    assert results_since(trades, NOW - timedelta(days=3)) == [Decimal("-0.2"), Decimal("0.3")]
