"""Makes a stored decision again: the same figures by its own rules, and what today's would say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from answers import Answer, plain
from storage.decision_inputs import read_inputs
from storage.postgres import PostgresStore
from trading.rules import Rules
from trading.types import SignalId
from trading.verdict import VERDICT, Difference, decide_again, differences

ASSESS = "assess_signal"
"""The step whose inputs are kept."""


@dataclass(frozen=True, slots=True)
class SecondLook:
    """Figures that came out otherwise by the same rules, and by today's rules and whale.

    A difference by the same rules says that the decision is computed otherwise by this version.
    """

    verdict: str
    changed: Sequence[Difference]
    verdict_today: str
    today: Sequence[Difference]


async def look_again(store: PostgresStore, signal_id: SignalId, rules: Rules) -> SecondLook | None:
    """Make a signal's decision again; None when what it was made from was not kept.

    Today means these rules and the whale's standing now: its score, its pause, its overrides.
    """
    was = await store.load_decision(signal_id, ASSESS)
    inputs = read_inputs(await store.load_inputs(signal_id, ASSESS))
    if was is None or inputs is None:
        return None
    facts = inputs.facts
    whale = await store.load_whale(facts.signal.wallet)
    standing = facts.whale if whale is None else whale.standing
    again = decide_again(facts, inputs.rules)
    now = decide_again(replace(facts, whale=standing), rules)
    return SecondLook(again[VERDICT], differences(was, again), now[VERDICT], differences(was, now))


def with_second_look(answer: Answer, look: SecondLook | None) -> Answer:
    """Add a second look to the answer on a signal."""
    found = answer.as_json()
    assert isinstance(found, Mapping), "expected the answer on one signal"
    told = None if look is None else _as_json(look)
    lines = "\n".join(["", *_lines(look)])
    return Answer({**found, "again": told}, f"{answer.as_text()}\n{lines}")


def _lines(look: SecondLook | None) -> Sequence[str]:
    if look is None:
        return ["made again  not possible: what it was made from was not kept"]
    same = "the same to the last figure" if not look.changed else f"{look.verdict}, otherwise:"
    lines = [f"made again  {same}", *_spelled(look.changed)]
    if not look.today:
        return [*lines, f"today       {look.verdict_today}, the same to the last figure"]
    return [*lines, f"today       {look.verdict_today}, with other figures:", *_spelled(look.today)]


def _spelled(found: Sequence[Difference]) -> Sequence[str]:
    return [f"  {plain(d.name):26} {plain(d.was or '-')} -> {plain(d.now or '-')}" for d in found]


def _as_json(look: SecondLook) -> Mapping[str, object]:
    return {
        "verdict": look.verdict,
        "is_same": not look.changed,
        "changed": [_difference(found) for found in look.changed],
        "today": {
            "verdict": look.verdict_today,
            "is_same": not look.today,
            "changed": [_difference(found) for found in look.today],
        },
    }


def _difference(found: Difference) -> Mapping[str, str | None]:
    return {"name": found.name, "was": found.was, "now": found.now}
