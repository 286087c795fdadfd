"""Assess a whale signal and end it: the first and the last step of a copied trade."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from temporalio import activity

from activities.markets import MarketDesk
from activities.records import Assessment, TradeEnd
from storage.port import FactStore, OrderStore, PositionStore, SignalStore, StoredSignal
from trading.decide import Decision, Facts, WhaleStanding, decide
from trading.risk import entry_deadline
from trading.rules import Rules
from trading.types import (
    ZERO,
    Market,
    OrderHash,
    OrderState,
    Reason,
    Refusal,
    Shares,
    Side,
    SignalId,
    SignalState,
    WhaleSignal,
)

ASSESS = "assess_signal"
_ENDS = {
    OrderState.REJECTED: SignalState.VENUE_REJECTED,
    OrderState.EXPIRED: SignalState.EXPIRED,
    OrderState.VOID: SignalState.UNFILLED,
}
_REJECTED_BY_RISK = frozenset({Reason.ENTRIES_HALTED, Reason.POSITION_CLOSING})


@dataclass(frozen=True, slots=True)
class SignalPorts:
    """What the signal activities look at and write to."""

    signals: SignalStore
    orders: OrderStore
    positions: PositionStore
    facts: FactStore
    markets: MarketDesk


class SignalActivities:
    """Steps that decide on signals. Every verdict is stored, and the first one stands."""

    def __init__(self, ports: SignalPorts, rules: Rules, clock: Callable[[], datetime]) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock

    @activity.defn
    async def assess_signal(self, signal_id: SignalId) -> Assessment:
        """Decide whether and how much to copy; a repeat returns the stored verdict's meaning."""
        stored = await self._ports.signals.load_signal(signal_id)
        assert stored is not None, f"expected signal {signal_id} in the database"
        signal = stored.signal
        market = await self._ports.markets.find(signal.token_id)
        if market is None:
            refusal = Refusal(Reason.MARKET_UNKNOWN, {"token_id": signal.token_id})
            await self._store(signal_id, _refused(signal, refusal))
            return _no(signal, None, Reason.MARKET_UNKNOWN)
        too_old = self._too_old(stored)
        if too_old is not None:
            await self._store(signal_id, _refused(signal, too_old))
            return _no(signal, market, too_old.reason, SignalState.EXPIRED)
        decision = decide(await self._facts(signal, market), self._rules)
        await self._store(signal_id, _verdict(decision))
        return await self._assessment(stored, market, decision)

    @activity.defn
    async def refuse_signal(
        self, signal_id: SignalId, state: SignalState, reason: Reason
    ) -> TradeEnd:
        """End a signal with a no."""
        verdict = await self._ports.signals.load_decision(signal_id, ASSESS)
        refusal = Refusal(reason, verdict or {})
        ended = await self._ports.signals.finish_signal(signal_id, state, refusal, self._clock())
        return TradeEnd(signal_id, ended, f"{ended}: {reason}")

    @activity.defn
    async def conclude_signal(
        self, signal_id: SignalId, order_hashes: Sequence[OrderHash], wanted: Shares
    ) -> TradeEnd:
        """End a signal from what became of its orders, all of which must be done."""
        progresses = [await self._ports.orders.load_progress(h) for h in order_hashes]
        known = [p for p in progresses if p is not None]
        assert all(p.is_done for p in known), f"expected every order of {signal_id} to be done"
        confirmed = sum((p.confirmed for p in known), ZERO)
        failed = sum((p.size_failed for p in known), ZERO)
        last = known[-1].state if known else OrderState.EXPIRED
        state = _end_of(confirmed, failed, wanted, last)
        ended = await self._ports.signals.finish_signal(signal_id, state, None, self._clock())
        return TradeEnd(signal_id, ended, f"{ended}: {confirmed} of {wanted} shares")

    async def _facts(self, signal: WhaleSignal, market: Market) -> Facts:
        ports = self._ports
        whale = await ports.facts.load_whale(signal.wallet)
        held = await ports.positions.find_open(signal.wallet, signal.token_id)
        quote = await ports.markets.quote(signal.token_id)
        return Facts(
            signal=signal,
            whale=whale.standing if whale is not None else _stranger(signal),
            market=market,
            book=quote.book,
            portfolio=await ports.facts.load_portfolio(self._clock()),
            held=held.size if held is not None else Shares(ZERO),
            whale_held=await ports.signals.whale_holding(
                signal.wallet, signal.token_id, signal.traded_at
            ),
            volatility=quote.volatility,
            correlation=await self._correlation(signal, market),
            now=self._clock(),
        )

    async def _correlation(self, signal: WhaleSignal, market: Market) -> Decimal:
        """Return 1 for more of what we hold, -1 for its complement, else 0 (no series compared)."""
        for position in await self._ports.positions.list_open():
            if position.token_id == signal.token_id:
                return Decimal(1)
            if position.condition_id == market.condition_id:
                return Decimal(-1)
        return ZERO

    def _too_old(self, stored: StoredSignal) -> Refusal | None:
        now = self._clock()
        signal = stored.signal
        deadline = entry_deadline(signal.traded_at, stored.committed_at, self._rules.orders)
        if signal.side is Side.SELL or now <= deadline:
            return None
        numbers = {"deadline": deadline.isoformat(), "now": now.isoformat()}
        return Refusal(Reason.SIGNAL_TOO_OLD, numbers)

    async def _store(self, signal_id: SignalId, verdict: Mapping[str, str]) -> None:
        await self._ports.signals.save_decision(signal_id, ASSESS, verdict, self._clock())

    async def _assessment(
        self, stored: StoredSignal, market: Market, decision: Decision
    ) -> Assessment:
        signal = stored.signal
        if decision.refusal is not None:
            return _no(signal, market, decision.refusal.reason)
        position = None
        if signal.side is Side.SELL:
            position = await self._ports.positions.find_open(signal.wallet, signal.token_id)
        return Assessment(
            signal_id=signal.signal_id,
            side=signal.side,
            summary=describe(signal, market, decision),
            size=decision.size,
            limit_price=decision.limit_price,
            exit_share=decision.exit_share,
            position_id=position.position_id if position is not None else None,
            give_up_at=stored.committed_at + self._rules.orders.remainder_until,
        )


