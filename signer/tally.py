"""What was signed lately: how much leaves by the minute and the day, and one order per intent."""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from exchange.sign_port import SignRefusal
from signer.facts import OrderFacts, PastOrder
from signer.settings import SignerLimits
from trading.pretrade import (
    Breach,
    Control,
    RecentEntries,
    ThrottleCaps,
    check_outflow,
    check_throttles,
)
from trading.types import ZERO, IntentId, OrderHash, Side, SignalId, TokenId, Usd

INTENTS_MAX = 100_000
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
REMEMBERED = timedelta(minutes=10)
"""How long entries are counted for repeats."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One signed entry; the time is its intent's, as the workers count."""

    at: datetime
    token_id: TokenId
    signal_id: SignalId | None
    cost_max: Usd


class Tally:
    """Counts what was signed. A signature of the same order again is free."""

    def __init__(self, limits: SignerLimits) -> None:
        """Begin with nothing signed."""
        self._limits = limits
        self._hashes: OrderedDict[IntentId, OrderHash] = OrderedDict()
        self._entries: deque[_Entry] = deque()
        self._exits: deque[datetime] = deque()
        self._spent: dict[date, Usd] = {}

    def remember(self, past: Sequence[PastOrder]) -> None:
        """Count what left before this process began."""
        for order in past:
            self._keep(order.intent_id, order.order_hash)
            if order.is_entry:
                entry = _Entry(order.created_at, order.token_id, order.signal_id, order.cost_max)
                self._count_entry(entry)
            else:
                self._exits.append(order.created_at)

    def is_again(self, order: OrderFacts) -> bool:
        """Tell whether this very order was signed already."""
        return self._hashes.get(order.intent_id) == order.order_hash

    def refuse(self, order: OrderFacts, now: datetime) -> SignRefusal | None:
        """Return why one more order would be too much."""
        signed = self._hashes.get(order.intent_id)
        orders_out = 1 if signed is None else 2
        second = check_outflow(orders_out, 1)
        if second is not None:
            return refusal_of(second)
        self._forget(now)
        if order.unsigned.side is Side.SELL:
            return self._refuse_exit(now)
        return self._refuse_entry(order, now)

    def count(self, order: OrderFacts, now: datetime) -> None:
        """Count an order that is signed now."""
        self._keep(order.intent_id, order.order_hash)
        if order.unsigned.side is Side.SELL:
            self._exits.append(now)
            return
        signal_id = None if order.signal is None else order.signal.signal_id
        self._count_entry(
            _Entry(order.created_at, order.unsigned.token_id, signal_id, order.cost_max)
        )

    def _refuse_exit(self, now: datetime) -> SignRefusal | None:
        recent = sum(at > now - MINUTE for at in self._exits) + 1
        if recent > self._limits.exits_per_min:
            return SignRefusal(Control.EXITS_PER_MIN, str(recent), str(self._limits.exits_per_min))
        return None

    def _refuse_entry(self, order: OrderFacts, now: datetime) -> SignRefusal | None:
        recent = self._recent(order, now)
        breach = check_throttles(recent, order.cost_max, ThrottleCaps.of(self._limits.risk))
        return None if breach is None else refusal_of(breach)

    def _recent(self, order: OrderFacts, now: datetime) -> RecentEntries:
        """Count entries that were created within a minute, or ten for repeats, before now.

        The worker that committed the last of them counted all of these, and all of its UTC day.
        So in whatever order they are signed, no entry is too many here that was not so there.
        """
        minute = [entry for entry in self._entries if entry.at > now - MINUTE]
        signal_id = None if order.signal is None else order.signal.signal_id
        lately = [entry for entry in self._entries if entry.at > now - REMEMBERED]
        same = [entry for entry in lately if entry.token_id == order.unsigned.token_id]
        return RecentEntries(
            open_orders=order.standing.open_orders,
            orders=len(minute),
            orders_token=sum(entry.token_id == order.unsigned.token_id for entry in minute),
            notional=Usd(sum((entry.cost_max for entry in minute), ZERO)),
            repeats=len({e.signal_id for e in same if e.signal_id != signal_id}),
            attempts=sum(e.signal_id == signal_id for e in self._entries),
            notional_day=self._spent.get(_day(order.created_at), Usd(ZERO)),
        )

    def _count_entry(self, entry: _Entry) -> None:
        self._entries.append(entry)
        day = _day(entry.at)
        self._spent[day] = Usd(self._spent.get(day, ZERO) + entry.cost_max)

    def _keep(self, intent_id: IntentId, order_hash: OrderHash) -> None:
        self._hashes[intent_id] = order_hash
        while len(self._hashes) > INTENTS_MAX:
            self._hashes.popitem(last=False)

    def _forget(self, now: datetime) -> None:
        while self._entries and self._entries[0].at < now - REMEMBERED:
            self._entries.popleft()
        while self._exits and self._exits[0] < now - MINUTE:
            self._exits.popleft()
        for day in [day for day in self._spent if day < _day(now) - timedelta(days=1)]:
            del self._spent[day]


class Quota:
    """Lets so many of something pass in an hour."""

    def __init__(self, most: int, code: Control) -> None:
        """Begin with none passed."""
        self._most = most
        self._code = code
        self._passed: deque[datetime] = deque()

    def take(self, now: datetime) -> SignRefusal | None:
        """Count one more, or return why it is too much."""
        while self._passed and self._passed[0] <= now - HOUR:
            self._passed.popleft()
        if len(self._passed) >= self._most:
            return SignRefusal(self._code, str(len(self._passed) + 1), str(self._most))
        self._passed.append(now)
        return None


def refusal_of(breach: Breach) -> SignRefusal:
    """Return a broken control as a no of the signer."""
    return SignRefusal(breach.control, breach.wanted, breach.cap)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
