"""What we ask of the chain once a market is resolved: who is paid what, and to pay us."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from trading.types import ConditionId, Market, Price, Shares, SignatureType, Wallet


class RedeemState(StrEnum):
    """How far a redemption has come, as the chain and the relayer tell."""

    PENDING = "PENDING"
    """It may be mined, now or after the same bytes are sent again."""
    DONE = "DONE"
    """It was mined, or another transaction used its nonce: what is still held tells which."""
    DEAD = "DEAD"
    """It was reverted or its deadline has passed: it will never do anything."""

    @property
    def is_final(self) -> bool:
        """Tell whether nothing more will happen."""
        return self is not RedeemState.PENDING


@dataclass(frozen=True, slots=True)
class ChainCall:
    """One call of a contract; `data` is 0x and hexadecimal digits."""

    target: str
    data: str


@dataclass(frozen=True, slots=True)
class RedeemRequest:
    """A redemption before its signature, which is remade: the same request, the same bytes.

    Everything that is held of the condition is given back in one transaction, whichever positions
    hold it.
    """

    wallet: Wallet
    condition_id: ConditionId
    signature_type: SignatureType
    nonce: int
    calls: tuple[ChainCall, ...]
    deadline_s: int = 0  # Unix; 0: none
    gas_limit: int = 0
    gas_price: int = 0  # wei
    relay: str = ""


@dataclass(frozen=True, slots=True)
class RedeemAnswer:
    """What sending a redemption brought: a handle to follow it by, or why there is none.

    Without a handle it was refused or its outcome is unknown; only the chain tells which.
    """

    handle: str
    error: str = ""


class Redeemer(Protocol):
    """Turns resolved shares into cash. Reads raise UnavailableError or WireError."""

    @property
    def wallet(self) -> Wallet:
        """Return the wallet whose shares are redeemed."""

    @property
    def may_send(self) -> bool:
        """Tell whether we can redeem ourselves; else only the platform or a person does."""

    async def fetch_payouts(self, market: Market) -> Sequence[Price] | None:
        """Return the payout vector of the chain, in the market's order; None until it is there.

        Where the chain cannot be asked for one, it is the venue's own, `market.payouts`.
        """

    async def fetch_held(self, market: Market) -> Sequence[Shares]:
        """Return what the wallet holds of each outcome on the chain, in the market's order."""

    async def prepare(self, market: Market) -> RedeemRequest:
        """Return the transaction that redeems all that is held of a market, nothing sent."""

    async def redeem(self, request: RedeemRequest) -> RedeemAnswer:
        """Sign and send the same bytes once; never raises for an answer or its absence."""

    async def fetch_state(self, request: RedeemRequest, handle: str) -> RedeemState:
        """Return what became of a request; `handle` is "" where no answer came."""
