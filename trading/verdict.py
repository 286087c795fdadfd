"""A decision as it is stored: text by name; and what is different when it is made again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from trading.decide import Decision, Facts, decide
from trading.rules import Rules
from trading.types import Refusal

COPIED = "COPIED"
VERDICT = "verdict"


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure that is not what it was; None where one side does not have it."""

    name: str
    was: str | None
    now: str | None


def verdict_of(decision: Decision) -> dict[str, str]:
    """Return a decision as text by name; size, limit price and exit share are read back later."""
    if decision.refusal is not None:
        return {**decision.numbers, **refused(decision.refusal)}
    made = {
        "size": decision.size,
        "notional": decision.notional,
        "limit_price": decision.limit_price,
        "exit_share": decision.exit_share,
    }
    kept = {name: str(figure) for name, figure in made.items() if figure is not None}
    return {
        **decision.numbers,
        **kept,
        "significance": decision.significance.value,
        VERDICT: COPIED,
    }


def refused(refusal: Refusal) -> dict[str, str]:
    """Return a no as text by name."""
    return {**refusal.numbers, VERDICT: refusal.reason.value}


def decide_again(facts: Facts, rules: Rules) -> dict[str, str]:
    """Return the verdict on stored facts."""
    return verdict_of(decide(facts, rules))


def differences(was: Mapping[str, str], now: Mapping[str, str]) -> Sequence[Difference]:
    """Return every figure that differs, in the order in which it was computed; 0.5 is 0.50."""
    names = dict.fromkeys((*was, *now))
    return [
        Difference(name, was.get(name), now.get(name))
        for name in names
        if not _is_same(was.get(name), now.get(name))
    ]


def _is_same(was: str | None, now: str | None) -> bool:
    if was == now or was is None or now is None:
        return was == now
    try:
        return Decimal(was) == Decimal(now)
    except InvalidOperation:
        return False
