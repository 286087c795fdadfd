"""The Data API's rows of what wallets did without trading, and of what they hold."""

from decimal import Decimal

from pydantic import Field

from exchange.polymarket.wire import (
    Moment,
    OptionalMoment,
    SizeOrZero,
    Text,
    WireCondition,
    WireModel,
    WireToken,
    WireWallet,
)
from trading.types import ZERO


class KindRow(WireModel):
    """The part of a row of `/v2/activity` that says what it is."""

    type: Text = ""
    is_combo: bool = False


class MoveRow(WireModel):
    """A split, merge, conversion or redemption: about a market, seldom about one token.

    The venue's own client reads only `usdc_size`; a set is worth one dollar, so that it stands
    for the size where there is none.
    """

    wallet: WireWallet = Field(validation_alias="proxy_wallet")
    condition_id: WireCondition
    token_id: Text = ""
    shares: SizeOrZero = Field(ZERO, validation_alias="size")
    usdc_size: SizeOrZero = ZERO
    timestamp: Moment
    transaction_hash: Text = ""

    @property
    def size(self) -> Decimal:
        """Return the shares of every token concerned."""
        return self.shares or self.usdc_size


class HeldRow(WireModel):
    """A row of `/v2/positions` of a position that is held."""

    wallet: WireWallet = Field(validation_alias="proxy_wallet")
    token_id: WireToken
    current_size: SizeOrZero = ZERO
    last_event_at: OptionalMoment = None
