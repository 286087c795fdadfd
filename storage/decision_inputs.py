"""All that a decision was made from, as one text: enough to make it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

from trading.decide import Facts
from trading.rules import Rules
from trading.types import SignalId


@dataclass(frozen=True, slots=True)
class Inputs:
    """The facts of a decision and the rules it obeyed."""

    facts: Facts
    rules: Rules


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a step decided, and from what; empty inputs: it did not come to look at anything."""

    step: str
    verdict: Mapping[str, str]
    inputs: str = ""


class JudgementStore(Protocol):
    """Where decisions are kept with what they were made from."""

    async def save_judgement(
        self, signal_id: SignalId, judgement: Judgement, now: datetime
    ) -> None:
        """Store a judgement; the first one of a step stands."""


_FACTS, _RULES, _INPUTS = TypeAdapter(Facts), TypeAdapter(Rules), TypeAdapter(Inputs)


class InputWriter:
    """Writes inputs; the rules, which do not change while a process lives, are written once."""

    def __init__(self, rules: Rules) -> None:
        self._rules = _RULES.dump_json(rules).decode()

    def write(self, facts: Facts) -> str:
        """Return facts and rules as one text."""
        return f'{{"facts":{_FACTS.dump_json(facts).decode()},"rules":{self._rules}}}'


def read_inputs(text: str) -> Inputs | None:
    """Return what a text says; None when an older version wrote it otherwise."""
    try:
        return _INPUTS.validate_json(text)
    except ValidationError:
        return None
