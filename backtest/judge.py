"""Decide on a signal of the past by the facts of its own time, as if it came today."""

from datetime import datetime
from decimal import Decimal

from backtest.entries import Entry, EntryDesk, Tell, World
from backtest.knowledge import Knowledge
from backtest.leavings import ExitDesk
from backtest.lots import Lot
from trading.amounts import SIZE_STEP
from trading.decide import Decision, Facts, decide
from trading.risk import entry_deadline
from trading.types import (
    ONE,
    ZERO,
    ExitReason,
    Market,
    Reason,
    Shares,
    Side,
    SignalState,
    TokenId,
    Wallet,
    WhaleSignal,
)


class Judge:
    """Takes each signal once, as soon as it is known, and hands a yes to the desks."""

    def __init__(self, world: World, knowledge: Knowledge, tell: Tell) -> None:
        self._world = world
        self._knowledge = knowledge
        self._tell = tell
        self._entries = EntryDesk(world, tell)
        self._exits = ExitDesk(world)
        self._held: dict[tuple[Wallet, TokenId], Decimal] = {}  # by whales, as signalled

    def take(self, signal: WhaleSignal, now: datetime, *, is_judged: bool) -> None:
        """Take a signal; one that is not judged only changes what its whale holds."""
        key = (signal.wallet, signal.token_id)
        held = self._held.get(key, ZERO)
        change = signal.size if signal.side is Side.BUY else -signal.size
        if is_judged:
            self._judge(signal, Shares(held), now)
        self._held[key] = max(held + change, ZERO)

    def _judge(self, signal: WhaleSignal, whale_held: Shares, now: datetime) -> None:
        market = self._world.pit.market(signal.token_id)
        reason = self._outright(signal, market, now)
        book = self._world.pit.book(signal.token_id, now)
        if reason is None and book is None:
            reason = Reason.BOOK_INVALID
        if reason is not None or market is None or book is None:
            self._tell(signal, (reason or Reason.BOOK_INVALID).value)
            return
        lot = self._world.ledger.lot(signal.wallet, signal.token_id)
        facts = Facts(
            signal=signal,
            whale=self._knowledge.standing(signal.wallet, now),
            market=market,
            book=book,
            portfolio=self._world.ledger.portfolio(now),
            held=Shares(ZERO) if lot is None else lot.size,
            whale_held=whale_held,
            volatility=self._world.pit.volatility(signal.token_id),
            correlation=self._correlation(market, signal.token_id),
            now=now,
        )
        self._act(facts, decide(facts, self._world.rules), lot)

    def _outright(self, signal: WhaleSignal, market: Market | None, now: datetime) -> Reason | None:
        """Return the reason of a no for which nothing need be asked."""
        deadline = entry_deadline(signal.traded_at, now, self._world.rules.orders)
        if signal.side is Side.BUY and now > deadline:
            return Reason.SIGNAL_TOO_OLD
        if market is None:
            return Reason.MARKET_UNKNOWN
        return Reason.MARKET_CLOSED if market.payouts is not None else None

    def _act(self, facts: Facts, decision: Decision, lot: Lot | None) -> None:
        signal = facts.signal
        if decision.refusal is not None:
            self._tell(signal, decision.refusal.reason.value)
        elif signal.side is Side.BUY:
            self._enter(facts, decision)
        else:
            assert lot is not None, f"expected a position to reduce for {signal.signal_id}"
            self._reduce(lot, decision, facts)

    def _enter(self, facts: Facts, decision: Decision) -> None:
        size, cap = decision.size, decision.limit_price
        assert size is not None, "an entry has a size"
        assert cap is not None, "an entry has a price cap"
        self._entries.begin(Entry(facts.signal, facts.market, size, cap, facts.now), facts.now)

    def _reduce(self, lot: Lot, decision: Decision, facts: Facts) -> None:
        size = decision.size
        assert size is not None, "an exit has a size"
        if size < max(facts.market.min_size, SIZE_STEP):
            self._tell(facts.signal, Reason.SIZE_TOO_SMALL.value)
            return
        self._tell(facts.signal, SignalState.FILLED.value)
        self._exits.begin(lot, ExitReason.WHALE_EXIT, size, facts.now)

    def _correlation(self, market: Market, token_id: TokenId) -> Decimal:
        """Return 1 for more of what we hold, -1 for its complement, else 0."""
        lots = self._world.ledger.lots_in(market.condition_id)
        if not lots:
            return ZERO
        return ONE if lots[0].token_id == token_id else -ONE
