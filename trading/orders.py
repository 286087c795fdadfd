"""An order's life: what was asked, what the venue says, and the state that follows from it.

Two axes: the venue axis (`OrderState`) and, per trade, the settlement axis (`Settlement`).
Evidence arrives late, twice and in any order; `fold` gives the same answer for every delivery.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from trading.submits import SubmitKind, SubmitOutcome
from trading.types import (
    ZERO,
    ConditionId,
    IntentId,
    OrderHash,
    OrderState,
    OrderType,
    PositionId,
    Price,
    Protocol,
    Settlement,
    Shares,
    Side,
    SignalId,
    SignatureType,
    TokenId,
    Usd,
    Wallet,
)

SIZE_TOLERANCE = Decimal("0.01")
"""Shares by which a match may pass the order's size before it is a fault (venue rounding)."""
ACCEPTED_SHARE = Decimal("0.80")
"""Filled share of an order from which the rest is not tried again."""


@dataclass(frozen=True, slots=True)
class UnsignedOrder:
    """The signed fields of an order, in the venue's integers; salt and timestamp are pinned.

    `maker_amount` and `taker_amount` are micro-units: pUSD and shares for a BUY, the other way
    round for a SELL. `expiration_s` travels with the order but is not part of its hash.
    """

    maker: Wallet
    signer: Wallet
    token_id: TokenId
    maker_amount: int
    taker_amount: int
    side: Side
    signature_type: SignatureType
    salt: int
    timestamp_ms: int
    protocol: Protocol
    neg_risk: bool
    expiration_s: int = 0


@dataclass(frozen=True, slots=True)
class PreparedOrder:
    """An order whose identity is known before a byte of it leaves: exact terms and hash."""

    unsigned: UnsignedOrder
    order_hash: OrderHash
    size: Shares
    price: Price
    cost_max: Usd  # BUY: what the match may cost at most, fee included; SELL: zero


@dataclass(frozen=True, slots=True)
class Intent:
    """Our decision to trade, committed before anything leaves us; one attempt is one order."""

    intent_id: IntentId
    signal_id: SignalId | None
    position_id: PositionId
    attempt: int
    exit_epoch: int  # 0 for entries
    condition_id: ConditionId
    whale: Wallet
    order_type: OrderType
    order: PreparedOrder
    reference_price: Price  # mid-price when it was decided, for slippage
    created_at: datetime
    expires_at: datetime

    @property
    def side(self) -> Side:
        """Return the order's side."""
        return self.order.unsigned.side


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """What the venue says of an order by its hash; never proof of absence."""

    order_hash: OrderHash
    state: OrderState
    size_matched: Shares
    text: str = ""


@dataclass(frozen=True, slots=True)
class VenueTrade:
    """Our part of one trade, by (trade id, order hash): one trade may hit several of our orders.

    `cost` is price x size summed over the counterparties, exact; `fee` is in pUSD.
    """

    trade_id: str
    order_hash: OrderHash
    token_id: TokenId
    side: Side
    size: Shares
    cost: Usd
    fee: Usd
    settlement: Settlement
    matched_at: datetime
    transaction_hash: str = ""
    is_taker: bool = True


@dataclass(frozen=True, slots=True)
class Ruling:
    """A state that we may declare ourselves: sent, unknown, proven dead."""

    state: OrderState
    text: str


Evidence = SubmitOutcome | VenueOrder | VenueTrade | Ruling


@dataclass(frozen=True, slots=True)
class OrderProgress:
    """Everything known about one order. `trades` is keyed by trade id."""

    order_hash: OrderHash
    size: Shares
    state: OrderState = OrderState.PREPARED
    size_matched: Shares = Shares(ZERO)
    trades: Mapping[str, VenueTrade] = field(default_factory=dict)
    had_unknown: bool = False  # an attempt to send it ended without an answer
    adopted: bool = False  # booked after we had given it up: adopted, and a person is told
    text: str = ""
    faults: tuple[str, ...] = ()
    changed_at: datetime | None = field(default=None, compare=False)  # when last news came
    copies: int = field(default=0, compare=False)  # rights to send one that were given

    def size_with(self, *settlements: Settlement) -> Shares:
        """Return the shares of all trades in the given settlement states."""
        sizes = (t.size for t in self.trades.values() if t.settlement in settlements)
        return Shares(sum(sizes, ZERO))

    @property
    def matched(self) -> Shares:
        """Return shares matched and not taken back, whether or not the chain has confirmed them."""
        live = (s for s in Settlement if s is not Settlement.FAILED)
        return max(self.size_with(*live), Shares(self.size_matched - self.size_failed))

    @property
    def size_failed(self) -> Shares:
        """Return shares of trades that the chain refused."""
        return self.size_with(Settlement.FAILED)

    @property
    def confirmed(self) -> Shares:
        """Return shares that are ours for good."""
        return self.size_with(Settlement.CONFIRMED)

    @property
    def is_done(self) -> bool:
        """Tell whether exposure can be settled: terminal, explained by trades, none pending.

        An order called matched of which no share is known to be is not explained.
        """
        seen = self.size_with(*Settlement)
        pending = any(not t.settlement.is_final for t in self.trades.values())
        explained = self.size_matched <= seen + SIZE_TOLERANCE
        if self.state is OrderState.MATCHED and not self.size_matched:
            explained = False
        return self.state.is_terminal and explained and not pending

    @property
    def is_refused_unsent(self) -> bool:
        """Tell whether our own signer refused it before any copy left; the venue never saw it."""
        return self.state is OrderState.REJECTED and not self.copies

    @property
    def is_accepted(self) -> bool:
        """Tell whether enough was matched that the rest is not tried again (80 %)."""
        return self.matched >= self.size * ACCEPTED_SHARE


