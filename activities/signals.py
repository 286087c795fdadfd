"""Assess a whale signal and end it: the first and the last step of a copied trade."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from temporalio import activity

from activities.markets import MarketDesk
from activities.records import Assessment, TradeEnd
from storage.decision_inputs import InputWriter, Judgement, JudgementStore
from storage.holding_port import MirrorStore
from storage.port import Bell, FactStore, OrderStore, PositionStore, SignalStore, StoredSignal
from trading.decide import Facts, WhaleStanding, decide
from trading.holdings import Mirror
from trading.orders import ACCEPTED_SHARE
from trading.risk import entry_deadline
from trading.rules import Rules
from trading.types import (
    ZERO,
    Market,
    OrderHash,
    OrderState,
    Price,
    Reason,
    Refusal,
    Shares,
    Side,
    SignalId,
    SignalState,
    WhaleSignal,
)
from trading.verdict import COPIED, refused, verdict_of

ASSESS = "assess_signal"
LISTEN = timedelta(seconds=1)
_ENDS = {
    OrderState.REJECTED: SignalState.VENUE_REJECTED,
    OrderState.EXPIRED: SignalState.EXPIRED,
    OrderState.VOID: SignalState.UNFILLED,
}
_ENDED_BY = {
    Reason.ENTRIES_HALTED: SignalState.RISK_REJECTED,
    Reason.POSITION_CLOSING: SignalState.RISK_REJECTED,
    Reason.SIGNAL_TOO_OLD: SignalState.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class SignalPorts:
    """What the signal activities look at and write to; `on_end` is told of every end.

    Without `judgements` verdicts are kept without what they were made from.
    """

    signals: SignalStore
    orders: OrderStore
    positions: PositionStore
    facts: FactStore
    markets: MarketDesk
    bell: Bell
    mirrors: MirrorStore
    on_end: Callable[[SignalId], None] | None = None
    judgements: JudgementStore | None = None


class SignalActivities:
    """Steps that decide on signals. Every verdict is stored, and the first one stands."""

    def __init__(self, ports: SignalPorts, rules: Rules, clock: Callable[[], datetime]) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock
        self._writer = InputWriter(rules)

    @activity.defn
    async def assess_signal(self, signal_id: SignalId) -> Assessment:
        """Decide whether and how much to copy; a repeat reads the verdict that was stored first."""
        stored = await self._ports.signals.load_signal(signal_id)
        assert stored is not None, f"expected signal {signal_id} in the database"
        verdict = await self._ports.signals.load_decision(signal_id, ASSESS)
        market = await self._market(stored, verdict)
        if verdict is None:
            verdict = await self._decide(stored, market)
        return await self._read(stored, market, verdict)

    @activity.defn
    async def refuse_signal(
        self, signal_id: SignalId, state: SignalState, reason: Reason
    ) -> TradeEnd:
        """End a signal with a no."""
        verdict = await self._ports.signals.load_decision(signal_id, ASSESS)
        refusal = Refusal(reason, verdict or {})
        ended = await self._finish(signal_id, state, refusal)
        return TradeEnd(signal_id, ended, f"{ended}: {reason}")

    @activity.defn
    async def conclude_signal(
        self, signal_id: SignalId, order_hashes: Sequence[OrderHash]
    ) -> TradeEnd:
        """End a signal from what became of its orders, all of which must be done."""
        return await self._conclude(signal_id, order_hashes, SignalState.UNFILLED)

    @activity.defn
    async def cancel_signal(
        self, signal_id: SignalId, order_hashes: Sequence[OrderHash]
    ) -> TradeEnd:
        """End a signal that a person cancelled: CANCELLED when nothing was filled."""
        return await self._conclude(signal_id, order_hashes, None)

    @activity.defn
    async def conclude_exit_signal(
        self, signal_id: SignalId, order_hashes: Sequence[OrderHash]
    ) -> TradeEnd:
        """End a whale's exit that a position's exit answered."""
        return await self._conclude(signal_id, order_hashes, SignalState.UNFILLED)

    async def _conclude(
        self, signal_id: SignalId, order_hashes: Sequence[OrderHash], nothing: SignalState | None
    ) -> TradeEnd:
        """End a signal; `nothing` is its end when no order says more, None when cancelled."""
        progresses = [await self._ports.orders.load_progress(h) for h in order_hashes]
        known = [p for p in progresses if p is not None]
        assert all(p.is_done for p in known), f"expected every order of {signal_id} to be done"
        confirmed = sum((p.confirmed for p in known), ZERO)
        failed = sum((p.size_failed for p in known), ZERO)
        wanted = known[0].size if known else Shares(ZERO)
        refusal = None
        if confirmed + failed > 0:
            state = _end_of(confirmed, failed, wanted)
        elif nothing is None:
            state = SignalState.CANCELLED
        elif known and known[-1].is_refused_unsent:
            state = SignalState.RISK_REJECTED
            refusal = Refusal(Reason.SIGNER_REFUSED, {"order": known[-1].text})
        else:
            state = _ENDS.get(known[-1].state, nothing) if known else nothing
        ended = await self._finish(signal_id, state, refusal)
        return TradeEnd(signal_id, ended, f"{ended}: {confirmed:.2f} of {wanted:.2f} shares")

    @activity.defn
    async def await_end(self, signal_id: SignalId) -> TradeEnd:
        """Wait until somebody else, a position's owner, has ended the signal."""
        while True:
            stored = await self._ports.signals.load_signal(signal_id)
            assert stored is not None, f"expected signal {signal_id} in the database"
            if stored.state.is_terminal:
                return TradeEnd(signal_id, stored.state, f"{stored.state} by the position's exit")
            activity.heartbeat()
            await self._ports.bell.wait("signals", signal_id, LISTEN)

    async def _finish(
        self, signal_id: SignalId, state: SignalState, refusal: Refusal | None
    ) -> SignalState:
        ended = await self._ports.signals.finish_signal(signal_id, state, refusal, self._clock())
        if self._ports.on_end is not None:
            self._ports.on_end(signal_id)
        return ended

    async def _market(
        self, stored: StoredSignal, verdict: Mapping[str, str] | None
    ) -> Market | None:
        """Return the signal's market; the venue is not asked for a signal that is too old."""
        token_id = stored.signal.token_id
        if verdict is None and self._too_old(stored) is not None:
            return await self._ports.facts.load_market(token_id)
        return await self._ports.markets.find(token_id)

    async def _decide(self, stored: StoredSignal, market: Market | None) -> Mapping[str, str]:
        """Judge, keep the judgement with what it was made from, and return the one that stands."""
        signal_id, judged = stored.signal.signal_id, await self._judge(stored, market)
        signals, judgements = self._ports.signals, self._ports.judgements
        if judgements is None:
            await signals.save_decision(signal_id, ASSESS, judged.verdict, self._clock())
        else:
            await judgements.save_judgement(signal_id, judged, self._clock())
        return await signals.load_decision(signal_id, ASSESS) or judged.verdict

    async def _judge(self, stored: StoredSignal, market: Market | None) -> Judgement:
        signal = stored.signal
        too_old = self._too_old(stored)
        if too_old is not None:
            return Judgement(ASSESS, refused(too_old))
        if market is None:
            unknown = Refusal(Reason.MARKET_UNKNOWN, {"token_id": signal.token_id})
            return Judgement(ASSESS, refused(unknown))
        facts = await self._facts(signal, market)
        verdict = verdict_of(decide(facts, self._rules))
        return Judgement(ASSESS, verdict, self._writer.write(facts))

    async def _read(
        self, stored: StoredSignal, market: Market | None, verdict: Mapping[str, str]
    ) -> Assessment:
        signal = stored.signal
        if verdict["verdict"] != COPIED:
            return _no(signal, market, Reason(verdict["verdict"]))
        size, price = verdict.get("size"), verdict.get("limit_price")
        share = verdict.get("exit_share")
        position = None
        if signal.side is Side.SELL:
            position = await self._ports.positions.find_open(signal.wallet, signal.token_id)
            if position is None:  # it was closed since the verdict
                return _no(signal, market, Reason.NO_POSITION_TO_REDUCE)
        return Assessment(
            signal_id=signal.signal_id,
            side=signal.side,
            summary=describe(signal, market, size, price),
            size=Shares(Decimal(size)) if size is not None else None,
            limit_price=Price(Decimal(price)) if price is not None else None,
            exit_share=Decimal(share) if share is not None else None,
            position_id=position.position_id if position is not None else None,
            give_up_at=stored.committed_at + self._rules.orders.remainder_until,
        )

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
            mirror=await self._mirror(signal),
        )

    async def _mirror(self, signal: WhaleSignal) -> Mirror | None:
        """Return what a whale's exit takes of our lots; an entry takes none."""
        if signal.side is Side.BUY:
            return None
        return await self._ports.mirrors.claim_exit_share(signal, self._clock())

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


