"""The caps on entries, held in memory as the records hold them: worst case, throttles, breakers."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from trading.caps import market_cap
from trading.pretrade import RecentEntries as Counts
from trading.pretrade import ThrottleCaps, check_throttles
from trading.rules import RiskRules
from trading.types import (
    ONE,
    ZERO,
    ConditionId,
    Reason,
    Refusal,
    SignalId,
    TokenId,
    Usd,
    Wallet,
)

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Claim:
    """An entry's worst case; `exposure` of a lot is claimed in the same way."""

    whale: Wallet
    condition_id: ConditionId
    token_id: TokenId
    cost: Usd


@dataclass(frozen=True, slots=True)
class _Sent:
    at: datetime
    token_id: TokenId
    signal_id: SignalId
    cost: Usd


class RecentEntries:
    """Entries of the last minutes, for the throttles."""

    def __init__(self, rules: RiskRules) -> None:
        self._rules = rules
        self._sent: deque[_Sent] = deque()
        self._of_days: dict[date, Usd] = {}

    def add(self, signal_id: SignalId, claim: Claim, now: datetime) -> None:
        """Count an entry that was committed."""
        self._sent.append(_Sent(now, claim.token_id, signal_id, claim.cost))
        self._of_days = {_day(now): Usd(self._of_day(now) + claim.cost)}

    def breach(
        self, signal_id: SignalId, claim: Claim, open_orders: int, now: datetime
    ) -> Refusal | None:
        """Return the first throttle that one more entry would pass."""
        rules = self._rules
        self._forget(now - max(_MINUTE, rules.repeats_window))
        last = [s for s in self._sent if s.at > now - _MINUTE]
        same = [s for s in last if s.token_id == claim.token_id]
        repeats = self._repeats(signal_id, claim.token_id, now)
        recent = Counts(
            open_orders,
            len(last),
            len(same),
            Usd(_sum(last)),
            repeats,
            notional_day=self._of_day(now),
        )
        breach = check_throttles(recent, claim.cost, ThrottleCaps.of(rules))
        return None if breach is None else Refusal(breach.reason, breach.numbers)

    def _of_day(self, now: datetime) -> Usd:
        return self._of_days.get(_day(now), Usd(ZERO))

    def _repeats(self, signal_id: SignalId, token_id: TokenId, now: datetime) -> int:
        since = now - self._rules.repeats_window
        own = {signal_id}
        others = {s.signal_id for s in self._sent if s.token_id == token_id and s.at > since}
        return len(others - own)

    def _forget(self, before: datetime) -> None:
        while self._sent and self._sent[0].at <= before:
            self._sent.popleft()


@dataclass(frozen=True, slots=True)
class Caps:
    """What the caps follow from; `position_factor` is below 1 while the drawdown is too deep."""

    rules: RiskRules
    equity: Usd
    position_factor: Decimal = ONE


def cap_refusal(claim: Claim, claims: Iterable[Claim], caps: Caps) -> Refusal | None:
    """Hold one more claim against the caps of wallet, whale, market and position, in that order."""
    rules = caps.rules
    wallet = whale = market = position = ZERO
    for other in claims:
        wallet += other.cost
        is_whale = other.whale == claim.whale
        whale += other.cost if is_whale else ZERO
        market += other.cost if other.condition_id == claim.condition_id else ZERO
        position += other.cost if is_whale and other.token_id == claim.token_id else ZERO
    of_market, why = market_cap(rules.market_max, rules.market_share_max, caps.equity)
    limits = (
        (Reason.WALLET_LIMIT, wallet, rules.wallet_max),
        (Reason.WHALE_LIMIT, whale, rules.whale_max),
        (why, market, of_market),
        (Reason.POSITION_LIMIT, position, rules.position_max * caps.position_factor),
    )
    for reason, used, cap in limits:
        if used + claim.cost > cap:
            numbers = {"used": str(used), "asked": str(claim.cost), "cap": str(cap)}
            return Refusal(reason, numbers)
    return None


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _sum(sent: Iterable[_Sent]) -> Decimal:
    return sum((s.cost for s in sent), ZERO)
