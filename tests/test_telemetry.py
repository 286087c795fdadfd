import json
import logging
from collections.abc import Iterator

import aiohttp
import pytest
import structlog
from prometheus_client import CollectorRegistry, Counter

from telemetry import REDACTED, scrub, serve_metrics, set_up_logging

KEY = "0x" + "ab" * 32


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    """Give the logging of other tests back."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize("secret", [KEY, KEY[2:], f"key={KEY}!", KEY.upper().replace("X", "x")])
def test_what_looks_like_a_key_is_left_out(secret: str) -> None:
    event = scrub(None, "info", {"event": "happened", "key": secret})
    assert REDACTED in event["key"]
    assert "ab" * 32 not in event["key"].lower()


@pytest.mark.parametrize(
    "nested",
    [
        {"why": {"deep": [KEY]}},
        [KEY, 1],
        (KEY,),
        ValueError(f"wrong key {KEY}"),
        bytes.fromhex(KEY[2:]),
    ],
    ids=repr,
)
def test_a_key_is_found_wherever_it_hides(nested: object) -> None:
    event = scrub(None, "info", {"event": "happened", "nested": nested})
    assert "ab" * 32 not in repr(event)
    assert REDACTED in repr(event)


def test_public_hashes_and_shorter_or_longer_figures_stay() -> None:
    fields = {"order_hash": KEY, "wallet": "0x" + "ab" * 20, "token_id": "7" * 77, "count": 3}
    assert scrub(None, "info", dict(fields)) == fields


def test_an_error_with_a_key_in_its_text_is_scrubbed_in_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logging("test", as_json=True)
    try:
        int(f"wrong key {KEY}")
    except ValueError:
        structlog.get_logger().exception("signing_failed")
        logging.getLogger("other").exception("a library failed with %s", KEY)
    told = capsys.readouterr().err
    assert "ab" * 32 not in told
    ours, theirs = (json.loads(line) for line in told.splitlines())
    assert (ours["event"], ours["process"]) == ("signing_failed", "test")
    assert "wrong key" in json.dumps(ours["exception"])
    assert theirs["event"] == f"a library failed with {REDACTED}"


def test_lines_for_a_file_carry_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("test", as_json=False)
    structlog.get_logger().warning("happened", why=KEY)
    told = capsys.readouterr().err
    assert "happened" in told
    assert "\x1b" not in told
    assert "ab" * 32 not in told


async def test_metrics_and_health_are_served() -> None:
    registry = CollectorRegistry()
    Counter("whalecopy_things", "Things.", registry=registry).inc()
    runner = await serve_metrics(registry, "127.0.0.1", 0)
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://{host}:{port}/metrics") as answer:
            assert "whalecopy_things_total 1.0" in await answer.text()
        for path in ("healthz", "readyz"):
            async with session.get(f"http://{host}:{port}/{path}") as answer:
                assert await answer.json() == {"ok": True}
    await runner.cleanup()
