"""`whalecopy doctor` tells a program by its exit, and a person by its words."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import main
from settings import load_settings

NOWHERE = "127.0.0.1:9"


@pytest.fixture(autouse=True)
def nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("CLOB", "GAMMA", "DATA", "RELAYER"):
        monkeypatch.setenv(f"WHALECOPY_{name}_URL", f"http://{NOWHERE}")
    for name in ("WS_MARKET", "WS_USER", "RTDS"):
        monkeypatch.setenv(f"WHALECOPY_{name}_URL", f"ws://{NOWHERE}")
    monkeypatch.setenv("WHALECOPY_RPC_HTTP_URLS", json.dumps([f"http://{NOWHERE}"]))
    monkeypatch.setenv("WHALECOPY_RPC_WS_URLS", json.dumps([f"ws://{NOWHERE}"]))
    monkeypatch.setenv("WHALECOPY_HOME", str(tmp_path / "home"))
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def test_in_paper_mode_nothing_that_is_away_is_red(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["fit"] is True
    assert told["amber"] > 5
    assert {"subject", "level", "expected", "found", "advice"} == set(told["findings"][0])


def test_in_live_mode_it_is_red_and_every_line_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRADING_MODE", "live")
    monkeypatch.setenv("LIVE_TRADING", "yes")
    assert main(["doctor"]) == 1
    words = capsys.readouterr().out
    assert "live trading would not begin" in words
    assert "set WHALECOPY_PRIVATE_KEY_FILE to a file of mode 0400" in words
    assert "\x1b" not in words  # no terminal
