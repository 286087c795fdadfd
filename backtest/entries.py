"""Entries of the look back: priced, reserved, sent, met by the book, tried again."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from backtest.agenda import Agenda
from backtest.delays import Delays
from backtest.ledger import Ledger
from backtest.limits import Claim
from backtest.pit import Pit
from backtest.records import CopyFill
from trading.amounts import OrderAmounts, OrderTerms, order_amounts
from trading.book import Walk, walk
from trading.entry_price import price_entry
from trading.fees import worst_fee
from trading.orders import ACCEPTED_SHARE
from trading.risk import entry_deadline
from trading.rules import Rules
from trading.types import (
    Market,
    OrderBook,
    OrderType,
    Price,
    Reason,
    Shares,
    Side,
    SignalState,
    Usd,
    WhaleSignal,
)


@dataclass(frozen=True, slots=True)
class World:
    """What trading in the past needs."""

    rules: Rules
    agenda: Agenda
    delays: Delays
    pit: Pit
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class Entry:
    """One attempt at an entry; `wanted` is what is still to be bought, at most at `cap`."""

    signal: WhaleSignal
    market: Market
    wanted: Shares
    cap: Price
    committed_at: datetime
    attempt: int = 1
    filled: Shares = Shares(Decimal(0))

    @property
    def key(self) -> str:
        """Return what names its order."""
        return f"{self.signal.signal_id}/{self.attempt}"


Tell = Callable[[WhaleSignal, str], None]
"""Told of each signal's end: a state, or the reason of a no."""


class EntryDesk:
    """Buys what was decided: the steps of a copied trade, without the machinery around them."""

    def __init__(self, world: World, tell: Tell) -> None:
        self._world = world
        self._tell = tell

    def begin(self, entry: Entry, now: datetime) -> None:
        """Price an attempt, reserve its worst case and send it."""
        priced = self._price(entry, now)
        if isinstance(priced, Reason):
            self._end(entry, priced)
            return
        rules = self._world.rules
        cost = Usd(
            priced.size * priced.price
            + worst_fee(priced.size, priced.price, Side.BUY, entry.market.fees)
        )
        token_id, whale = entry.signal.token_id, entry.signal.wallet
        claim = Claim(whale, entry.market.condition_id, token_id, cost)
        refusal = self._world.ledger.reserve(entry.key, entry.signal.signal_id, claim, now)
        if refusal is not None:
            self._end(entry, refusal.reason)
            return
        arrives_at = now + self._world.delays.of(entry.key)
        deadline = entry_deadline(entry.signal.traded_at, entry.committed_at, rules.orders)
        if entry.attempt > 1:
            deadline = now + rules.orders.entry_expires_after
        is_late = arrives_at > deadline

        def arrive(at: datetime) -> None:
            self._world.ledger.release(entry.key)
            if is_late:
                self._end(entry, Reason.SIGNAL_TOO_OLD)
            else:
                self._meet(entry, priced, now, at)

        self._world.agenda.at(arrives_at, arrive)

    def _price(self, entry: Entry, now: datetime) -> OrderAmounts | Reason:
        """Price what is wanted; an order that would rest buys nothing here."""
        book = self._world.pit.book(entry.signal.token_id, now)
        if book is None:
            return Reason.BOOK_INVALID
        rules, order_type = self._world.rules.slippage, self._world.rules.orders.entry_order_type
        priced = price_entry(book, entry.wanted, entry.cap, order_type, rules)
        if priced.reason is not None:
            return priced.reason
        if priced.vwap is None:
            return Reason.PRICE_MOVED
        return _amounts(entry, priced.limit, order_type)

    def _meet(self, entry: Entry, order: OrderAmounts, sent_at: datetime, now: datetime) -> None:
        book = self._world.pit.book(entry.signal.token_id, now)
        order_type = self._world.rules.orders.entry_order_type
        walked = Walk(()) if book is None else _met(book, order, order_type)
        if book is not None and walked.fills:
            fill = CopyFill(
                key=entry.key,
                at=now,
                sent_at=sent_at,
                book_at=book.at,
                whale=entry.signal.wallet,
                condition_id=entry.market.condition_id,
                token_id=entry.signal.token_id,
                side=Side.BUY,
                asked=order.size,
                limit_price=order.price,
                levels=walked.fills,
                cost=walked.cost,
                fee=walked.fee(entry.market.fees),
            )
            self._world.pit.take(entry.signal.token_id, Side.BUY, walked)
            self._world.ledger.book(fill, entry.market)
        self._go_on(entry, order, walked.size, now)

    def _go_on(self, entry: Entry, order: OrderAmounts, got: Shares, now: datetime) -> None:
        rules = self._world.rules.orders
        entry = replace(entry, filled=Shares(entry.filled + got))
        is_enough = got >= order.size * ACCEPTED_SHARE
        give_up_at = entry.committed_at + rules.remainder_until
        if is_enough or entry.attempt >= rules.attempts_max or now >= give_up_at:
            self._end(entry, SignalState.FILLED if is_enough else SignalState.PARTIAL)
            return
        again = replace(entry, wanted=Shares(order.size - got), attempt=entry.attempt + 1)
        known_at = now + self._world.delays.of(f"{again.key}/known")  # the answer's way back
        self._world.agenda.at(known_at, lambda at: self.begin(again, at))

    def _end(self, entry: Entry, outcome: Reason | SignalState) -> None:
        """Tell the signal's end: what was bought counts, whatever stopped the rest."""
        if entry.filled > 0 and outcome is not SignalState.FILLED:
            outcome = SignalState.PARTIAL
        elif outcome is SignalState.PARTIAL:
            outcome = SignalState.UNFILLED
        self._tell(entry.signal, outcome.value)


def _met(book: OrderBook, order: OrderAmounts, order_type: OrderType) -> Walk:
    """Take from the book; the rest of an order that would rest is taken for cancelled."""
    walked = walk(book, Side.BUY, order.size, order.price)
    is_killed = order_type is OrderType.FOK and walked.size < order.size
    return Walk(()) if is_killed else walked


def _amounts(entry: Entry, limit: Price, order_type: OrderType) -> OrderAmounts | Reason:
    terms = OrderTerms(Side.BUY, entry.wanted, limit, entry.market.tick_size, order_type)
    try:
        amounts = order_amounts(terms)
    except ValueError:
        return Reason.SIZE_TOO_SMALL
    return Reason.SIZE_TOO_SMALL if entry.wanted < entry.market.min_size else amounts
