"""What a node means by an error: too many questions, too much in one, or something else."""

import re
from enum import StrEnum

PAUSE_S_MAX = 60
"""A node that asks for more patience than this is asked again all the same."""

_RATE = re.compile(
    r"\brate\b|too many request|requests? (limit|count)|request rate|(per |/ ?)sec(ond)?\b|\brps\b"
    r"|compute units|capacity|credits|quota|throttl|retry in|try again later",
    re.IGNORECASE,
)
_RANGE = re.compile(
    r"\branges?\b|results|too large|size|time(d )?out|too many (logs|blocks)|block limit",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"limit", re.IGNORECASE)
_PAUSE = re.compile(r"(?:retry (?:in|after)|backoff_seconds\W+)\s*(\d{1,6})", re.IGNORECASE)
_TOO_MANY = 429
_LIMIT_EXCEEDED = -32005  # "limit exceeded" in EIP-1474, whichever it is


class Limit(StrEnum):
    """Which limit of a node a question was over."""

    RATE = "RATE"  # too many questions: the same one may be asked later
    RANGE = "RANGE"  # too much in one question
    UNCLEAR = "UNCLEAR"  # one of the two
    NONE = "NONE"  # another fault


def limit_of(error: object) -> Limit:
    """Tell which limit an error is about.

    Its words decide, since nodes use the same codes for either: -32005 is "rate limit exceeded" at
    one and "query returned more than 10000 results" at another, -32012 credits at one and a range
    at another. Source: answers of public Polygon and Ethereum nodes, listed in the tests.
    """
    code, message = _told(error)
    if code == _TOO_MANY or _RATE.search(message):
        return Limit.RATE
    if _RANGE.search(message):
        return Limit.RANGE
    if code == _LIMIT_EXCEEDED or _LIMIT.search(message):
        return Limit.UNCLEAR
    return Limit.NONE


def named_pause_s(error: object) -> int:
    """Return the seconds that a node asks us to wait, 0 where it names none."""
    found = _PAUSE.search(str(error)[:2000])
    return 0 if found is None else min(int(found.group(1)), PAUSE_S_MAX)


def _told(error: object) -> tuple[object, str]:
    """Return an error's code and its words; its data may repeat the words of our question."""
    if isinstance(error, dict):
        return error.get("code"), str(error.get("message", ""))[:2000]
    return None, str(error)[:2000]