def describe(
    signal: WhaleSignal, market: Market | None, size: str | None = None, price: str | None = None
) -> str:
    """Return one line a person understands: BUY 120 Up @ ≤0.44 'Will ...' after 0xabc..."""
    outcome = market.outcome_of(signal.token_id) if market is not None else signal.token_id[:8]
    question = market.question if market is not None else "unknown market"
    whale = f"{signal.wallet[:6]}…{signal.wallet[-4:]}"
    if size is None or price is None:
        return f"{signal.side} {outcome} @ {signal.price:.4f} '{question}' after {whale}"
    bound = "≤" if signal.side is Side.BUY else "≥"
    return f"{signal.side} {size} {outcome} @ {bound}{price} '{question}' after {whale}"


def _no(signal: WhaleSignal, market: Market | None, reason: Reason) -> Assessment:
    summary = f"{describe(signal, market)}: {reason}"
    ended = _ENDED_BY.get(reason, SignalState.FILTERED)
    return Assessment(signal.signal_id, signal.side, summary, reason, ended)


def _end_of(confirmed: Decimal, failed: Decimal, wanted: Shares) -> SignalState:
    assert confirmed + failed > 0, "expected something to have been matched"
    if confirmed >= wanted * ACCEPTED_SHARE:
        return SignalState.FILLED
    return SignalState.PARTIAL if confirmed > 0 else SignalState.FAILED_SETTLEMENT


def _stranger(signal: WhaleSignal) -> WhaleStanding:
    return WhaleStanding(
        signal.wallet,
        is_followed=False,
        is_paused=False,
        quality_score=ZERO,
        win_rate=ZERO,
        closed_trades=0,
    )
