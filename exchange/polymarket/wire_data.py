"""The Data API's rows and the real-time socket's activity: whose trades, what they earned."""

from decimal import Decimal
from typing import Annotated

from pydantic import AliasChoices, Field

from exchange.polymarket.wire import (
    Items,
    Moment,
    Number,
    OptionalMoment,
    OptionalNumber,
    PositiveSize,
    SizeOrZero,
    Text,
    WireCondition,
    WireModel,
    WirePrice,
    WireSide,
    WireToken,
    WireWallet,
    parse,
)
from trading.types import ZERO


class ActivityRow(WireModel):
    """A fill with its wallet: a row of `/v2/trades` or the payload of an activity message."""

    wallet: WireWallet = Field(validation_alias=AliasChoices("proxy_wallet", "proxyWallet"))
    token_id: WireToken = Field(validation_alias=AliasChoices("token_id", "asset"))
    side: WireSide
    size: PositiveSize
    price: WirePrice
    timestamp: Moment
    transaction_hash: Text = Field(
        "", validation_alias=AliasChoices("transaction_hash", "transactionHash")
    )


class ActivityMessage(WireModel):
    """A message of the real-time socket."""

    topic: Text = ""
    type: Text = ""
    timestamp: Text = ""
    payload: dict[str, object] = Field(default_factory=dict)


class LeaderRow(WireModel):
    """A row of `/v2/leaderboard`."""

    wallet: WireWallet = Field(validation_alias=AliasChoices("user_id", "proxy_wallet"))
    name: Text = Field("", validation_alias="user_name")
    rank: int
    pnl: Number
    volume: Number = ZERO
    invented: bool = False


class ClosedPositionRow(WireModel):
    """A row of `/v2/positions?status=CLOSED`."""

    wallet: WireWallet = Field(validation_alias="proxy_wallet")
    condition_id: WireCondition
    entry_cost: OptionalNumber = Field(None, validation_alias="entry_cost_usdc")
    total_cost: OptionalNumber = Field(None, validation_alias="total_cost_usdc")
    realized_pnl: Number
    first_entry_at: OptionalMoment = None
    last_event_at: OptionalMoment = None
    category: Text = ""

    @property
    def cost(self) -> Decimal:
        """Return what went in, USD."""
        return self.entry_cost or self.total_cost or ZERO


class HoldingRow(WireModel):
    """A row of `/v2/positions` as what is held now."""

    token_id: WireToken = Field(validation_alias=AliasChoices("token_id", "asset"))
    current_size: SizeOrZero = Field(ZERO, validation_alias=AliasChoices("current_size", "size"))
    status: Text = ""


class _PaginationRow(WireModel):
    next_cursor: Text = ""


class DataPage(WireModel):
    """One page of the Data API."""

    data: Annotated[tuple[object, ...], Items] = ()
    pagination: _PaginationRow = _PaginationRow()


def read_data_page(payload: object) -> tuple[tuple[object, ...], str]:
    """Return a page's rows and the cursor of the next one, empty after the last."""
    page = parse(DataPage, payload)
    return page.data, page.pagination.next_cursor
