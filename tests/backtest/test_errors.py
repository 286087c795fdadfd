"""Everything that is wrong with a past can be caught as one."""

from backtest.errors import BacktestError, CsvError, HindsightError


def test_hindsight_and_bad_files_are_errors_of_a_look_back() -> None:
    assert issubclass(HindsightError, BacktestError)
    assert issubclass(CsvError, BacktestError)
