"""Reads what the mirrored venue says of its markets and books into our own terms."""

import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from paper.model import MICROS, Dialect, Level, Market
from paper.notation import parse_time

ModelT = TypeVar("ModelT", bound="_Row")
RESOLVED = ("resolved", "settled")
NEVER = 253_402_300_799_000  # the year 9999, for a market without an end date


class UpstreamError(Exception):
    """The mirrored venue could not be reached, or answered something else than expected."""


@dataclass(frozen=True, slots=True)
class FoundBook:
    """A book as it was answered, in the asked token's terms; both sides best first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    tick_size: int | None
    min_size: int | None


def _listed(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


def _micros(value: object) -> int:
    try:
        return round(Decimal(str(value)) * MICROS)
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise ValueError(f"expected a number, received {value!r}") from error


def _moment(value: object) -> object:
    return parse_time(value) if isinstance(value, str) else value


Micros = Annotated[int, BeforeValidator(_micros)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Prices = Annotated[tuple[Micros, ...], BeforeValidator(_listed)]
Moment = Annotated[int | None, BeforeValidator(_moment)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class FeeRow(_Row):
    """What a taker pays, in Gamma's words or in the short ones of /clob-markets."""

    rate: Decimal = Decimal(0)
    exponent: int = 1


class MarketRow(_Row):
    """A market of Gamma's /markets/keyset."""

    condition_id: str = Field(alias="conditionId")
    version: str = "v1"
    question: str = ""
    slug: str = ""
    outcomes: Texts = ()
    outcome_prices: Prices = Field((), alias="outcomePrices")
    clob_token_ids: Texts = Field((), alias="clobTokenIds")
    position_ids: Texts = Field((), alias="positionIds")
    closed: bool = False
    accepting_orders: bool = Field(default=False, alias="acceptingOrders")
    neg_risk: bool = Field(default=False, alias="negRisk")
    starts_at: Moment = Field(None, alias="startDate")
    ends_at: Moment = Field(None, alias="endDate")
    min_size: Micros = Field(5 * MICROS, alias="orderMinSize")
    tick_size: Micros = Field(MICROS // 100, alias="orderPriceMinTickSize")
    volume: Micros = Field(0, alias="volumeNum")
    fees_enabled: bool | None = Field(None, alias="feesEnabled")
    fees: FeeRow | None = Field(None, alias="feeSchedule")
    uma_status: str = Field("", alias="umaResolutionStatus")
    resolution_status: str = Field("", alias="resolutionStatus")

    @property
    def token_ids(self) -> tuple[str, ...]:
        """Return the tokens of the outcomes, in their order."""
        return self.position_ids if self.version == "v2" else self.clob_token_ids

    @property
    def needs_fees(self) -> bool:
        """Tell whether the fees have to be asked for elsewhere."""
        return self.fees is None and self.fees_enabled is not False

    @property
    def payouts(self) -> tuple[int, int] | None:
        """Return micros per share of each outcome once the result stands: 1 and 0, or halves."""
        words = (self.uma_status.lower(), self.resolution_status.lower())
        if not self.closed or not any(word in RESOLVED for word in words):
            return None
        match self.outcome_prices:
            case (first, second) if first + second == MICROS and first in (0, MICROS // 2, MICROS):
                return first, second
        return None

    def as_market(self, fees: FeeRow | None) -> Market:
        """Return our market; raise UpstreamError where it is no market of two outcomes."""
        if len(self.token_ids) != 2 or len(self.outcomes) != 2:
            received = f"{len(self.token_ids)} of {self.condition_id}"
            raise UpstreamError(f"expected two outcomes with their tokens, received {received}")
        fees = fees or FeeRow()
        return Market(
            condition_id=self.condition_id.lower(),
            question=self.question,
            slug=self.slug,
            event_slug=self.slug,
            outcomes=(self.outcomes[0], self.outcomes[1]),
            token_ids=(self.token_ids[0], self.token_ids[1]),
            dialect=Dialect.PROTOCOL_V2 if self.version == "v2" else Dialect.CLOB_V2,
            neg_risk=self.neg_risk,
            tick_size=self.tick_size,
            min_size=self.min_size,
            fee_rate=fees.rate,
            fee_exponent=fees.exponent,
            starts_at=self.starts_at or 0,
            ends_at=self.ends_at or NEVER,
            accepting_orders=self.accepting_orders and not self.closed,
            volume=self.volume,
        )


class _MarketsRow(_Row):
    markets: tuple[MarketRow, ...] = ()


class _ShortFees(_Row):
    rate: Decimal = Field(Decimal(0), alias="r")
    exponent: int = Field(1, alias="e")


class _ShortMarketRow(_Row):
    fees: _ShortFees | None = Field(None, alias="fd")


class _LevelRow(_Row):
    price: Micros
    size: Micros


class _BookRow(_Row):
    asset_id: str
    bids: tuple[_LevelRow, ...] = ()
    asks: tuple[_LevelRow, ...] = ()
    tick_size: Micros | None = None
    min_order_size: Micros | None = None


def read_markets(payload: object) -> tuple[MarketRow, ...]:
    """Read a page of Gamma's markets; raise UpstreamError for anything else."""
    return _read(_MarketsRow, payload).markets


def read_fees(payload: object) -> FeeRow:
    """Read the fees of /clob-markets; a market without any takes none."""
    fees = _read(_ShortMarketRow, payload).fees
    return FeeRow() if fees is None else FeeRow(rate=fees.rate, exponent=fees.exponent)


def read_book(payload: object, token_id: str) -> FoundBook:
    """Read the book of a token; raise UpstreamError for another's, or for what is none."""
    row = _read(_BookRow, payload)
    if row.asset_id != token_id:
        raise UpstreamError(f"expected the book of {token_id}, received that of {row.asset_id}")
    return FoundBook(
        bids=tuple(reversed(_levels(row.bids))),
        asks=_levels(row.asks),
        tick_size=row.tick_size,
        min_size=row.min_order_size,
    )


def _levels(rows: tuple[_LevelRow, ...]) -> tuple[Level, ...]:
    levels = (Level(row.price, row.size) for row in rows if 0 < row.price < MICROS and row.size > 0)
    return tuple(sorted(levels, key=lambda level: level.price))


def _read(model: type[ModelT], payload: object) -> ModelT:
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UpstreamError(f"expected {model.__name__}: {place}: {first['msg']}") from error
