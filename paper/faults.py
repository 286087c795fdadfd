"""What goes wrong on purpose: a seeded plan of faults, and the dice that are thrown for each."""

import asyncio
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

RULES_MAX = 200
_DICE = 1 << 53


class Point(StrEnum):
    """Where a fault can strike."""

    POST_ORDER = "post_order"
    CANCEL = "cancel"
    READ_ORDER = "read_order"
    READ_TRADES = "read_trades"
    READ_BALANCE = "read_balance"
    READ_BOOK = "read_book"
    MATCH = "match"
    SETTLE = "settle"
    USER_STREAM = "user_stream"
    MARKET_STREAM = "market_stream"
    RTDS = "rtds"
    CHAIN = "chain"
    DATA_API = "data_api"
    ACCOUNT = "account"
    RELAY = "relay"


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule of a plan.

    `share` of the cases are struck, after the first `skip` that fit and at most `count` of them.
    `match` names facts of a case (`token_id`, `side`, `order_type`, …) that must be equal.
    Where a maximum is given beside a delay or a size, the same dice draw one between the two.
    """

    at: Point
    fault: str
    share: Decimal = Decimal(1)
    count: int | None = None
    skip: int = 0
    delay_ms: int = 0
    delay_max_ms: int | None = None
    status: int | None = None
    text: str = ""
    retry_after_s: int | None = None
    size_share: Decimal = Decimal(1)  # of the order, for partial fills
    size_share_max: Decimal | None = None
    match: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Rules in the order in which they are tried, and the seed of their dice."""

    rules: tuple[Fault, ...] = ()
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse a plan that is too long."""
        assert len(self.rules) <= RULES_MAX, f"expected {RULES_MAX} rules at most"


class Faults:
    """The plan in force, and how often each of its rules has struck.

    `generation` grows with every plan, so that what an earlier plan began (modes, freezes) can be
    told from what the plan in force has begun.
    """

    def __init__(self, plan: FaultPlan | None = None) -> None:
        self.generation = 0
        self._begin(plan or FaultPlan())

    def replace(self, plan: FaultPlan) -> None:
        """Put another plan in force and count from zero; an empty one ends all faults."""
        self._replaced.set()
        self.generation += 1
        self._begin(plan)

    @property
    def struck(self) -> tuple[int, ...]:
        """Return how often each rule has struck, in the plan's order."""
        return tuple(self._struck)

    def concern(self, at: Point) -> bool:
        """Tell whether the plan in force has a rule for this point."""
        return at in self._points

    def draw(
        self,
        at: Point,
        key: str,
        facts: Mapping[str, str] | None = None,
        among: Collection[str] | None = None,
    ) -> Fault | None:
        """Return the fault that strikes this case, or None; its delay and size are drawn.

        One die is thrown per case and point, so that shares of a point's rules add up; it depends
        on the seed, the point and `key` alone: the same case meets the same fate in every run.
        A rule that is still to skip, or has struck as often as it may, leaves the case to the next.
        Where faults of one point strike at different moments, `among` names those of this one.
        """
        if at not in self._points:
            return None
        die = self._die(at, key)
        chosen: int | None = None
        for number in self._open_rules(at, facts or {}, among):
            share = self.plan.rules[number].share
            if chosen is None and die < share:
                chosen = number
            die -= share
        return None if chosen is None else self._drawn(chosen, at, key)

    def strike(self, number: int) -> None:
        """Count a rule that was acted on without a draw, by its place in the plan."""
        self._struck[number] += 1

    async def outlast(self, delay_ms: int) -> None:
        """Wait, or less if another plan is put in force meanwhile."""
        try:
            async with asyncio.timeout(delay_ms / 1000):
                await self._replaced.wait()
        except TimeoutError:
            return

    def _begin(self, plan: FaultPlan) -> None:
        self.plan = plan
        self._points = {rule.at for rule in plan.rules}
        self._fitted = [0] * len(plan.rules)
        self._struck = [0] * len(plan.rules)
        self._replaced = asyncio.Event()

    def _open_rules(
        self, at: Point, facts: Mapping[str, str], among: Collection[str] | None
    ) -> list[int]:
        found: list[int] = []
        for number, rule in enumerate(self.plan.rules):
            is_meant = rule.at is at and (among is None or rule.fault in among)
            if not is_meant or not _fits(rule, facts):
                continue
            self._fitted[number] += 1
            is_spent = rule.count is not None and self._struck[number] >= rule.count
            if self._fitted[number] > rule.skip and not is_spent:
                found.append(number)
        return found

    def _drawn(self, number: int, at: Point, key: str) -> Fault:
        self._struck[number] += 1
        rule = self.plan.rules[number]
        if rule.delay_max_ms is not None:
            spread = (rule.delay_max_ms - rule.delay_ms) * self._die(at, f"{key}/delay")
            rule = replace(rule, delay_ms=rule.delay_ms + round(spread))
        if rule.size_share_max is not None:
            wide = (rule.size_share_max - rule.size_share) * self._die(at, f"{key}/size")
            rule = replace(rule, size_share=rule.size_share + wide)
        return rule

    def _die(self, at: Point, key: str) -> Decimal:
        text = f"{self.plan.seed}/{at}/{key}".encode()
        return Decimal(int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 11) / _DICE


def _fits(rule: Fault, facts: Mapping[str, str]) -> bool:
    return all(facts.get(name) == wanted for name, wanted in rule.match.items())
