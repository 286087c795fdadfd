import asyncio
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
import structlog
from prometheus_client import CollectorRegistry, Counter

from exchange.secret import HIDDEN
from scrubbing import SCRUBBER
from telemetry import scrub, serve_metrics, set_up_logging

KEY = "0x" + "ab" * 32
HASH = "0x" + "cd" * 32
SCRUBBER.learn(KEY)
ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    """Give the logging of other tests back."""
    handlers, level = logging.root.handlers[:], logging.root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_the_fields_of_an_event_are_scrubbed() -> None:
    fields = {"event": f"used {KEY}", "nested": {"deep": [KEY]}, "order_hash": HASH, "count": 3}
    assert scrub(None, "info", dict(fields)) == {
        "event": f"used {HIDDEN}",
        "nested": {"deep": [HIDDEN]},
        "order_hash": HASH,
        "count": 3,
    }


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
    assert theirs["event"] == f"a library failed with {HIDDEN}"


def test_lines_for_a_file_carry_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("test", as_json=False)
    structlog.get_logger().warning("happened", why=KEY)
    told = capsys.readouterr().err
    assert "happened" in told
    assert "\x1b" not in told
    assert "ab" * 32 not in told


class Odd:
    """An object that spells out what it holds."""

    def __repr__(self) -> str:
        return f"<odd {KEY}>"


@pytest.mark.parametrize("as_json", [True, False])
async def test_no_way_of_logging_tells_a_secret(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging("test", as_json=as_json)
    local = KEY
    structlog.get_logger().info("happened", odd=Odd(), order_hash=HASH)
    logging.getLogger("x").warning("odd %r", Odd(), extra={"more": local})
    logging.getLogger("x").error("failed", exc_info=ValueError(KEY))
    asyncio.get_running_loop().call_exception_handler(
        {"message": f"lost {KEY}", "exception": ValueError(KEY)}
    )
    told = capsys.readouterr().err
    assert "ab" * 32 not in told.lower()
    assert HASH in told
    assert told.count(HIDDEN) >= 5


CRASH = """
import sys, threading
from scrubbing import SCRUBBER
from telemetry import set_up_logging
key = "0x" + "ab" * 32
SCRUBBER.learn(key)
set_up_logging("test", as_json=False)
def crash():
    raise ValueError("local " + key)
class Bad:
    def __del__(self):
        crash()
if sys.argv[1] == "thread":
    thread = threading.Thread(target=crash)
    thread.start()
    thread.join()
elif sys.argv[1] == "finaliser":
    Bad()
else:
    crash()
"""


@pytest.mark.parametrize("where", ["main", "thread", "finaliser"])
def test_what_a_process_dies_of_is_told_without_secrets(where: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CRASH, where], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == (where == "main")
    assert f"ValueError: local {HIDDEN}" in done.stderr
    assert "ab" * 32 not in done.stderr + done.stdout


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
