"""What an examination finds: each finding says what was expected, what came, and what to do."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from answers import plain

LIMIT_S = 5.0
WORDS_MAX = 300


class Level(StrEnum):
    """How bad it is."""

    GREEN = "green"
    AMBER = "amber"
    """It works, or is not known; a person should look."""
    RED = "red"
    """Live trading must not begin."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `advice` is empty where nothing is to be done."""

    subject: str
    level: Level
    expected: str
    found: str
    advice: str = ""

    def as_json(self) -> Mapping[str, str]:
        """Return it for programs."""
        return {
            "subject": self.subject,
            "level": self.level.value,
            "expected": self.expected,
            "found": self.found,
            "advice": self.advice,
        }

    def describe(self) -> str:
        """Say what is wrong and what to do, in one line."""
        words = f"{self.subject}: expected {self.expected}, found {self.found}"
        return plain(f"{words}; {self.advice}" if self.advice else words)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at, whoever answers.

    Attributes:
        name: what is looked at, for a person who waits.
        look: returns what was found, each a finding of its own.
        troubles: what it may raise; its words become a finding.
        level: how bad it is when nothing can be found out.
        advice: what to do then.
    """

    name: str
    look: Callable[[], Awaitable[Sequence[Finding]]]
    troubles: tuple[type[Exception], ...]
    level: Level = Level.RED
    advice: str = "see that it runs and can be reached from here"


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything that was found, in the order of the checks."""

    findings: Sequence[Finding]

    def of(self, level: Level) -> Sequence[Finding]:
        """Return the findings of a level."""
        return [each for each in self.findings if each.level is level]

    @property
    def is_fit(self) -> bool:
        """Tell whether nothing is red."""
        return not self.of(Level.RED)


async def examine(
    checks: Sequence[Check],
    on_done: Callable[[str, Sequence[Finding]], None] = lambda _name, _found: None,
    limit_s: float = LIMIT_S,
) -> Examination:
    """Look at everything at once; whoever does not answer in time costs nobody else anything."""

    async def one(check: Check) -> Sequence[Finding]:
        found = await _look(check, limit_s)
        on_done(check.name, found)
        return found

    groups = await asyncio.gather(*map(one, checks))
    return Examination([finding for group in groups for finding in group])


async def _look(check: Check, limit_s: float) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(limit_s):
            return await check.look()
    except TimeoutError:
        words = f"no answer within {limit_s:g} s"
    except check.troubles as error:
        words = (str(error) or type(error).__name__)[:WORDS_MAX]
    return [Finding(check.name, check.level, "an answer", plain(words), check.advice)]
