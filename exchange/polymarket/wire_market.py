"""The market stream's frames: books, level changes, trades, tick sizes and resolutions."""

from pydantic import Field

from exchange.polymarket.wire import (
    Moment,
    OptionalNumber,
    PositiveSize,
    Size,
    WireCondition,
    WireModel,
    WirePrice,
    WireSide,
    WireToken,
    parse,
)
from exchange.polymarket.wire_clob import BookRow


class LevelChangeRow(WireModel):
    """A level's new size; zero takes the level away. Afterwards the best prices are these.

    Sides without levels have 0 and 1 for their best.
    """

    asset_id: WireToken
    price: WirePrice
    size: Size
    side: WireSide
    best_bid: OptionalNumber = None
    best_ask: OptionalNumber = None


class PriceChangeFrame(WireModel):
    """Changes of levels, of one or both tokens of a market."""

    price_changes: tuple[LevelChangeRow, ...]
    timestamp: Moment


class LastTradeFrame(WireModel):
    """A match; no trader is named."""

    asset_id: WireToken
    price: WirePrice
    size: PositiveSize
    timestamp: Moment


class TickSizeFrame(WireModel):
    """A new tick size."""

    asset_id: WireToken
    new_tick_size: WirePrice
    timestamp: Moment


class ResolvedFrame(WireModel):
    """A market was resolved."""

    condition_id: WireCondition = Field(validation_alias="market")
    timestamp: Moment


MarketFrame = BookRow | PriceChangeFrame | LastTradeFrame | TickSizeFrame | ResolvedFrame

_FRAMES: dict[str, type[MarketFrame]] = {
    "book": BookRow,
    "price_change": PriceChangeFrame,
    "last_trade_price": LastTradeFrame,
    "tick_size_change": TickSizeFrame,
    "market_resolved": ResolvedFrame,
}


def read_market_frame(payload: dict[str, object]) -> MarketFrame | None:
    """Return one event of the stream, None for the kinds that we do not use."""
    kind = payload.get("event_type")
    model = _FRAMES.get(kind) if isinstance(kind, str) else None
    return None if model is None else parse(model, payload)