_STATES_AFTER_SENDING = frozenset(
    {
        OrderState.UNKNOWN,
        OrderState.DELAYED,
        OrderState.LIVE,
        OrderState.PARTIAL,
        OrderState.MATCHED,
        OrderState.CANCELLED,
        OrderState.EXPIRED,
        OrderState.REJECTED,
        OrderState.VOID,
    }
)
_AT_THE_VENUE = _STATES_AFTER_SENDING - {OrderState.UNKNOWN, OrderState.VOID}
_WITH_A_SENDER = frozenset({OrderState.SENDING, OrderState.UNKNOWN})
_GIVEN_UP = frozenset({OrderState.REJECTED, OrderState.VOID})
_ENDED_ON_BOOK = frozenset({OrderState.MATCHED, OrderState.CANCELLED, OrderState.EXPIRED})

TRANSITIONS: Mapping[OrderState, frozenset[OrderState]] = {
    OrderState.PREPARED: frozenset(
        {OrderState.SENDING, OrderState.EXPIRED, OrderState.REJECTED, OrderState.VOID}
    ),
    OrderState.SENDING: _STATES_AFTER_SENDING - {OrderState.VOID},
    OrderState.UNKNOWN: _STATES_AFTER_SENDING | {OrderState.SENDING},
    OrderState.DELAYED: _AT_THE_VENUE,
    OrderState.LIVE: _ENDED_ON_BOOK | {OrderState.PARTIAL},
    OrderState.PARTIAL: _ENDED_ON_BOOK | {OrderState.PARTIAL},
    OrderState.MATCHED: frozenset(),
    OrderState.CANCELLED: frozenset({OrderState.MATCHED}),
    OrderState.EXPIRED: frozenset({OrderState.MATCHED, OrderState.CANCELLED}),
    # A late booking after we gave an order up: adopted, with an alarm.
    OrderState.REJECTED: _AT_THE_VENUE - {OrderState.REJECTED},
    OrderState.VOID: _AT_THE_VENUE - {OrderState.REJECTED},
}
"""Which venue state may follow which; anything else is a fault that halts the token."""

_RANK = {
    OrderState.PREPARED: 0,
    OrderState.SENDING: 1,
    OrderState.UNKNOWN: 2,
    OrderState.DELAYED: 3,
    OrderState.LIVE: 4,
    OrderState.PARTIAL: 5,
    OrderState.EXPIRED: 6,
    OrderState.CANCELLED: 7,
    OrderState.MATCHED: 8,
    OrderState.REJECTED: 9,
    OrderState.VOID: 9,
}
_SETTLEMENT_RANK = {
    Settlement.MATCHED: 0,
    Settlement.RETRYING: 1,
    Settlement.MINED: 2,
    Settlement.FAILED: 3,
    Settlement.CONFIRMED: 4,
}


def fold(progress: OrderProgress, evidence: Evidence) -> OrderProgress:
    """Add one piece of evidence; the result does not depend on the order of delivery.

    Late news of an earlier state changes nothing; an impossible one is recorded in `faults`.
    """
    match evidence:
        case VenueTrade():
            return _fold_trade(progress, evidence)
        case VenueOrder():
            return _fold_order(progress, evidence)
        case SubmitOutcome():
            return _fold_submit(progress, evidence)
        case Ruling():  # pragma: no branch
            unsure = progress.had_unknown or evidence.state is OrderState.UNKNOWN
            return _fold_ruling(replace(progress, had_unknown=unsure), evidence)


