"""The order book's REST payloads: books, orders, trades, markets, balances and answers."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AliasChoices, Field, TypeAdapter, ValidationError

from exchange.polymarket.wire import (
    FilledText,
    Items,
    Moment,
    Number,
    OptionalNumber,
    Size,
    SizeOrZero,
    Text,
    WireCondition,
    WireHash,
    WireModel,
    WirePrice,
    WireSide,
    WireToken,
    parse,
    read_json,
)
from exchange.port import CancelReport, WireError
from trading.orders import SIZE_TOLERANCE, VenueOrder
from trading.submits import SubmitAnswer
from trading.types import (
    ZERO,
    FeeSchedule,
    Level,
    OrderBook,
    OrderHash,
    OrderState,
    OrderType,
    Price,
    Settlement,
    Shares,
    Side,
)

PAGE_END = "LTE="
"""The cursor after the last page of a listing; the first page's is `MA==`."""

_ASSET = AliasChoices("asset_id", "token_id")
_ERROR_CHARACTERS_MAX = 500
_RESTING_TYPES = frozenset({OrderType.GTC.value, OrderType.GTD.value, ""})


class LevelRow(WireModel):
    """One price level."""

    price: WirePrice
    size: Size


class BookRow(WireModel):
    """A whole book, from REST or as a stream's snapshot; either side in any order."""

    asset_id: WireToken = Field(validation_alias=_ASSET)
    bids: tuple[LevelRow, ...] = ()
    asks: tuple[LevelRow, ...] = ()
    timestamp: Moment
    tick_size: OptionalNumber = None
    min_order_size: OptionalNumber = None


class OrderRow(WireModel):
    """An order as `/data/order`, `/data/orders` and the user stream give it."""

    id: WireHash
    status: Text = ""
    type: Text = ""
    original_size: SizeOrZero = ZERO
    size_matched: SizeOrZero = ZERO
    order_type: Text = ""


class MakerOrderRow(WireModel):
    """The resting side of a trade."""

    order_id: WireHash
    owner: Text = ""
    maker_address: Text = ""
    matched_amount: Size
    price: WirePrice
    asset_id: WireToken = Field(validation_alias=_ASSET)
    side: WireSide | None = None


class TradeRow(WireModel):
    """A trade as `/data/trades` and the user stream give it; sizes and prices are the taker's."""

    id: FilledText
    taker_order_id: WireHash
    market: WireCondition
    asset_id: WireToken = Field(validation_alias=_ASSET)
    side: WireSide
    size: Size
    price: WirePrice
    status: FilledText
    trader_side: Text = ""
    owner: Text = ""
    maker_address: Text = ""
    transaction_hash: Text = ""
    maker_orders: Annotated[tuple[MakerOrderRow, ...], Items] = ()
    matched_at: Moment = Field(
        validation_alias=AliasChoices("match_time", "matchtime", "last_update", "timestamp")
    )


class TokenRow(WireModel):
    """One outcome in a market of `/markets/{condition}`."""

    token_id: WireToken
    winner: bool = False
    price: OptionalNumber = None


class ClobMarketRow(WireModel):
    """A market as `/markets/{condition}` gives it."""

    condition_id: WireCondition
    minimum_tick_size: Number
    minimum_order_size: Number
    neg_risk: bool = False
    accepting_orders: bool = False
    closed: bool = False
    tokens: tuple[TokenRow, ...] = ()


class FeeRow(WireModel):
    """A fee schedule: `r`, `e` in short form, `rate`, `exponent` in Gamma's words."""

    rate: Annotated[Number, Field(validation_alias=AliasChoices("r", "rate"))] = ZERO
    exponent: Annotated[Number, Field(validation_alias=AliasChoices("e", "exponent"))] = Decimal(1)


class ShortMarketRow(WireModel):
    """A market as `/clob-markets/{condition}` gives it; only its fees are read."""

    fd: FeeRow | None = None


class CredentialsRow(WireModel):
    """An API key as `/auth/derive-api-key` and `/auth/api-key` give it."""

    key: FilledText = Field(validation_alias="apiKey")
    secret: FilledText
    passphrase: FilledText


class _CancelRow(WireModel):
    canceled: tuple[WireHash, ...] = ()
    not_canceled: dict[WireHash, Text] = Field(default_factory=dict)


class _BalanceRow(WireModel):
    balance: Size


class _HistoryPoint(WireModel):
    t: Number
    p: Number


class _HistoryRow(WireModel):
    history: tuple[_HistoryPoint, ...]


class _PageRow(WireModel):
    data: Annotated[tuple[object, ...], Items] = ()
    next_cursor: Text = PAGE_END


class _SubmitRow(WireModel):
    order_id: Text = Field(default="", validation_alias=AliasChoices("orderID", "orderId"))
    status: Text = ""
    error: Text = Field(
        default="", validation_alias=AliasChoices("errorMsg", "error", "error_msg", "message")
    )
    making: SizeOrZero = Field(default=ZERO, validation_alias="makingAmount")
    taking: SizeOrZero = Field(default=ZERO, validation_alias="takingAmount")
    retry_after_s: OptionalNumber = Field(default=None, validation_alias="retry_after_seconds")


_CLOCK: TypeAdapter[datetime] = TypeAdapter(Moment)


def fees_of(row: FeeRow | None) -> FeeSchedule:
    """Return a schedule; markets without one take no fees."""
    if row is None:
        return FeeSchedule(ZERO, 1)
    if row.rate < 0 or row.exponent != int(row.exponent) or not 0 <= row.exponent <= 10:
        raise WireError(f"expected a fee rate and a whole exponent, received {row}")
    return FeeSchedule(row.rate, int(row.exponent))


