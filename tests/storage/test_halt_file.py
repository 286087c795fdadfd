"""A file made by hand halts entries, whatever it says."""

import os
import socket
from pathlib import Path

import pytest

from storage.guard_port import HaltNote
from storage.halt_file import WORDS_MAX, HaltFile


def test_no_file_halts_nothing(tmp_path: Path) -> None:
    assert HaltFile(tmp_path).read() is None
    assert HaltFile(tmp_path / "nowhere").read() is None


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (b"", HaltNote("it says nothing")),
        (b"ann: odd fills\n", HaltNote("ann: odd fills")),
        (b"Close-All now", HaltNote("Close-All now", closes_all=True)),
        (b"\xff\xfe", HaltNote("\ufffd\ufffd")),
        (b"x" * 5000, HaltNote("x" * WORDS_MAX)),
    ],
)
def test_what_the_file_says_is_the_reason(tmp_path: Path, words: bytes, note: HaltNote) -> None:
    (tmp_path / "HALT").write_bytes(words)
    assert HaltFile(tmp_path).read() == note


def test_what_cannot_be_read_halts_too(tmp_path: Path) -> None:
    (tmp_path / "HALT").mkdir()
    note = HaltFile(tmp_path).read()
    assert note is not None
    assert "cannot be read" in note.why


def test_a_place_names_the_machine_and_the_path_wherever_we_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = f"{socket.gethostname()}:{tmp_path / 'home' / 'HALT'}"
    assert HaltFile(Path("home")).place == expected
    assert os.sep in expected
