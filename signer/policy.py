"""Whether an order may be signed: held against its own row and the signer's own limits.

Each check stands alone and trusts nobody who wrote the row.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from exchange.polymarket.signing import OrderForm, salt_of
from exchange.sign_port import SignRefusal
from signer.facts import OrderFacts
from signer.settings import HALT_FILE, SignerLimits
from signer.tally import refusal_of
from trading.pretrade import (
    Asked,
    Control,
    Sending,
    check_cost,
    check_exit,
    check_price,
    check_sending,
)
from trading.types import OrderHash, OrderState, PositionState, Protocol, Shares, Side, Wallet
from trading.types import SignatureType as Kind

ENTRY_WINDOW = timedelta(seconds=5)
"""An entry's first copy leaves within this of its commit."""
RETRY_WINDOW = timedelta(seconds=12)
"""Any copy of an order leaves within this of its commit."""
CLOCKS_APART = timedelta(seconds=2)
COPIES_MAX = 4
_MICROS = 1_000_000
_MILLISECOND = timedelta(milliseconds=1)
_MAY_BE_SIGNED = (OrderState.PREPARED, OrderState.SENDING, OrderState.UNKNOWN)
_TAKES_ENTRIES = (PositionState.OPENING, PositionState.OPEN)


@dataclass(frozen=True, slots=True)
class SignerAccount:
    """Whom the key signs for."""

    address: Wallet
    funder: Wallet
    signature_type: Kind

    @property
    def order_signer(self) -> Wallet:
        """Return the `signer` of an order: the deposit wallet itself for type 3."""
        return self.funder if self.signature_type is Kind.POLY_1271 else self.address


@dataclass(frozen=True, slots=True)
class Ask:
    """What a worker asks: an order by its hash, under its epoch, by its build."""

    order_hash: OrderHash
    epoch: int
    build: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What the signer holds every order against."""

    account: SignerAccount
    limits: SignerLimits
    form: OrderForm
    build: str
    home: Path  # a file HALT in it stops entries too

    def refuse(self, order: OrderFacts, ask: Ask, now: datetime) -> SignRefusal | None:
        """Return why this order is not signed now, or nothing."""
        checks = (
            self._refuse_identity(order, ask),
            _refuse_subject(order),
            self._refuse_standing(order, ask, now),
        )
        for refusal in checks:
            if refusal is not None:
                return refusal
        return self._refuse_terms(order)

    def _refuse_identity(self, order: OrderFacts, ask: Ask) -> SignRefusal | None:
        """The order is ours and is what its hash says; its salt and time are its intent's."""
        unsigned, account = order.unsigned, self.account
        ours = (account.funder, account.order_signer, account.signature_type)
        theirs = (unsigned.maker, unsigned.signer, unsigned.signature_type)
        if ours != theirs:
            return SignRefusal(Control.NOT_OURS, f"{unsigned.maker} by {unsigned.signer}", ours[0])
        if unsigned.protocol is Protocol.V1:
            return SignRefusal(Control.ALTERED, "protocol V1", "a newer one")
        true_hash = self.form.hash_order(unsigned)
        if not order.order_hash == ask.order_hash == true_hash:
            return SignRefusal(Control.ALTERED, f"hash {order.order_hash}", true_hash)
        pinned = (salt_of(order.intent_id), order.created_at, 0)
        signed = (unsigned.salt, _moment(order, unsigned.timestamp_ms), unsigned.expiration_s)
        if pinned != signed:
            return SignRefusal(Control.ALTERED, "salt, time or expiration", "those of the intent")
        signed_amounts = (Decimal(unsigned.maker_amount), Decimal(unsigned.taker_amount))
        if _amounts(order) != signed_amounts:
            amounts = f"{unsigned.maker_amount} for {unsigned.taker_amount}"
            return SignRefusal(Control.ALTERED, amounts, f"{order.size} at {order.price}")
        return None

    def _refuse_standing(self, order: OrderFacts, ask: Ask, now: datetime) -> SignRefusal | None:
        """The worker holds the wallet, is of this build and in time; nothing halts an entry."""
        standing = order.standing
        if ask.build != self.build:
            return SignRefusal(Control.BUILD, ask.build, self.build)
        breach = check_sending(
            Sending(
                side=order.unsigned.side,
                now=now,
                expires_at=order.expires_at,
                retry_until=order.retry_until,
                copies=order.copies,
                copies_max=COPIES_MAX,
                epoch=ask.epoch,
                lease_epoch=standing.lease_epoch,
                halt=standing.halt or self._halted_by_hand(),
                build=ask.build,
                lease_build=standing.lease_build or None,
            )
        )
        if breach is not None:
            return refusal_of(breach)
        return _refuse_window(order, now)

    def _halted_by_hand(self) -> str:
        try:
            is_there = (self.home / HALT_FILE).exists()
        except OSError as error:  # another user's home may be closed to us; exits go on
            return f"the file {HALT_FILE} cannot be looked for: {error.strerror}"
        return f"the file {HALT_FILE}" if is_there else ""

    def _refuse_terms(self, order: OrderFacts) -> SignRefusal | None:
        """Price, cost and size are within the limits."""
        assert order.market is not None, "an order without a market was refused"
        is_entry = order.unsigned.side is Side.BUY
        tick_size = order.market.tick_size
        asked = Asked(order.unsigned.side, order.price, tick_size, order.lowest)
        whale_price = order.signal.price if is_entry and order.signal is not None else None
        breach = check_price(asked, self.limits.prices, whale_price)
        if breach is None and is_entry:
            breach = check_cost(order.cost_max, self.limits.risk)
        return refusal_of(breach) if breach is not None else None


