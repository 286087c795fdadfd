"""A file of keys is read strictly, and grows without anybody stopping."""

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

import codec_keys
from codec_keys import CodecKeysError, KeyRing, add_key
from scrubbing import SCRUBBER

NOW = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
NEW, OLD = "aa" * 32, "bb" * 32


def write(path: Path, text: str, mode: int = 0o400) -> Path:
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_newest_key_encrypts_and_each_is_found(tmp_path: Path) -> None:
    ring = KeyRing(write(tmp_path / "keys", f"# ours\n\nnew {NEW}\nold {OLD}\n"))
    assert ring.newest.key_id == "new"
    old, none = ring.find("old"), ring.find("none")
    assert old is not None
    assert old.secret.hex() == OLD
    assert none is None
    assert NEW not in repr(ring.newest)
    assert NEW not in SCRUBBER.scrub_text(f"the key is {NEW}")


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o600, 0o500, 0o644])
def test_a_file_that_others_can_read_or_that_can_be_written_is_refused(
    tmp_path: Path, mode: int
) -> None:
    path = write(tmp_path / "keys", f"new {NEW}\n", mode)
    with pytest.raises(CodecKeysError, match="mode 0400: chmod 400"):
        KeyRing(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        f"{NEW}\n",
        f"new {NEW[:-2]}\n",
        f"new  {NEW}\n",
        f"new {NEW}\nnew {OLD}\n",
        f"{'x' * 33} {NEW}\n",
        f"n\u00e9w {NEW}\n",
        "".join(f"k{n} {n:064x}\n" for n in range(codec_keys.KEYS_MAX + 1)),
    ],
)
def test_what_is_no_list_of_keys_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(CodecKeysError, match="expected") as refusal:
        KeyRing(write(tmp_path / "keys", text))
    assert NEW[:-2] not in str(refusal.value)


def test_a_file_that_is_missing_or_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CodecKeysError, match="cannot be read: No such file"):
        KeyRing(tmp_path / "none")
    with pytest.raises(CodecKeysError, match="cannot be read"):
        KeyRing(tmp_path)


def test_a_fresh_key_comes_first_and_the_file_stays_closed(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    first = add_key(path, NOW)
    ring = KeyRing(path)
    second = add_key(path, NOW)
    assert first != second
    assert KeyRing(path).newest.key_id == second
    assert KeyRing(path).find(first) == ring.newest
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert os.listdir(tmp_path) == ["keys"]


def test_a_running_process_learns_of_a_newer_key_when_it_meets_it(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    first = add_key(path, NOW)
    ring = KeyRing(path)
    second = add_key(path, NOW)
    assert ring.newest.key_id == first
    assert ring.find(second) is not None
    assert ring.newest.key_id == second
    path.unlink()
    assert ring.find(first) is not None  # what is known needs no file
    with pytest.raises(CodecKeysError, match="cannot be read"):
        ring.find("unknown")


def test_a_full_or_closed_place_takes_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys"
    add_key(path, NOW)
    monkeypatch.setattr(codec_keys, "KEYS_MAX", 1)
    with pytest.raises(CodecKeysError, match="take old ones out"):
        add_key(path, NOW)
    with pytest.raises(CodecKeysError, match="cannot be written"):
        add_key(tmp_path / "no" / "keys", NOW)
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(CodecKeysError, match="cannot be written: full"):
        add_key(tmp_path / "other", NOW)
    assert os.listdir(tmp_path) == ["keys"]


def refuse(_descriptor: int) -> None:
    raise OSError(28, "full")
