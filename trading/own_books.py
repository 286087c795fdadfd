"""What our books say of one wallet, and what the venue may not show yet, or shows already."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from trading.reconcile import BookKind, Reading, Span, Subject, slack_of
from trading.types import ZERO, OrderHash, Price, Shares, TokenId, Usd, Wallet


@dataclass(frozen=True, slots=True)
class BookOrder:
    """An order of ours. `is_sure`: it has been as it is for longer than readers lag."""

    order_hash: OrderHash
    token_id: TokenId
    leaves: Shares
    price: Price
    is_open: bool
    is_sure: bool


@dataclass(frozen=True, slots=True)
class OwnBooks:
    """One wallet by our records: confirmed figures, and the moves that may or may not be in them.

    `opened_at` is when the first money was booked; what the venue did before is not ours to know.
    """

    wallet: Wallet
    opened_at: datetime | None = None
    cash: Usd = Usd(ZERO)
    cash_moves: Sequence[Decimal] = ()
    shares: Mapping[TokenId, Shares] = field(default_factory=dict)
    share_moves: Mapping[TokenId, Sequence[Decimal]] = field(default_factory=dict)
    prices: Mapping[TokenId, Price] = field(default_factory=dict)
    orders: Mapping[OrderHash, BookOrder] = field(default_factory=dict)

    @property
    def tokens(self) -> frozenset[TokenId]:
        """Return the tokens that we hold or may hold soon."""
        return frozenset(self.shares) | frozenset(self.share_moves)

    def read_cash(self, theirs: Usd) -> Reading:
        """Compare the cash."""
        subject = Subject(BookKind.CASH, self.wallet)
        return Reading(subject, self.cash, theirs, slack_of(self.cash_moves))

    def read_shares(self, token_id: TokenId, theirs: Shares) -> Reading:
        """Compare what is held of a token."""
        return Reading(
            Subject(BookKind.TOKEN, token_id),
            self.shares.get(token_id, ZERO),
            theirs,
            slack_of(self.share_moves.get(token_id, ())),
            self.prices.get(token_id),
        )

    def read_orders(self, listed: Collection[OrderHash]) -> Sequence[Reading]:
        """Compare the orders that rest on the venue's book; those that are not ours are left out.

        An order that is being sent, or that has just changed, may be there or not.
        """
        resting = frozenset(listed)
        return [
            _read_order(order, order_hash in resting) for order_hash, order in self._on(resting)
        ]

    def _on(self, listed: Collection[OrderHash]) -> Sequence[tuple[OrderHash, BookOrder]]:
        return [(h, o) for h, o in sorted(self.orders.items()) if o.is_open or h in listed]


def _read_order(order: BookOrder, is_listed: bool) -> Reading:  # noqa: FBT001 - a plain fact
    ours = order.leaves if order.is_open else Shares(ZERO)
    theirs = order.leaves if is_listed else Shares(ZERO)
    slack = Span() if order.is_sure else Span(-order.leaves, order.leaves)
    return Reading(Subject(BookKind.ORDER, order.order_hash), ours, theirs, slack, order.price)
