"""The codec server makes its token, listens on loopback and leaves word for its owner only."""

import os
import signal
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import aiohttp
import pytest

import codec_server
from codec_command import URL_FILE
from codec_keys import add_key
from codec_server import CodecServerError, make_token, serving
from scrubbing import SCRUBBER
from settings import Settings

ROOT = Path(__file__).parents[1]
START_S = 60.0
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    add_key(tmp_path / "keys", NOW)
    found = Settings.model_validate(
        {"home": tmp_path, "codec_keys": tmp_path / "keys", "codec_port": 0}
    )
    assert isinstance(found, Settings)
    return found


async def test_its_word_leads_to_it_and_goes_with_it(settings: Settings) -> None:
    word = settings.home / URL_FILE
    async with serving(settings) as port:
        url = word.read_text()
        assert stat.S_IMODE(word.stat().st_mode) == 0o600
        assert f"127.0.0.1:{port}/" in url
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}/decode", json={"payloads": []}) as answer,
        ):
            assert answer.status == 200
    assert not word.exists()


def test_a_token_is_made_once_closed_and_scrubbed(tmp_path: Path) -> None:
    token, again = make_token(tmp_path), make_token(tmp_path)
    assert token == again
    assert len(token.get_secret_value()) == 43
    assert stat.S_IMODE((tmp_path / codec_server.TOKEN_FILE).stat().st_mode) == 0o600
    assert token.get_secret_value() not in SCRUBBER.scrub_text(f"at {token.get_secret_value()}")


def test_a_token_file_that_was_left_empty_is_no_token(tmp_path: Path) -> None:
    (tmp_path / codec_server.TOKEN_FILE).touch(mode=0o600)
    assert len(make_token(tmp_path).get_secret_value()) == 43


async def test_without_keys_or_port_it_says_what_is_missing(settings: Settings) -> None:
    bare = settings.model_copy(update={"codec_keys": None})
    with pytest.raises(CodecServerError, match="whalecopy codec new-key"):
        async with serving(bare):
            pass
    async with serving(settings) as port:
        taken = settings.model_copy(update={"codec_port": port})
        with pytest.raises(CodecServerError, match=f"port {port} of 127.0.0.1 cannot be had"):
            async with serving(taken):
                pass


def answers(process: "subprocess.Popen[str]", word: Path) -> bool:
    """Wait until the process answers; by then it also hears signals."""
    give_up_at = time.monotonic() + START_S
    while not word.exists():
        assert process.poll() is None
        assert time.monotonic() < give_up_at
    url = word.read_text().rpartition("/")[0]
    with urlopen(f"{url}/readyz", timeout=START_S) as answer:
        return bool(answer.status == 200)


def test_the_process_serves_until_it_is_stopped(settings: Settings) -> None:
    env = {
        **os.environ,
        "WHALECOPY_HOME": str(settings.home),
        "WHALECOPY_CODEC_KEYS": str(settings.codec_keys),
        "WHALECOPY_CODEC_PORT": "0",
    }
    command = [sys.executable, str(ROOT / "codec_server.py")]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert answers(process, settings.home / URL_FILE)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=START_S)
    assert process.returncode == 0, told
    assert "codec_server_ready" in told


@pytest.mark.parametrize(
    ("name", "setting", "told"),
    [
        ("WHALECOPY_CODEC_KEYS", "/none", "cannot be read"),
        ("WHALECOPY_CODEC_PORT", "many", "wrong settings"),
        ("WHALECOPY_LOG_JSON", "yes", "expected WHALECOPY_CODEC_KEYS"),
    ],
)
def test_a_start_that_cannot_be_says_why(
    tmp_path: Path, name: str, setting: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("WHALECOPY_")}
    env |= {"WHALECOPY_HOME": str(tmp_path), name: setting}
    done = subprocess.run(
        [sys.executable, str(ROOT / "codec_server.py")],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
