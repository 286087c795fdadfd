"""What we ask of the process that holds the key, and every reason for which it may say no."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from exchange.redeem_port import RedeemRequest
from trading.orders import Intent
from trading.types import Wallet


class No(StrEnum):
    """Why the signer refuses; the closed set. Those of `trading.pretrade` keep their names."""

    NOT_COMMITTED = "not_committed"
    """The records know no such order."""
    NOT_OURS = "not_ours"
    """Another wallet's, or not for this key."""
    ALTERED = "altered"
    """The records contradict themselves: hash, salt, times, amounts."""
    WRONG_TOKEN = "wrong_token"  # noqa: S105 - a token of a market, not a secret
    """The token, side or market is not that of the signal or position."""
    NOT_RESERVED = "not_reserved"
    """No open reservation covers it."""
    ENDED = "ended"
    """Its order or its position takes no more."""
    EXITS_PER_MIN = "exits_per_min"
    ATTESTS_PER_HOUR = "attests_per_hour"
    REDEMPTION = "redemption"
    """A redemption that is not just one."""
    REDEMPTIONS_PER_HOUR = "redemptions_per_hour"
    PRICE_RANGE = "price_range"
    TICK = "tick"
    BAND = "band"
    COLLAR = "collar"
    ORDER_MAX = "order_max"
    ATTEMPTS = "attempts"
    DUPLICATE = "duplicate"
    SELF_CROSS = "self_cross"
    OPEN_ORDERS = "open_orders"
    ORDERS_PER_MIN = "orders_per_min"
    ORDERS_PER_MIN_TOKEN = "orders_per_min_token"  # noqa: S105 - a count, not a secret
    NOTIONAL_PER_MIN = "notional_per_min"
    NOTIONAL_PER_DAY = "notional_per_day"
    REPEATS = "repeats"
    HELD = "held"
    EPOCH = "epoch"
    BUILD = "build"
    EXPIRY = "expiry"
    COPIES = "copies"
    HALT = "halt"
    ORDERS_OUT = "orders_out"

    @property
    def is_ordinary(self) -> bool:
        """Tell whether an honest worker may be told this: something moved while it was busy.

        Anything else says that a worker or the records have gone wrong: entries halt.
        """
        return self in _ORDINARY


_ORDINARY = frozenset(
    {
        No.ENDED,
        No.EXITS_PER_MIN,
        No.TICK,
        No.OPEN_ORDERS,
        No.HELD,
        No.EPOCH,
        No.BUILD,
        No.EXPIRY,
        No.COPIES,
        No.HALT,
    }
)


@dataclass(frozen=True, slots=True)
class SignRefusal:
    """A no of the signer with its numbers: nothing was signed, so nothing has left."""

    code: No
    wanted: str = ""
    cap: str = ""

    def describe(self) -> str:
        """Say in one line what was refused."""
        return f"the signer refused it: {self.code}, wanted {self.wanted}, allowed {self.cap}"


class EarlySigner(Protocol):
    """Has an order signed before the right to send it is taken, where that can fail."""

    async def sign_early(self, intent: Intent) -> SignRefusal | None:
        """Have it signed; return the no where there is one.

        Raises:
            UnavailableError: the signer did not answer; nothing was sent, ask again.
        """


class SignsWhenSent:
    """Stands where the key is in this process: signing cannot fail, and happens when it is sent."""

    async def sign_early(self, intent: Intent) -> SignRefusal | None:
        """Do nothing."""
        del intent
        return None


class RedemptionSigner(Protocol):
    """Signs redemptions that are committed."""

    @property
    def address(self) -> Wallet:
        """Return the address of the key that owns the wallet."""

    async def sign_envelope(self, request: RedeemRequest) -> dict[str, object]:
        """Return the body of the relayer's `/submit`."""

    async def sign_transaction(self, request: RedeemRequest) -> tuple[str, str]:
        """Return a plain key's signed transaction and its hash, both 0x hex."""
