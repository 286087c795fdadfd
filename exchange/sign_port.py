"""What we ask of the process that holds the key, and how it says no."""

from dataclasses import dataclass
from typing import Protocol

from exchange.redeem_port import RedeemRequest
from trading.orders import Intent
from trading.pretrade import Control
from trading.types import Wallet

_ORDINARY = frozenset(
    {
        Control.ENDED,
        Control.EXITS_PER_MIN,
        Control.TICK,
        Control.OPEN_ORDERS,
        Control.HELD,
        Control.EPOCH,
        Control.BUILD,
        Control.EXPIRY,
        Control.COPIES,
        Control.HALT,
    }
)


@dataclass(frozen=True, slots=True)
class SignRefusal:
    """A no of the signer with its numbers: nothing was signed, so nothing has left."""

    code: Control
    wanted: str = ""
    cap: str = ""

    @property
    def is_ordinary(self) -> bool:
        """Tell whether an honest worker may be told this: something moved while it was busy.

        Anything else says that a worker or the records have gone wrong: entries halt.
        """
        return self.code in _ORDINARY

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
