"""One row of a file of fills, read cell by cell; what is wrong says column, expected, received."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from trading.amounts import TICK_SIZES
from trading.types import (
    ConditionId,
    FeeSchedule,
    Price,
    Shares,
    Side,
    TokenId,
    Wallet,
)

REQUIRED = ("traded_at", "wallet", "condition_id", "token_id", "side", "price", "size")
OPTIONAL = (
    "transaction_hash",
    "log_index",
    "is_taker",
    "name",
    "question",
    "outcome",
    "category",
    "ends_at",
    "resolved_at",
    "payout",
    "tick_size",
    "min_size",
    "fee_rate",
    "fee_exponent",
    "best_bid",
    "best_ask",
    "bid_size",
    "ask_size",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIX_MAX = 10**11  # seconds; a larger number is meant in milliseconds
_TEXT_MAX = 500
_HEX_DIGITS = frozenset("0123456789abcdef")
_Parsed = TypeVar("_Parsed")


class CellError(ValueError):
    """A cell is not what its column holds."""

    def __init__(self, column: str, expected: str, received: str) -> None:
        super().__init__(f"column {column}: expected {expected}, received {received!r}")
        self.column = column


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask with their sizes, of the row's token, as they were after the fill."""

    bid: Price
    ask: Price
    bid_size: Shares
    ask_size: Shares


@dataclass(frozen=True, slots=True)
class MarketCells:
    """What a row says of its market; rows of one market must not contradict each other."""

    question: str
    category: str
    ends_at: datetime | None
    resolved_at: datetime | None
    tick_size: Price
    min_size: Shares
    fees: FeeSchedule


@dataclass(frozen=True, slots=True)
class FillRow:
    """One fill; `payout` is what a share of its token paid in the end."""

    line: int
    traded_at: datetime
    wallet: Wallet
    name: str
    condition_id: ConditionId
    token_id: TokenId
    outcome: str
    side: Side
    price: Price
    size: Shares
    transaction_hash: str
    log_index: int | None
    is_taker: bool | None
    market: MarketCells
    payout: Price | None
    quote: Quote | None


def read_row(line: int, cells: Mapping[str, str]) -> FillRow:
    """Read one row; cells that are missing or empty take their defaults.

    Raises:
        CellError: The first cell that is wrong.
    """
    row = _Cells(cells)
    traded_at = row.need("traded_at", _time)
    market = _market(row)
    payout = row.take("payout", _share)
    if (payout is None) != (market.resolved_at is None):
        missing = "payout" if payout is None else "resolved_at"
        raise CellError(missing, "payout and resolved_at both or neither", "")
    if market.resolved_at is not None and traded_at >= market.resolved_at:
        raise CellError("traded_at", f"a time before {market.resolved_at}", cells["traded_at"])
    wallet = row.need("wallet", _wallet)
    return FillRow(
        line=line,
        traded_at=traded_at,
        wallet=wallet,
        name=row.take("name", _text) or wallet,
        condition_id=ConditionId(row.need("condition_id", _text)),
        token_id=TokenId(row.need("token_id", _text)),
        outcome=row.take("outcome", _text) or "",
        side=row.need("side", _side),
        price=row.need("price", _price),
        size=row.need("size", _size),
        transaction_hash=row.take("transaction_hash", _text) or f"line {line}",
        log_index=row.take("log_index", _whole),
        is_taker=row.take("is_taker", _truth),
        market=market,
        payout=payout,
        quote=_quote(row),
    )


class _Cells:
    def __init__(self, cells: Mapping[str, str]) -> None:
        self._cells = cells

    def need(self, column: str, parse: Callable[[str], _Parsed]) -> _Parsed:
        return self._parse(column, (self._cells.get(column) or "").strip(), parse)

    def take(self, column: str, parse: Callable[[str], _Parsed]) -> _Parsed | None:
        text = (self._cells.get(column) or "").strip()
        return None if not text else self._parse(column, text, parse)

    def _parse(self, column: str, text: str, parse: Callable[[str], _Parsed]) -> _Parsed:
        try:
            return parse(text)
        except ValueError as error:
            raise CellError(column, str(error), text[:_TEXT_MAX]) from error


