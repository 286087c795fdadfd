"""Check every limit again and, in one transaction, reserve the worst case and commit the intent."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from temporalio import activity

from activities.markets import MarketDesk
from activities.records import Attempt, Estimate, Ticket
from exchange.port import OrderDraft, OrderGateway
from storage.port import (
    ExitOrder,
    LimitCaps,
    OrderStore,
    PositionStore,
    Reserved,
    SignalStore,
    StoredSignal,
)
from trading.filters import check_market
from trading.orders import Intent
from trading.pretrade import Asked, PriceRules, check_cost, check_price
from trading.risk import entry_deadline
from trading.rules import RiskRules, Rules
from trading.types import (
    ONE,
    ZERO,
    IntentId,
    Market,
    OrderHash,
    OrderType,
    PositionId,
    Price,
    Reason,
    Refusal,
    Side,
    SignalId,
    SignalState,
    TokenId,
    Wallet,
    WhaleSignal,
)
from trading.verdict import refused


@dataclass(frozen=True, slots=True)
class RiskPorts:
    """What the risk check looks at and writes to."""

    gateway: OrderGateway
    orders: OrderStore
    signals: SignalStore
    positions: PositionStore
    markets: MarketDesk


@dataclass(frozen=True, slots=True)
class _Subject:
    """What an attempt is about, and until when its first byte may leave."""

    token_id: TokenId
    whale: Wallet
    position_id: PositionId
    order_type: OrderType
    expires_at: datetime
    signal: WhaleSignal | None = None  # what an entry copies


@dataclass(frozen=True, slots=True)
class _No:
    """What speaks against an attempt, and how it ends the signal when nothing was ordered."""

    refusal: Refusal
    ended_as: SignalState = SignalState.RISK_REJECTED


class RiskActivities:
    """The gate between a wish and an intent; nothing is sent that did not pass here."""

    def __init__(self, ports: RiskPorts, rules: Rules, clock: Callable[[], datetime]) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock

    @activity.defn
    async def check_risk(self, attempt: Attempt, estimate: Estimate) -> Ticket:
        """Commit the attempt's intent with its order hash, or say why not; once per attempt."""
        known = await self._ports.orders.load_attempt(IntentId(attempt.key))
        if known is not None:
            return _ticket(known)
        now = self._clock()
        subject = await self._subject(attempt, now)
        market = await self._ports.markets.find(subject.token_id)
        assert market is not None, f"expected token {subject.token_id} to have a market"
        found = self._check(attempt, estimate, subject, market, now)
        if isinstance(found, Intent):
            found = await self._commit(attempt, found)
        if isinstance(found, Intent):
            return _ticket(found)
        if subject.signal is not None:
            await self._keep(subject.signal.signal_id, attempt.number, found.refusal)
        reason = found.refusal.reason
        return Ticket(None, attempt.size, estimate.limit_price, reason, found.ended_as)

    def _check(
        self,
        attempt: Attempt,
        estimate: Estimate,
        subject: _Subject,
        market: Market,
        now: datetime,
    ) -> Intent | _No:
        """Return the attempt as an intent, or what speaks against it before any limit is asked."""
        if now > subject.expires_at:
            numbers = {"expired_at": subject.expires_at.isoformat()}
            return _No(Refusal(Reason.SIGNAL_TOO_OLD, numbers), SignalState.EXPIRED)
        too_small = Refusal(
            Reason.SIZE_TOO_SMALL, {"size": str(attempt.size), "min_size": str(market.min_size)}
        )
        if attempt.size < market.min_size:
            return _No(too_small, SignalState.FILTERED)
        try:
            intent = self._intent(attempt, estimate, subject, market, now)
        except ValueError:
            return _No(too_small, SignalState.FILTERED)
        refusal = self._refuse(subject.signal, market, intent, now)
        return intent if refusal is None else _No(refusal)

    def _refuse(
        self, signal: WhaleSignal | None, market: Market, intent: Intent, now: datetime
    ) -> Refusal | None:
        """Hold what will be signed against market, price and cost, whatever was decided before.

        The whale's price was in the whale's own band, or there would be no attempt.
        """
        if signal is None:
            return None
        rules, order = self._rules, intent.order
        unbanded = replace(rules.filters, price_min=Price(ZERO), price_max=Price(ONE))
        closing = check_market(signal, market, now, unbanded)
        if closing is not None:
            return closing
        asked = Asked(intent.side, order.price, market.tick_size)
        prices = PriceRules(rules.filters, rules.slippage, rules.exits)
        breach = check_price(asked, prices, signal.price) or check_cost(order.cost_max, rules.risk)
        return None if breach is None else Refusal(breach.reason, breach.numbers)

    async def _commit(self, attempt: Attempt, intent: Intent) -> Intent | _No:
        orders, now = self._ports.orders, self._clock()
        answer: Intent | Reserved | Refusal
        if attempt.exit_reason is not None:
            answer = await orders.commit_exit(ExitOrder(intent, attempt.exit_reason), now)
        else:
            answer = await orders.reserve_entry(intent, limit_caps(self._rules.risk), now)
        match answer:
            case Reserved():
                return answer.intent
            case Intent():
                return answer
            case Refusal():
                return _No(answer)

    async def _keep(self, signal_id: SignalId, number: int, refusal: Refusal) -> None:
        """Store what refused an entry beside its other decisions, for those who ask why."""
        step = f"check_risk#{number}"
        await self._ports.signals.save_decision(signal_id, step, refused(refusal), self._clock())

    async def _subject(self, attempt: Attempt, now: datetime) -> _Subject:
        if attempt.signal_id is not None and not attempt.exit_epoch:
            stored = await self._ports.signals.load_signal(attempt.signal_id)
            assert stored is not None, f"expected signal {attempt.signal_id} in the database"
            return self._entry(attempt, stored, now)
        assert attempt.position_id is not None, f"expected {attempt.key} to name a position"
        position = await self._ports.positions.load_position(attempt.position_id)
        assert position is not None, f"expected position {attempt.position_id} in the database"
        return _Subject(
            token_id=position.token_id,
            whale=position.whale,
            position_id=position.position_id,
            order_type=OrderType.FAK,
            expires_at=now + self._rules.orders.retry_until,
        )

    def _entry(self, attempt: Attempt, stored: StoredSignal, now: datetime) -> _Subject:
        rules = self._rules.orders
        deadline = entry_deadline(stored.signal.traded_at, stored.committed_at, rules)
        if attempt.number > 1:  # a remainder has its own five seconds, within its give-up time
            deadline = now + rules.entry_expires_after
        return _Subject(
            token_id=stored.signal.token_id,
            whale=stored.signal.wallet,
            position_id=PositionId(""),
            order_type=rules.entry_order_type,
            expires_at=deadline,
            signal=stored.signal,
        )

    def _intent(
        self,
        attempt: Attempt,
        estimate: Estimate,
        subject: _Subject,
        market: Market,
        now: datetime,
    ) -> Intent:
        intent_id = IntentId(attempt.key)
        draft = OrderDraft(
            intent_id=intent_id,
            market=market,
            token_id=subject.token_id,
            side=attempt.side,
            size=attempt.size,
            price=estimate.limit_price,
            order_type=subject.order_type,
            created_at=now,
        )
        return Intent(
            intent_id=intent_id,
            signal_id=attempt.signal_id if attempt.side is Side.BUY else None,
            position_id=subject.position_id,
            attempt=attempt.number,
            exit_epoch=attempt.exit_epoch,
            condition_id=market.condition_id,
            whale=subject.whale,
            order_type=subject.order_type,
            order=self._ports.gateway.prepare(draft),
            reference_price=estimate.mid,
            created_at=now,
            expires_at=subject.expires_at,
        )


def limit_caps(rules: RiskRules) -> LimitCaps:
    """Return the caps in force for one reservation."""
    return LimitCaps(
        position=rules.position_max,
        market=rules.market_max,
        whale=rules.whale_max,
        wallet=rules.wallet_max,
        market_share=rules.market_share_max,
        open_orders=rules.open_orders_max,
        orders_per_min=rules.orders_per_min_max,
        orders_per_min_token=rules.orders_per_min_token_max,
        notional_per_min=rules.notional_per_min_max,
        repeats=rules.repeats_max,
        repeats_window=rules.repeats_window,
    )


def _ticket(intent: Intent) -> Ticket:
    order = intent.order
    return Ticket(OrderHash(order.order_hash), order.size, Price(order.price))
