"""Keys are made where the settings say, and the server's word is shown to its owner."""

import argparse
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest

import cli
from codec_command import KEYS_FILE, URL_FILE, CodecCommandError, add_codec_command, ask_codec
from codec_keys import NO_CODEC, CodecFile, KeyRing
from settings import load_settings


@dataclass(frozen=True)
class Home:
    home: Path
    codec: CodecFile = NO_CODEC


def test_the_first_key_is_made_in_the_home_and_says_what_to_set(tmp_path: Path) -> None:
    told = ask_codec(Home(tmp_path / "home"), "new-key")
    path = tmp_path / "home" / KEYS_FILE
    assert f"set WHALECOPY_CODEC_KEYS={path}" in told
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert KeyRing(path).newest.secret.hex() not in told


def test_a_further_key_comes_first_where_the_settings_say(tmp_path: Path) -> None:
    stack = Home(tmp_path, CodecFile(tmp_path / "ours"))
    ask_codec(stack, "new-key")
    told = ask_codec(stack, "new-key")
    assert f"key {KeyRing(tmp_path / 'ours').newest.key_id} is the newest" in told


def test_a_place_that_takes_no_key_is_told(tmp_path: Path) -> None:
    stack = Home(tmp_path, CodecFile(tmp_path / "none" / "ours"))
    with pytest.raises(CodecCommandError, match="cannot be written"):
        ask_codec(stack, "new-key")


def test_the_server_s_address_is_shown_while_it_runs(tmp_path: Path) -> None:
    with pytest.raises(CodecCommandError, match="no codec server runs"):
        ask_codec(Home(tmp_path), "url")
    (tmp_path / URL_FILE).write_text("http://127.0.0.1:1/token")
    assert ask_codec(Home(tmp_path), "url") == "http://127.0.0.1:1/token"


@pytest.mark.parametrize("action", ["new-key", "url", "serve"])
def test_the_words_are_read(action: str) -> None:
    parser = argparse.ArgumentParser()
    add_codec_command(parser)
    assert parser.parse_args([action]).action == action


def test_the_command_answers_and_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WHALECOPY_HOME", str(tmp_path))
    monkeypatch.delenv("WHALECOPY_CODEC_KEYS", raising=False)
    load_settings.cache_clear()
    assert cli.main(["codec", "new-key"]) == 0
    assert cli.main(["codec", "url"]) == 1
    ran: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, words: ran.append(words))
    assert cli.main(["codec", "serve"]) == 1  # execv does not return when it is real
    load_settings.cache_clear()
    told = capsys.readouterr()
    assert "WHALECOPY_CODEC_KEYS=" in told.out
    assert "whalecopy: no codec server runs" in told.err
    assert ran[0][1:] == [str(cli.ROOT / "codec_server.py")]