def refuse_overselling(order: OrderFacts) -> SignRefusal | None:
    """Return why an exit would sell more than is held, all exits of its position together.

    A copy of an order that was signed before needs no second look: one hash fills once.
    """
    if order.unsigned.side is Side.BUY:
        return None
    assert order.position is not None, "an order without a position was refused"
    if order.offered is None or order.offered < order.size:
        return SignRefusal(Control.NOT_RESERVED, str(order.size), str(order.offered or 0))
    breach = check_exit(order.position.offered, order.position.settled_size, Shares(Decimal(0)))
    return refusal_of(breach) if breach is not None else None


def _refuse_subject(order: OrderFacts) -> SignRefusal | None:
    """The token is that of the position, the signal and the market; the order is still wanted."""
    position, market, unsigned = order.position, order.market, order.unsigned
    if position is None or market is None:
        return SignRefusal(Control.WRONG_TOKEN, unsigned.token_id, "a token of a known market")
    ours = (unsigned.maker, unsigned.token_id, order.condition_id, order.condition_id)
    theirs = (position.wallet, position.token_id, position.condition_id, market.condition_id)
    if ours != theirs:
        return SignRefusal(Control.WRONG_TOKEN, unsigned.token_id, position.token_id)
    if (unsigned.protocol, unsigned.neg_risk) != (market.protocol, market.neg_risk):
        exchange = f"{unsigned.protocol} {unsigned.neg_risk}"
        return SignRefusal(Control.WRONG_TOKEN, exchange, f"{market.protocol} {market.neg_risk}")
    if order.state not in _MAY_BE_SIGNED:
        return SignRefusal(Control.ENDED, order.state, "PREPARED, SENDING or UNKNOWN")
    return _refuse_entry(order) if unsigned.side is Side.BUY else _refuse_exit(order)


def _refuse_entry(order: OrderFacts) -> SignRefusal | None:
    """An entry copies a signal in its token, has its cost reserved, and its position takes it."""
    signal, position = order.signal, order.position
    assert position is not None, "an order without a position was refused"
    if signal is None or (signal.token_id, signal.whale) != (order.unsigned.token_id, order.whale):
        told = "no signal" if signal is None else signal.token_id
        return SignRefusal(Control.WRONG_TOKEN, order.unsigned.token_id, told)
    if order.exit_epoch or position.state not in _TAKES_ENTRIES:
        return SignRefusal(Control.ENDED, f"an entry, position {position.state}", "OPENING or OPEN")
    notional = Decimal(order.unsigned.maker_amount) / _MICROS
    covered = order.reserved or Decimal(0)
    if not notional <= order.cost_max <= covered:
        return SignRefusal(Control.NOT_RESERVED, str(max(notional, order.cost_max)), str(covered))
    return None


def _refuse_exit(order: OrderFacts) -> SignRefusal | None:
    """An exit belongs to the one that its position is in."""
    position = order.position
    assert position is not None, "an order without a position was refused"
    is_current = order.exit_epoch == position.exit_epoch and order.exit_epoch > 0
    if position.state is not PositionState.EXITING or not is_current:
        exits = f"exit {order.exit_epoch}, position {position.state}"
        return SignRefusal(Control.ENDED, exits, f"exit {position.exit_epoch}, EXITING")
    return None


def _refuse_window(order: OrderFacts, now: datetime) -> SignRefusal | None:
    """The times of the row are no longer than they may be, and it was not made in the future."""
    window = ENTRY_WINDOW if order.unsigned.side is Side.BUY else RETRY_WINDOW
    lasts, retried = order.expires_at - order.created_at, order.retry_until - order.created_at
    if lasts > window or retried > RETRY_WINDOW:
        return SignRefusal(Control.ALTERED, f"{max(lasts, retried)}", f"{window}")
    if order.created_at > now + CLOCKS_APART:
        return SignRefusal(Control.ALTERED, order.created_at.isoformat(), now.isoformat())
    return None


def _moment(order: OrderFacts, timestamp_ms: int) -> datetime:
    """Return the intent's own creation where the signed time is that, cut to milliseconds."""
    whole = int(order.created_at.timestamp())  # exact: the fraction is added as an int
    is_same = whole * 1000 + order.created_at.microsecond // 1000 == timestamp_ms
    return order.created_at if is_same else order.created_at + _MILLISECOND


def _amounts(order: OrderFacts) -> tuple[Decimal, Decimal]:
    shares, usd = order.size * _MICROS, order.size * order.price * _MICROS
    return (usd, shares) if order.unsigned.side is Side.BUY else (shares, usd)
