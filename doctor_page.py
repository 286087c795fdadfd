"""How an examination is written: a table for a person, one JSON object for a program."""

from collections.abc import Mapping, Sequence
from typing import TextIO

from answers import plain
from doctor_findings import Examination, Finding, Level

_MARKS = {Level.GREEN: "ok  ", Level.AMBER: "WARN", Level.RED: "RED "}
_COLOURS = {Level.GREEN: "\x1b[32m", Level.AMBER: "\x1b[33m", Level.RED: "\x1b[31m"}
_PLAIN = "\x1b[0m"


def as_json(examination: Examination) -> Mapping[str, object]:
    """Return everything that was found."""
    return {
        "fit": examination.is_fit,
        **{level.value: len(examination.of(level)) for level in Level},
        "findings": [finding.as_json() for finding in examination.findings],
    }


def as_text(examination: Examination, *, in_colour: bool) -> str:
    """Write a line for each finding; what is not green says what was expected and what to do."""
    width = max((len(each.subject) for each in examination.findings), default=0)
    lines = [
        line for each in examination.findings for line in _lines(each, width, in_colour=in_colour)
    ]
    counts = ", ".join(f"{len(examination.of(level))} {level}" for level in Level)
    verdict = "nothing is red" if examination.is_fit else "live trading would not begin"
    return "\n".join([*lines, "", f"{counts}: {verdict}"])


def _lines(finding: Finding, width: int, *, in_colour: bool) -> Sequence[str]:
    mark = _MARKS[finding.level]
    if in_colour:
        mark = f"{_COLOURS[finding.level]}{mark}{_PLAIN}"
    first = f"{mark}  {plain(finding.subject):{width}}  {plain(finding.found)}"
    if finding.level is Level.GREEN:
        return [first]
    beneath = " " * (width + 8)
    told = [f"{beneath}expected {plain(finding.expected)}"]
    return [first, *told, *([f"{beneath}{plain(finding.advice)}"] if finding.advice else [])]


class Waiting:
    """Tells a person at a terminal what has been looked at so far, in one line."""

    def __init__(self, out: TextIO, count: int) -> None:
        self._out = out
        self._left = count
        self._done = 0
        self._is_shown = out.isatty()

    def tell(self, name: str, _found: Sequence[Finding]) -> None:
        """Count a check that is done."""
        self._done += 1
        if self._is_shown:
            self._out.write(f"\r\x1b[Klooked at {self._done} of {self._left}: {plain(name)}")
            self._out.flush()

    def end(self) -> None:
        """Take the line away."""
        if self._is_shown:
            self._out.write("\r\x1b[K")
            self._out.flush()