def _market(row: _Cells) -> MarketCells:
    exponent = row.take("fee_exponent", _whole)
    return MarketCells(
        question=row.take("question", _text) or "",
        category=row.take("category", _text) or "",
        ends_at=row.take("ends_at", _time),
        resolved_at=row.take("resolved_at", _time),
        tick_size=row.take("tick_size", _tick) or Price(Decimal("0.01")),
        min_size=row.take("min_size", _size) or Shares(Decimal(5)),
        fees=FeeSchedule(
            row.take("fee_rate", _rate) or Decimal(0), 1 if exponent is None else exponent
        ),
    )


def _quote(row: _Cells) -> Quote | None:
    bid, ask = row.take("best_bid", _price), row.take("best_ask", _price)
    bid_size, ask_size = row.take("bid_size", _size), row.take("ask_size", _size)
    found = (bid, ask, bid_size, ask_size)
    if all(cell is None for cell in found):
        return None
    if bid is None or ask is None or bid_size is None or ask_size is None:
        raise CellError("best_bid", "best_bid, best_ask, bid_size and ask_size together", "")
    if bid >= ask:
        raise CellError("best_ask", f"more than the best bid {bid}", str(ask))
    return Quote(bid, ask, bid_size, ask_size)


def _text(text: str) -> str:
    if not text or len(text) > _TEXT_MAX:
        raise ValueError(f"1 to {_TEXT_MAX} characters")
    return text


def _wallet(text: str) -> Wallet:
    wallet = text.lower()
    if len(wallet) != 42 or not wallet.startswith("0x") or set(wallet[2:]) - _HEX_DIGITS:
        raise ValueError("0x and 40 hexadecimal digits")
    return Wallet(wallet)


def _time(text: str) -> datetime:
    wanted = "a time with its zone (2026-09-28T08:15:00Z) or Unix seconds or milliseconds"
    try:
        if text.isascii() and text.isdecimal():
            number = int(text)
            unit = timedelta(seconds=1) if number < _UNIX_MAX else timedelta(milliseconds=1)
            return _EPOCH + number * unit
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(wanted) from error
    if found.tzinfo is None:
        raise ValueError(wanted)
    return found.astimezone(UTC)


def _number(text: str, wanted: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(wanted) from error
    exponent = number.as_tuple().exponent
    if not number.is_finite() or not isinstance(exponent, int) or exponent < -18:
        raise ValueError(wanted)
    return number


def _price(text: str) -> Price:
    number = _number(text, "a price between 0 and 1")
    if not 0 < number < 1:
        raise ValueError("a price between 0 and 1")
    return Price(number)


def _share(text: str) -> Price:
    number = _number(text, "a payout from 0 to 1")
    if not 0 <= number <= 1:
        raise ValueError("a payout from 0 to 1")
    return Price(number)


def _rate(text: str) -> Decimal:
    number = _number(text, "a fee rate from 0 and below 1")
    if not 0 <= number < 1:
        raise ValueError("a fee rate from 0 and below 1")
    return number


def _size(text: str) -> Shares:
    number = _number(text, "a positive number of shares")
    if not 0 < number < 10**12:
        raise ValueError("a positive number of shares")
    return Shares(number)


def _tick(text: str) -> Price:
    ticks = ", ".join(str(tick) for tick in sorted(TICK_SIZES))
    number = _number(text, f"one of {ticks}")
    if number not in TICK_SIZES:
        raise ValueError(f"one of {ticks}")
    return Price(number)


def _side(text: str) -> Side:
    try:
        return Side(text.upper())
    except ValueError as error:
        raise ValueError("BUY or SELL") from error


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise ValueError("a whole number from 0")
    return int(text)


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError("true or false")
    return text.lower() in ("true", "1", "yes")
