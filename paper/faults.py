"""What goes wrong on purpose: a seeded plan of faults, and the dice that are thrown for each."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule of a plan.

    `share` of the cases are struck, after the first `skip` that fit and at most `count` of them.
    `match` names facts of a case (`token_id`, `side`, `order_type`, …) that must be equal.
    """

    at: Point
    fault: str
    share: Decimal = Decimal(1)
    count: int | None = None
    skip: int = 0
    delay_ms: int = 0
    status: int | None = None
    text: str = ""
    retry_after_s: int | None = None
    size_share: Decimal = Decimal(1)  # of the order, for partial fills
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
    """The plan in force, and how often each of its rules has struck."""

    def __init__(self, plan: FaultPlan | None = None) -> None:
        self.plan = plan or FaultPlan()
        self._fitted = [0] * len(self.plan.rules)
        self._struck = [0] * len(self.plan.rules)

    def replace(self, plan: FaultPlan) -> None:
        """Put another plan in force and count from zero; an empty one ends all faults."""
        self.plan = plan
        self._fitted = [0] * len(plan.rules)
        self._struck = [0] * len(plan.rules)

    @property
    def struck(self) -> tuple[int, ...]:
        """Return how often each rule has struck, in the plan's order."""
        return tuple(self._struck)

    def draw(self, at: Point, key: str, facts: Mapping[str, str] | None = None) -> Fault | None:
        """Return the fault that strikes this case, or None.

        One die is thrown per case and point, so that shares of a point's rules add up; it depends
        on the seed, the point and `key` alone: the same case meets the same fate in every run.
        """
        die = Decimal(self._die(at, key)) / _DICE
        for number, rule in enumerate(self.plan.rules):
            if rule.at is not at or not _fits(rule, facts or {}):
                continue
            is_hit = die < rule.share
            die = die - rule.share if not is_hit else die
            if is_hit and self._counts(number, rule):
                return rule
            if is_hit:
                return None
        return None

    def _die(self, at: Point, key: str) -> int:
        text = f"{self.plan.seed}/{at}/{key}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 11

    def _counts(self, number: int, rule: Fault) -> bool:
        self._fitted[number] += 1
        if self._fitted[number] <= rule.skip:
            return False
        if rule.count is not None and self._struck[number] >= rule.count:
            return False
        self._struck[number] += 1
        return True


def _fits(rule: Fault, facts: Mapping[str, str]) -> bool:
    return all(facts.get(name) == wanted for name, wanted in rule.match.items())