def describe(signal: WhaleSignal, market: Market | None, decision: Decision | None = None) -> str:
    """Return one line a person understands: BUY 120 Up @ <= 0.44 'Will ...' after 0xabc..."""
    outcome = market.outcome_of(signal.token_id) if market is not None else signal.token_id[:8]
    question = market.question if market is not None else "unknown market"
    whale = f"{signal.wallet[:6]}…{signal.wallet[-4:]}"
    if decision is None or decision.size is None or decision.limit_price is None:
        return f"{signal.side} {outcome} @ {signal.price} '{question}' after {whale}"
    bound = "≤" if signal.side is Side.BUY else "≥"
    terms = f"{decision.size} {outcome} @ {bound}{decision.limit_price}"
    return f"{signal.side} {terms} '{question}' after {whale}"


def _verdict(decision: Decision) -> dict[str, str]:
    reason = decision.refusal.reason.value if decision.refusal is not None else "COPIED"
    refused = dict(decision.refusal.numbers) if decision.refusal is not None else {}
    return {"verdict": reason, "significance": decision.significance, **decision.numbers, **refused}


def _refused(signal: WhaleSignal, refusal: Refusal) -> dict[str, str]:
    return {"verdict": refusal.reason.value, "side": signal.side, **refusal.numbers}


def _no(
    signal: WhaleSignal,
    market: Market | None,
    reason: Reason,
    state: SignalState = SignalState.FILTERED,
) -> Assessment:
    ended = SignalState.RISK_REJECTED if reason in _REJECTED_BY_RISK else state
    summary = f"{describe(signal, market)}: {reason}"
    return Assessment(signal.signal_id, signal.side, summary, reason, ended)


def _end_of(
    confirmed: Decimal, failed: Decimal, wanted: Shares, last: OrderState
) -> SignalState:
    if confirmed >= wanted * Decimal("0.80"):
        return SignalState.FILLED
    if confirmed > 0:
        return SignalState.PARTIAL
    if failed > 0:
        return SignalState.FAILED_SETTLEMENT
    return _ENDS.get(last, SignalState.UNFILLED)


def _stranger(signal: WhaleSignal) -> WhaleStanding:
    return WhaleStanding(
        signal.wallet,
        is_followed=False,
        is_paused=False,
        quality_score=ZERO,
        win_rate=ZERO,
        closed_trades=0,
    )
