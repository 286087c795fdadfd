"""Secrets leave what a process tells; hashes that a log is read for stay."""

import base64
import json
import logging
import sys
from urllib.parse import quote

import pytest

from exchange.secret import HIDDEN
from scrubbing import SCRUBBER, ScrubbedFormatter, Scrubber

KEY = "0x" + "ab12" * 16
HASH = "0x" + "cd34" * 16
WORD = "p@ss/word+1"


@pytest.fixture
def scrubber() -> Scrubber:
    scrubber = Scrubber()
    scrubber.learn(KEY, WORD, None, "", "short")
    return scrubber


@pytest.mark.parametrize(
    "spelling",
    [
        KEY,
        KEY[2:],
        KEY.upper().replace("X", "x"),
        f"(key {KEY}!)",
        str(int(KEY, 16)),
        repr(bytes.fromhex(KEY[2:])),
        base64.b64encode(bytes.fromhex(KEY[2:])).decode(),
        base64.urlsafe_b64encode(bytes.fromhex(KEY[2:])).decode(),
        base64.b64encode(KEY.encode()).decode(),
        KEY.encode().hex(),
        WORD,
        quote(WORD, safe=""),
        repr({"deep": [WORD]}),
        json.dumps({"deep": KEY}),
    ],
)
def test_a_taught_secret_goes_in_every_spelling(scrubber: Scrubber, spelling: str) -> None:
    clean = scrubber.scrub_text(f"before {spelling} after")
    assert HIDDEN in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    for secret in (KEY[2:], WORD, quote(WORD, safe="")):
        assert secret.lower() not in clean.lower()


def test_hashes_that_were_not_taught_stay(scrubber: Scrubber) -> None:
    told = f"order {HASH} of run 7d1fb5a0-7ac4-4a3f-9a4e-0a9ab2fb7d8c, token_id={'7' * 77}"
    assert scrubber.scrub_text(told) == told
    event = {"order_hash": HASH, "wallet": "0x" + "ab" * 20, "count": 3, "price": 0.5, "why": None}
    assert {name: scrubber.scrub_field(name, field) for name, field in event.items()} == event


@pytest.mark.parametrize(
    "told",
    [
        f"private_key={HASH}",
        f"POLY_PASSPHRASE: {HASH}",
        f'{{"api_key": "{HASH}"}}',
        f"Authorization: Bearer {HASH}",
        f"WHALECOPY_PRIVATE_KEY={HASH} TRADING_MODE=live",
        f"postgresql://ann:{HASH}@localhost/db",
        f"redis://:{HASH}@localhost",
        f"ApiCreds(api_key='k', api_secret='{HASH}', api_passphrase='p')",
    ],
)
def test_what_is_named_like_a_secret_goes_untaught(told: str) -> None:
    clean = Scrubber().scrub_text(told)
    assert HASH not in clean
    assert HIDDEN in clean


@pytest.mark.parametrize(
    "told",
    [
        "token_id=123 token=7 secrets=3",
        "the key of the halt is condition",
        "http://127.0.0.1:8900/data/trades?user=0x1 answered 500",
        "expected 64 hex digits as a private key, received none",
    ],
)
def test_honest_words_stay(told: str) -> None:
    assert Scrubber().scrub_text(told) == told


@pytest.mark.parametrize(
    "nested",
    [
        {"why": {"deep": [KEY]}},
        [KEY, 1],
        (KEY,),
        {KEY: 1},
        ValueError(f"wrong key {KEY}"),
        bytes.fromhex(KEY[2:]),
        KEY.encode(),
        type("Odd", (), {"__repr__": lambda _: f"<odd {KEY}>"})(),
    ],
    ids=lambda nested: type(nested).__name__,
)
def test_a_secret_is_found_wherever_it_hides(scrubber: Scrubber, nested: object) -> None:
    clean = repr(scrubber.scrub_field("found", nested))
    assert KEY[2:] not in clean
    assert HIDDEN in clean


def test_a_field_named_like_a_secret_is_left_out() -> None:
    scrubber = Scrubber()
    assert scrubber.scrub_field("api_secret", "anything") == HIDDEN
    assert scrubber.scrub_field("headers", {"passphrase": "x", "host": "h"}) == {
        "passphrase": HIDDEN,
        "host": "h",
    }
    assert scrubber.scrub_field("token_id", "7") == "7"


def test_a_secret_that_is_learnt_twice_is_known_once(scrubber: Scrubber) -> None:
    scrubber.learn(KEY)
    assert scrubber.scrub_text(f"{KEY} {KEY}") == f"{HIDDEN} {HIDDEN}"


def test_a_line_of_the_standard_library_is_scrubbed_with_its_traceback() -> None:
    SCRUBBER.learn(KEY)
    formatter = ScrubbedFormatter("%(levelname)s %(message)s")
    try:
        int(f"wrong {KEY}")
    except ValueError:
        caught = sys.exc_info()
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed with %s", (KEY,), caught)
    told = formatter.format(record)
    assert told.startswith(f"ERROR failed with {HIDDEN}\n")
    assert KEY[2:] not in told


def test_depth_has_a_limit(scrubber: Scrubber) -> None:
    nested: object = KEY
    for _ in range(50):
        nested = [nested]
    assert KEY not in repr(scrubber.scrub_field("deep", nested))
