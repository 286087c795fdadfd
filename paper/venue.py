"""The venue itself: the one object that every protocol of the local venue reads and drives."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from paper.model import (
    Book,
    ChainLog,
    Market,
    OrderRecord,
    OrderType,
    SignedOrder,
    Trade,
    VenueEvent,
)


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """What a POST /order is answered with; amounts in micros of what was matched at once."""

    order_id: str
    status: str  # live | matched | delayed | unmatched
    making_amount: int
    taking_amount: int
    trade_ids: tuple[str, ...]


class Venue:
    """Markets, books, orders, trades, ledger and chain. Synchronous; one event loop owns it."""

    def now(self) -> int:
        """Return the wall clock in Unix milliseconds."""
        raise NotImplementedError

    def markets(self) -> Sequence[Market]:
        """Return every market of this play and of earlier ones, oldest first."""
        raise NotImplementedError

    def market(self, condition_id: str) -> Market | None:
        """Return a market by condition id."""
        raise NotImplementedError

    def market_of(self, token_id: str) -> Market | None:
        """Return the market that a token belongs to."""
        raise NotImplementedError

    def book(self, token_id: str) -> Book | None:
        """Return the book a trader sees: recorded levels less what was taken, plus resting orders."""
        raise NotImplementedError

    def price_history(self, token_id: str) -> Sequence[tuple[int, int]]:
        """Return (seconds, mid-price in micros) pairs, oldest first."""
        raise NotImplementedError

    def submit(
        self, order: SignedOrder, order_type: OrderType, *, owner: str, post_only: bool
    ) -> SubmitResult:
        """Check, book and match an order whose signature was verified; raise OrderRefusedError."""
        raise NotImplementedError

    def cancel(self, order_ids: Sequence[str], owner: str) -> tuple[list[str], dict[str, str]]:
        """Cancel resting orders; return the cancelled ids and, per other id, the reason."""
        raise NotImplementedError

    def order(self, order_id: str) -> OrderRecord | None:
        """Return an order ever accepted."""
        raise NotImplementedError

    def orders(self) -> Sequence[OrderRecord]:
        """Return every order ever accepted, oldest first."""
        raise NotImplementedError

    def trades(self) -> Sequence[Trade]:
        """Return every trade of this play and of earlier ones, oldest first."""
        raise NotImplementedError

    def open_wallet(self, wallet: str) -> None:
        """Give a wallet seen for the first time its bankroll and all allowances."""
        raise NotImplementedError

    def balance(self, wallet: str, token_id: str | None) -> int:
        """Return settled micros of pUSD (`token_id` None) or of a token."""
        raise NotImplementedError

    def wallets(self) -> dict[str, tuple[int, dict[str, int]]]:
        """Return (cash, tokens) in micros for every account; over all accounts each sums to zero."""
        raise NotImplementedError

    def block_number(self) -> int:
        """Return the newest block's number."""
        raise NotImplementedError

    def logs(self, from_block: int, to_block: int) -> Sequence[ChainLog]:
        """Return the logs of a closed range of blocks, in chain order."""
        raise NotImplementedError

    def filled_on_chain(self, order_id: str) -> tuple[bool, int] | None:
        """Return (is filled, remaining maker amount) as the exchange stores it; None if never."""
        raise NotImplementedError

    def subscribe(self, capacity: int = 10_000) -> "asyncio.Queue[VenueEvent]":
        """Return a bounded queue of events from now on; a reader that falls behind is cut off."""
        raise NotImplementedError

    def unsubscribe(self, queue: "asyncio.Queue[VenueEvent]") -> None:
        """Stop a subscription."""
        raise NotImplementedError

    async def run(self) -> None:
        """Play the tape, mine blocks and settle trades until cancelled."""
        raise NotImplementedError

    @property
    def is_done(self) -> bool:
        """Tell whether the tape is played, every market resolved and every trade final."""
        raise NotImplementedError

    @property
    def speed(self) -> Decimal:
        """Tape seconds per second of the wall clock."""
        raise NotImplementedError
