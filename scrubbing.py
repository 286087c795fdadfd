"""Takes secrets out of what a process tells: those it was taught, and what is named like one."""

import base64
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from urllib.parse import quote

from exchange.secret import HIDDEN

LEARNT_LENGTH_MIN = 6  # a shorter word stands in too many honest lines
LEARNT_MAX = 1_000
DEPTH_MAX = 8
_NAME = (
    r"(?:private|session|relayer|codec|api|l2)[_-]?key|(?:api[_-]?|webhook[_-]?|l2[_-]?)?secret"
    r"|passphrase|password|passwd|(?:auth|access|dashboard|bearer|codec)[_-]?token|authorization"
    r"|mnemonic|poly[_-]api[_-]key|poly[_-]passphrase"
)
_NAMED = re.compile(
    rf"""(?ix) (?<![a-z0-9]) (?P<name>{_NAME}) (?P<sign>["']?\s*[:=]\s*)
    (?P<quote>["']?) (?:bearer\s+|basic\s+)? (?!\[redacted\]) (?P<word>[^\s"',;&)}}\]]+)"""
)
_SECRET_NAME = re.compile(rf"(?i)(?:\w*[_-])?(?:{_NAME}|secret|token)")
_URL_PASSWORD = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s@/]+@")
_HEX_KEY = re.compile(r"(?i)(?:0x)?([0-9a-f]{64})")


class Scrubber:
    """Knows the secrets of this process and takes them out of texts.

    A taught secret goes wherever it stands, in any of its spellings. What nobody taught goes when
    it is named like a secret or is the password of an address. Hashes of orders, transactions and
    markets look like keys and stay, for they are what a log is read for.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lowered: tuple[str, ...] = ()

    def learn(self, *secrets: str | None) -> None:
        """Remember secrets; None and what is too short to be one are passed over."""
        found = {s for secret in secrets if secret for s in spellings_of(secret.strip())}
        with self._lock:
            if found <= self._known:
                return
            self._known |= found
            assert len(self._known) <= LEARNT_MAX, f"expected {LEARNT_MAX} spellings at most"
            longest_first = sorted(self._known, key=len, reverse=True)
            words = "|".join(re.escape(word) for word in longest_first)
            self._pattern = re.compile(words, re.IGNORECASE)
            self._lowered = tuple({word.lower() for word in longest_first})

    def scrub_text(self, text: str) -> str:
        """Return a text without secrets."""
        pattern, lower = self._pattern, text.lower()
        is_found = any(
            word in lower for word in self._lowered
        )  # the pattern alone takes four times as long
        if pattern is not None and is_found:
            text = pattern.sub(HIDDEN, text)
        text = _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)
        return _NAMED.sub(rf"\g<name>\g<sign>\g<quote>{HIDDEN}", text)

    def scrub_field(self, name: str, field: object) -> object:
        """Return a field of a log line without secrets; one named like a secret is left out."""
        return self._named(name, field, DEPTH_MAX)

    def _scrubbed(self, field: object, depth: int) -> object:
        match field:
            case str():
                return self.scrub_text(field)
            case bytes() | bytearray():
                return self._scrub_bytes(bytes(field))
            case BaseException():
                return self.scrub_text(f"{type(field).__name__}: {field}")
            case Mapping() if depth:
                return {
                    self.scrub_text(str(key)): self._named(key, each, depth - 1)
                    for key, each in field.items()
                }
            case list() | tuple() | set() | frozenset() if depth:
                return [self._scrubbed(each, depth - 1) for each in field]
        shown = repr(field)
        clean = self.scrub_text(shown)
        return field if clean == shown else clean

    def _named(self, name: object, field: object, depth: int) -> object:
        is_hidden = isinstance(field, str | bytes) and _is_secret_name(str(name))
        return HIDDEN if is_hidden else self._scrubbed(field, depth)

    def _scrub_bytes(self, field: bytes) -> str:
        is_clean = self.scrub_text(field.hex()) == field.hex()
        return self.scrub_text(repr(field)) if is_clean else HIDDEN


def _is_secret_name(name: str) -> bool:
    return _SECRET_NAME.fullmatch(name) is not None


def spellings_of(secret: str) -> Iterator[str]:
    """Yield the ways in which programs write one secret."""
    if len(secret) < LEARNT_LENGTH_MIN:
        return
    yield from _long_enough((secret, quote(secret, safe=""), repr(secret)[1:-1]))
    raw = secret.encode()
    yield from (base64.b64encode(raw).decode().rstrip("="), raw.hex())
    key = _HEX_KEY.fullmatch(secret)
    if key is not None:
        digits = bytes.fromhex(key[1])
        yield from (key[1], key[1].lower().encode().hex())
        yield from (str(int(key[1], 16)), repr(digits)[2:-1])
        yield base64.b64encode(digits).decode().rstrip("=")
        yield base64.urlsafe_b64encode(digits).decode().rstrip("=")


def _long_enough(words: Iterable[str]) -> Iterator[str]:
    return (word for word in words if len(word) >= LEARNT_LENGTH_MIN)


SCRUBBER = Scrubber()
"""The scrubber of this process: what writes to its stderr is one thing too."""


class ScrubbedFormatter(logging.Formatter):
    """Formats a line of the standard library's logging without secrets, its traceback too."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line that is written."""
        return SCRUBBER.scrub_text(super().format(record))


def scrub_crashes() -> None:
    """Have what ends this process, a thread or a finaliser told on stderr without secrets."""
    sys.excepthook = _tell_crash
    threading.excepthook = lambda args: _tell_crash(
        args.exc_type, args.exc_value, args.exc_traceback
    )
    sys.unraisablehook = lambda args: _tell_crash(args.exc_type, args.exc_value, args.exc_traceback)


def _tell_crash(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    lines = traceback.format_exception(kind, error, trace)
    sys.stderr.write(SCRUBBER.scrub_text("".join(lines)))
    sys.stderr.flush()
