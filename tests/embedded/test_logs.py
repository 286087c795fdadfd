"""Tests of the children's log files."""

import os
from pathlib import Path

from embedded.logs import log_size, open_log, rotate_log, tail_log


def test_a_long_log_is_moved_away_under_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    writer = open_log(path)
    os.write(writer, b"first " * 100)
    assert rotate_log(path, bytes_max=500)
    os.write(writer, b"second")
    os.close(writer)
    assert path.read_bytes() == b"second"
    assert (tmp_path / "service.log.1").read_bytes() == b"first " * 100


def test_a_short_or_missing_log_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    assert not rotate_log(path)
    path.write_text("short")
    assert not rotate_log(path)
    assert path.read_text() == "short"


def test_a_log_is_for_its_owner_only(tmp_path: Path) -> None:
    os.close(open_log(tmp_path / "service.log"))
    assert (tmp_path / "service.log").stat().st_mode & 0o777 == 0o600


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    assert tail_log(path) == ""
    path.write_text("\n".join(f"line {number}" for number in range(2000)))
    assert tail_log(path, lines_max=2) == "line 1998\nline 1999"


def test_the_tail_leaves_out_what_earlier_processes_wrote(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    assert log_size(path) == 0
    path.write_text("old\n")
    start = log_size(path)
    path.write_text("old\nnew\n")
    assert tail_log(path, start) == "new"
    path.write_text("cut\n")  # a rotation in between
    assert tail_log(path, start=1000) == "cut"