def book_of(row: BookRow, received_at: datetime) -> OrderBook:
    """Return a book, best levels first; raise WireError when its tick or minimum is missing."""
    if row.tick_size is None or row.min_order_size is None:
        raise WireError(f"expected tick_size and min_order_size in the book of {row.asset_id}")
    return OrderBook(
        token_id=row.asset_id,
        bids=levels_of(row.bids)[::-1],
        asks=levels_of(row.asks),
        at=row.timestamp,
        received_at=received_at,
        tick_size=Price(row.tick_size),
        min_size=Shares(row.min_order_size),
    )


def levels_of(rows: tuple[LevelRow, ...]) -> tuple[Level, ...]:
    """Return levels by rising price without the empty ones."""
    levels = (Level(Price(row.price), Shares(row.size)) for row in rows if row.size)
    return tuple(sorted(levels, key=lambda level: level.price))


def read_prices(payload: object) -> tuple[Price, ...]:
    """Return the prices of a history, oldest first; points outside (0, 1) are left out."""
    points = sorted(parse(_HistoryRow, payload).history, key=lambda point: point.t)
    return tuple(Price(point.p) for point in points if 0 < point.p < 1)


def read_clock(payload: bytes) -> datetime:
    """Return the venue's time: whole seconds."""
    try:
        return _CLOCK.validate_python(read_json(payload))
    except ValidationError as error:
        raise WireError(f"expected the time, {error.errors()[0]['msg']}") from error


def read_page(payload: object) -> tuple[tuple[object, ...], str | None]:
    """Return a page's rows and the cursor of the next one, None after the last."""
    page = parse(_PageRow, payload)
    return page.data, None if page.next_cursor in ("", PAGE_END) else page.next_cursor


def read_cancel(payload: object) -> CancelReport:
    """Return the answer to a cancel request."""
    row = parse(_CancelRow, payload)
    refused = tuple((order_hash, reason) for order_hash, reason in row.not_canceled.items())
    return CancelReport(row.canceled, refused)


def read_balance(payload: object) -> Decimal:
    """Return a balance; the venue sends whole micro-units."""
    return parse(_BalanceRow, payload).balance / 1_000_000


def read_submit(status: int, body: bytes, side: Side) -> SubmitAnswer:
    """Return the answer to a POST; a 200 that cannot be read proves nothing, like no answer.

    What we bought or sold at once is `takingAmount` of a BUY and `makingAmount` of a SELL, in
    shares (docs/venue.md, "POST /order").
    """
    try:
        row = parse(_SubmitRow, read_json(body))
    except WireError:
        if status == 200:
            return SubmitAnswer(None, error=f"unreadable answer: {_cut(body)}")
        return SubmitAnswer(status, error=_cut(body))
    matched = row.taking if side is Side.BUY else row.making
    return SubmitAnswer(
        http_status=status,
        order_id=row.order_id.lower(),
        status=row.status,
        error=row.error[:_ERROR_CHARACTERS_MAX],
        size_matched=Shares(matched),
        retry_after_s=row.retry_after_s,
    )


def read_error(body: bytes) -> str:
    """Return what an error answer says, or its beginning."""
    try:
        return parse(_SubmitRow, read_json(body)).error[:_ERROR_CHARACTERS_MAX] or _cut(body)
    except WireError:
        return _cut(body)


def _cut(body: bytes) -> str:
    return body[:_ERROR_CHARACTERS_MAX].decode("utf-8", "replace").replace("\0", " ").strip()


def order_of(row: OrderRow) -> VenueOrder:
    """Return what the venue says of an order, in our words."""
    state = _state_of(row)
    matched = row.size_matched
    if state is OrderState.MATCHED and not matched:
        matched = row.original_size  # matched in full, the amount was left out
    return VenueOrder(row.id, state, Shares(matched), text=row.status or row.type)


def _state_of(row: OrderRow) -> OrderState:
    status = row.status.upper().removeprefix("ORDER_STATUS_") or row.type.upper()
    match status:
        case "LIVE" | "UNMATCHED" | "PLACEMENT" | "UPDATE":
            return OrderState.PARTIAL if row.size_matched else OrderState.LIVE
        case "DELAYED":
            return OrderState.DELAYED
        case "MATCHED":
            return _matched_state(row)
        case "INVALID":
            return OrderState.REJECTED
        case "CANCELED_EXPIRED_ORDER":
            return OrderState.EXPIRED
    if status.startswith(("CANCELED", "CANCELLED", "CANCELLATION")):
        return OrderState.CANCELLED
    raise WireError(f"expected a known status of order {row.id}, received {row.status!r}")


def _matched_state(row: OrderRow) -> OrderState:
    """Tell a full match from the end of a FAK, and from a resting order's first part."""
    if not row.size_matched or row.original_size - row.size_matched <= SIZE_TOLERANCE:
        return OrderState.MATCHED
    rests = row.order_type.upper() in _RESTING_TYPES
    return OrderState.PARTIAL if rests else OrderState.CANCELLED


def settlement_of(status: str) -> Settlement:
    """Return where a trade stands; `MATCHED_NOT_BROADCASTED` is still only matched."""
    name = status.upper().removeprefix("TRADE_STATUS_")
    if name == "MATCHED_NOT_BROADCASTED":
        return Settlement.MATCHED
    try:
        return Settlement(name)
    except ValueError as error:
        raise WireError(f"expected a known trade status, received {status!r}") from error


def hash_of(payload: object) -> OrderHash:
    """Return the id of one row of the open orders."""
    return parse(OrderRow, payload).id
