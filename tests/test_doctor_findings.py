"""An examination looks at everything at once, and says how far it is."""

import asyncio
import io
from collections.abc import Sequence

from doctor_findings import Check, Examination, Finding, Level, examine
from doctor_page import Waiting, as_json, as_text


def a_finding(level: Level = Level.GREEN, subject: str = "disk") -> Finding:
    return Finding(subject, level, "2000 MB free", "1 MB free", "make space")


class BrokenError(Exception):
    pass


async def find() -> Sequence[Finding]:
    return [a_finding()]


async def fail() -> Sequence[Finding]:
    raise BrokenError("it \x1b[2Jbroke")


async def never() -> Sequence[Finding]:
    await asyncio.Event().wait()
    return []


async def test_who_fails_and_who_never_answers_are_findings_and_hold_up_nobody() -> None:
    done: list[str] = []
    checks = [
        Check("a", never, (BrokenError,), advice="wake it"),
        Check("b", fail, (BrokenError,), Level.AMBER),
        Check("c", find, (BrokenError,)),
    ]
    found = await examine(checks, lambda name, _: done.append(name), limit_s=0.05)
    assert done == ["b", "c", "a"]
    first, second, third = found.findings
    assert (first.level, first.found, first.advice) == (
        Level.RED,
        "no answer within 0.05 s",
        "wake it",
    )
    assert (second.level, second.found) == (Level.AMBER, "it [2Jbroke")
    assert third == a_finding()
    assert not found.is_fit


async def test_a_bug_in_a_check_is_not_hidden() -> None:
    try:
        await examine([Check("b", fail, (OSError,))])
    except BrokenError:
        return
    raise AssertionError("expected the error to come out")


def test_only_red_is_unfit() -> None:
    assert Examination([a_finding(), a_finding(Level.AMBER)]).is_fit
    assert not Examination([a_finding(), a_finding(Level.RED)]).is_fit


def test_a_table_says_what_to_do_where_it_is_not_green() -> None:
    found = Examination([a_finding(), a_finding(Level.RED, "lock")])
    words = as_text(found, in_colour=False).splitlines()
    assert words == [
        "ok    disk  1 MB free",
        "RED   lock  1 MB free",
        "            expected 2000 MB free",
        "            make space",
        "",
        "1 green, 0 amber, 1 red: live trading would not begin",
    ]
    assert "\x1b[31mRED" in as_text(found, in_colour=True)


def test_a_program_gets_counts_and_every_finding() -> None:
    found = as_json(Examination([a_finding(Level.AMBER)]))
    assert found == {
        "fit": True,
        "green": 0,
        "amber": 1,
        "red": 0,
        "findings": [
            {
                "subject": "disk",
                "level": "amber",
                "expected": "2000 MB free",
                "found": "1 MB free",
                "advice": "make space",
            }
        ],
    }


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_person_at_a_terminal_sees_how_far_it_is_and_a_file_does_not() -> None:
    for out, is_told in ((Terminal(), True), (io.StringIO(), False)):
        waiting = Waiting(out, 2)
        waiting.tell("disk", [])
        waiting.end()
        assert ("looked at 1 of 2: disk" in out.getvalue()) is is_told
