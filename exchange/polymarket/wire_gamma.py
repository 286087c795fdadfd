"""Gamma's description of markets: outcomes, tokens, fees, dates and results."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from exchange.polymarket.wire import (
    Items,
    Number,
    OptionalMoment,
    OptionalNumber,
    Text,
    WireCondition,
    WireModel,
    WireToken,
    as_list,
    as_object,
    parse,
)
from exchange.polymarket.wire_clob import FeeRow

_CATEGORIES_MAX = 20
_RESOLVED = frozenset({"resolved", "settled"})
_RESOLVING = frozenset({"proposed", "challenged", "disputed"})


class GammaMarketRow(WireModel):
    """A market of `/markets/keyset`; lists arrive as arrays or as the text of arrays."""

    condition_id: WireCondition = Field(validation_alias="conditionId")
    version: Text = ""
    question: Text = ""
    slug: Text = ""
    outcomes: Annotated[tuple[Text, ...], Items] = ()
    outcome_prices: Annotated[tuple[Number, ...], Items] = Field(
        (), validation_alias="outcomePrices"
    )
    clob_token_ids: Annotated[tuple[WireToken, ...], Items] = Field(
        (), validation_alias="clobTokenIds"
    )
    position_ids: Annotated[tuple[WireToken, ...], Items] = Field(
        (), validation_alias="positionIds"
    )
    active: bool | None = None
    closed: bool | None = None
    accepting_orders: bool | None = Field(None, validation_alias="acceptingOrders")
    neg_risk: bool | None = Field(None, validation_alias="negRisk")
    end_date: OptionalMoment = Field(None, validation_alias="endDate")
    liquidity_num: OptionalNumber = Field(None, validation_alias="liquidityNum")
    liquidity: OptionalNumber = None
    volume_num: OptionalNumber = Field(None, validation_alias="volumeNum")
    volume: OptionalNumber = None
    min_size: OptionalNumber = Field(None, validation_alias="orderMinSize")
    tick_size: OptionalNumber = Field(None, validation_alias="orderPriceMinTickSize")
    fees_enabled: bool | None = Field(None, validation_alias="feesEnabled")
    fee_schedule: FeeRow | None = Field(None, validation_alias="feeSchedule")
    uma_status: Text = Field("", validation_alias="umaResolutionStatus")
    resolution_status: Text = Field("", validation_alias="resolutionStatus")
    category: Text = ""
    tags: object = None

    @property
    def categories(self) -> tuple[str, ...]:
        """Return the words by which the venue files the market, lower case; what is no tag is not.

        A market is not refused for its tags: they decide on nothing but a whale's own categories.
        """
        tags = self.tags if isinstance(self.tags, list) else []
        words = [self.category, *(_tag_of(tag) for tag in tags)]
        kept = dict.fromkeys(word.strip().lower() for word in words if word.strip())
        return tuple(kept)[:_CATEGORIES_MAX]

    @property
    def is_protocol_v2(self) -> bool:
        """Tell whether the market's assets are positions of Protocol V2."""
        return self.version.lower() == "v2"

    @property
    def token_ids(self) -> tuple[WireToken, ...]:
        """Return the outcomes' tokens in the ledger that the market's version names."""
        return self.position_ids if self.is_protocol_v2 else self.clob_token_ids

    @property
    def is_resolved(self) -> bool:
        """Tell whether the result stands."""
        return not _RESOLVED.isdisjoint((self.uma_status.lower(), self.resolution_status.lower()))

    @property
    def is_resolving(self) -> bool:
        """Tell whether a result was proposed: it may stand any minute, or be disputed for days."""
        return self.uma_status.lower() in _RESOLVING

    @property
    def pays_half_each(self) -> bool:
        """Tell whether the final prices are those of a void market."""
        return bool(self.outcome_prices) and set(self.outcome_prices) == {Decimal("0.5")}


def _tag_of(tag: object) -> str:
    if isinstance(tag, dict):
        tag = tag.get("slug") or tag.get("label")
    return tag if isinstance(tag, str) else ""


def read_markets(payload: object) -> tuple[GammaMarketRow, ...]:
    """Return the markets of a keyset page."""
    rows = as_list(as_object(payload).get("markets"))
    return tuple(parse(GammaMarketRow, row) for row in rows)
