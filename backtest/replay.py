"""Replay a history: what we would have copied, at what price, and what became of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backtest.agenda import Agenda
from backtest.delays import Delays
from backtest.entries import World
from backtest.errors import HindsightError
from backtest.judge import Judge
from backtest.knowledge import Knowledge, Windows
from backtest.leavings import ExitDesk
from backtest.ledger import Ledger
from backtest.pit import Pit
from backtest.plan import Plan
from backtest.port import BookSeen, Event, FillSeen, History, MarketListed, MarketResolved, Origin
from backtest.records import CopyFill, EquityPoint, Outcome, Verdict
from backtest.whale_books import WhaleBooks, WhaleClosing
from trading.aggregate import Aggregation, Aggregator
from trading.types import ZERO, ConditionId, SignalState, Usd, Wallet, WhaleSignal
from trading.whales import WhaleScore

Progress = Callable[[datetime, int, int], None]
"""Told of the time reached, of signals and of fills so far."""
_TOLD_EVERY = 256  # events
_SAMPLES = 2000  # points of the equity curve, besides those where money moved
_SAMPLE_MIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Replayed:
    """All that a look back found; `own_pnl` is what each whale made itself, by its own fills."""

    origin: Origin
    names: dict[Wallet, str]
    begins_at: datetime
    ends_at: datetime
    verdicts: tuple[Verdict, ...]
    fills: tuple[CopyFill, ...]
    outcomes: tuple[Outcome, ...]
    equity: tuple[EquityPoint, ...]
    scores: dict[Wallet, WhaleScore]
    own_pnl: dict[Wallet, Usd]
    washed: int


def replay(history: History, plan: Plan, progress: Progress | None = None) -> Replayed:
    """Replay a history by a plan.

    Raises:
        HindsightError: The history tells something before its time.
    """
    machine = _Replay(history, plan)
    before = history.origin.starts_at
    for count, event in enumerate(history.events()):
        if event.at < before:
            raise HindsightError(
                f"expected events in the order of time, received {event} after {before}"
            )
        before = event.at
        if plan.until is not None and event.at > plan.until:
            break
        machine.take(event)
        if progress is not None and count % _TOLD_EVERY == 0:
            progress(event.at, machine.signal_count, machine.fill_count)
    return machine.end()


class _Replay:
    def __init__(self, history: History, plan: Plan) -> None:
        self._history = history
        self._plan = plan
        self._begins_at = max(plan.since or history.origin.starts_at, history.origin.starts_at)
        windows = Windows(self._begins_at, plan.window, plan.train)
        self._knowledge = Knowledge(windows, history.pasts)
        self._whales = WhaleBooks()
        self._own_pnl: dict[Wallet, Usd] = {}
        self._categories: dict[ConditionId, str] = {}
        self._aggregator = Aggregator(plan.rules.aggregation)
        self._agenda = Agenda()
        self._pit = Pit()
        span = history.origin.ends_at - history.origin.starts_at
        self._ledger = Ledger(plan.bankroll, plan.rules, max(span / _SAMPLES, _SAMPLE_MIN))
        world = World(
            plan.rules, self._agenda, Delays(plan.latency, plan.seed), self._pit, self._ledger
        )
        self._judge = Judge(world, self._knowledge, self._tell)
        self._exits = ExitDesk(world)
        self._verdicts: list[Verdict] = []
        self._washed = 0
        self._due_at: datetime | None = None
        self._last = history.origin.starts_at

    @property
    def signal_count(self) -> int:
        return len(self._verdicts)

    @property
    def fill_count(self) -> int:
        return len(self._ledger.fills)

    def take(self, event: Event) -> None:
        self._agenda.run_before(event.at)
        self._last = event.at
        match event:
            case MarketListed():
                self._pit.open(event.market)
                self._categories[event.market.condition_id] = event.category
            case BookSeen():
                self._pit.see(event)
                self._exits.look(event.condition_id, event.at)
                self._ledger.sample(event.at)
            case FillSeen():
                heard_at = event.at + self._plan.heard_after
                fill = replace(event.fill, seen_at=heard_at)
                self._agenda.at(heard_at, lambda now: self._hear(FillSeen(event.at, fill), now))
            case MarketResolved():  # pragma: no branch
                self._resolve(event)

    def end(self) -> Replayed:
        ends_at = self._last
        self._ledger.end(ends_at)
        wallets = list(self._history.names)
        return Replayed(
            origin=self._history.origin,
            names=dict(self._history.names),
            begins_at=min(self._begins_at, ends_at),
            ends_at=ends_at,
            verdicts=tuple(self._verdicts),
            fills=tuple(self._ledger.fills),
            outcomes=tuple(self._ledger.outcomes),
            equity=tuple(self._ledger.equity),
            scores={w: self._knowledge.score(w, max(ends_at, self._begins_at)) for w in wallets},
            own_pnl={w: self._own_pnl.get(w, Usd(ZERO)) for w in wallets},
            washed=self._washed,
        )

    def _resolve(self, event: MarketResolved) -> None:
        market = self._pit.market_of(event.condition_id)
        if market is None:
            raise HindsightError(f"expected {event.condition_id} to be listed before it is settled")
        category = self._categories[event.condition_id]
        for closing in self._whales.resolve(market, event.payouts, category, event.at):
            self._learn(closing, event.at)
        self._ledger.redeem(market, event.payouts, event.at)
        over = replace(market, is_closed=True, accepts_orders=False, payouts=event.payouts)
        self._pit.close(over)

    def _hear(self, seen: FillSeen, now: datetime) -> None:
        fill = seen.fill
        market = self._pit.market(fill.token_id)
        if market is not None and market.payouts is None:
            category = self._categories[market.condition_id]
            closing = self._whales.take(fill, market, category)
            if closing is not None:
                self._learn(closing, now)
        self._follow(self._aggregator.feed(fill, now), now)

    def _learn(self, closing: WhaleClosing, now: datetime) -> None:
        self._knowledge.note(closing.wallet, closing.trade, now)
        if now >= self._begins_at:
            known = self._own_pnl.get(closing.wallet, ZERO)
            self._own_pnl[closing.wallet] = Usd(known + closing.trade.pnl)

    def _follow(self, found: Aggregation, now: datetime) -> None:
        """Take the signals whose windows closed, and look again when the next one is due."""
        self._washed += len(found.dropped)
        for each in found.signals:
            signal = each.signal
            is_chosen = not self._plan.whales or signal.wallet in self._plan.whales
            self._judge.take(signal, now, is_judged=is_chosen and now >= self._begins_at)
        due_at = self._aggregator.next_due_at
        if due_at is not None and due_at != self._due_at:
            self._due_at = due_at
            self._agenda.at(max(due_at, now), self._close_due)

    def _close_due(self, now: datetime) -> None:
        self._due_at = None
        self._follow(self._aggregator.due(now), now)

    def _tell(self, signal: WhaleSignal, outcome: str) -> None:
        copied = (SignalState.FILLED.value, SignalState.PARTIAL.value)
        verdict = Verdict(
            signal_id=signal.signal_id,
            at=signal.traded_at,
            whale=signal.wallet,
            side=signal.side,
            notional=signal.notional,
            outcome=outcome,
            is_copied=outcome in copied,
        )
        self._verdicts.append(verdict)