def _fold_ruling(progress: OrderProgress, ruling: Ruling) -> OrderProgress:
    """Follow our own word, unless somebody sent it, or the venue spoke, before it was said.

    Who ruled knew of no copy under way: a word that ends the order must not pass over one.
    """
    if _passes_over_a_copy(progress, ruling.state):
        return progress
    overtaken = progress.state in _AT_THE_VENUE and ruling.state in _GIVEN_UP
    if overtaken and ruling.state not in TRANSITIONS[progress.state]:
        return progress
    return _move(progress, ruling.state, ruling.text)


def _passes_over_a_copy(progress: OrderProgress, to: OrderState) -> bool:
    match to:
        case OrderState.EXPIRED:  # once it was sent, only the venue can say so
            return progress.state is not OrderState.PREPARED
        case OrderState.REJECTED:  # every copy was turned away, and none is being sent
            may_live = progress.state is OrderState.UNKNOWN and progress.had_unknown
            return may_live or progress.state is OrderState.SENDING
        case OrderState.CANCELLED:  # its own sender held it back, and nobody took that for lost
            return progress.had_unknown and progress.state in _WITH_A_SENDER
        case _:
            return False


def _fold_trade(progress: OrderProgress, trade: VenueTrade) -> OrderProgress:
    known = progress.trades.get(trade.trade_id, trade)
    if {known.settlement, trade.settlement} == {Settlement.CONFIRMED, Settlement.FAILED}:
        progress = _with_fault(progress, f"trade {trade.trade_id} both confirmed and failed")
    best = max(known, trade, key=_newness)
    progress = replace(progress, trades={**progress.trades, trade.trade_id: best})
    seen = progress.size_with(*Settlement)
    if seen > progress.size + SIZE_TOLERANCE:
        progress = _with_fault(progress, f"overfilled: more than {progress.size}")
    return _with_matched(progress, seen, "a trade was seen")


def _newness(trade: VenueTrade) -> tuple[object, ...]:
    """Order the reports of one trade; confirmed beats failed, on which we would bet wrongly."""
    details = (trade.size, trade.cost, trade.fee, trade.matched_at, trade.is_taker)
    return (_SETTLEMENT_RANK[trade.settlement], trade.transaction_hash, *details)


def _fold_order(progress: OrderProgress, order: VenueOrder) -> OrderProgress:
    progress = _move(progress, order.state, order.text)
    return _with_matched(progress, order.size_matched, order.text)


def _with_matched(progress: OrderProgress, matched: Decimal, text: str) -> OrderProgress:
    """Raise the matched size; shares that matched prove at least PARTIAL, all of them MATCHED."""
    size_matched = Shares(max(progress.size_matched, matched))
    progress = replace(progress, size_matched=size_matched)
    if size_matched >= progress.size:
        return _move(progress, OrderState.MATCHED, text)
    if matched > 0 and not progress.state.is_terminal:
        return _move(progress, OrderState.PARTIAL, text)
    if matched > 0 and progress.state in _GIVEN_UP:
        return _move(progress, OrderState.PARTIAL, text)
    return progress


def _fold_submit(progress: OrderProgress, outcome: SubmitOutcome) -> OrderProgress:
    match outcome.kind:
        case SubmitKind.ACCEPTED | SubmitKind.REJECTED:
            assert outcome.state is not None, f"{outcome.kind} carries a state: {outcome.text}"
            progress = _move(progress, outcome.state, outcome.text)
            return _with_matched(progress, outcome.size_matched, outcome.text)
        case SubmitKind.FAULT:
            progress = replace(progress, had_unknown=True)
            return _with_fault(_move(progress, OrderState.UNKNOWN, outcome.text), outcome.text)
        case (  # pragma: no branch
            SubmitKind.KNOWN_TO_VENUE | SubmitKind.NOT_NOW | SubmitKind.UNKNOWN
        ):
            unsure = progress.had_unknown or outcome.kind is not SubmitKind.NOT_NOW
            progress = replace(progress, had_unknown=unsure)
            return _move(progress, OrderState.UNKNOWN, outcome.text)


def _move(progress: OrderProgress, to: OrderState, text: str) -> OrderProgress:
    if to is progress.state:
        return progress
    if to in TRANSITIONS[progress.state]:
        adopted = progress.adopted or progress.state in _GIVEN_UP
        return replace(progress, state=to, text=text, adopted=adopted)
    if _RANK[to] <= _RANK[progress.state]:
        return progress  # late news of an earlier state
    return _with_fault(progress, f"impossible transition {progress.state} -> {to}: {text}")


def _with_fault(progress: OrderProgress, text: str) -> OrderProgress:
    return replace(progress, faults=tuple(sorted({*progress.faults, text})))
