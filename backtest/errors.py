"""What can be wrong with a look back."""


class BacktestError(Exception):
    """The past could not be looked at; the message says what was expected and what was found."""


class HindsightError(BacktestError):
    """Something was told before it could be known."""


class CsvError(BacktestError):
    """A file of fills cannot be used at all."""
