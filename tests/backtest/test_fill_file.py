"""Files of fills: every row is read or listed, and what is no such file is refused."""

from pathlib import Path

import pytest

from backtest import fill_file
from backtest.errors import CsvError
from backtest.fill_file import FillFile, read_fills

WALLET = "0x" + "a" * 40
HEAD = "traded_at,wallet,condition_id,token_id,side,price,size,resolved_at,payout,log_index"


def a_line(
    at: str = "1790583300", market: str = "m", token: str = "m-yes", rest: str = ",,"
) -> str:
    return f"{at},{WALLET},{market},{token},BUY,0.5,100,{rest}"


def read(tmp_path: Path, *lines: str, head: str = HEAD) -> FillFile:
    path = tmp_path / "fills.csv"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return read_fills(path)


def problems(file: FillFile) -> list[str]:
    return [f"{bad.line}: {bad.problem}" for bad in file.bad]


def test_rows_come_in_the_order_of_trading(tmp_path: Path) -> None:
    file = read(tmp_path, a_line("1790583302"), a_line("1790583301"), a_line("1790583301"))
    assert [row.line for row in file.rows] == [3, 4, 2]
    assert file.bad == ()


def test_a_bad_row_is_listed_by_its_line_and_the_others_are_kept(tmp_path: Path) -> None:
    file = read(tmp_path, a_line(), a_line("soon"), a_line(), "1,2", f"{a_line()},9")
    assert [row.line for row in file.rows] == [2, 4]
    found = problems(file)
    assert found[0].startswith("3: column traded_at: expected a time")
    assert found[0].endswith("received 'soon'")
    assert found[1:] == ["5: expected 10 cells, received 2", "6: expected 10 cells, received more"]


def test_a_quotation_that_never_closes_is_a_bad_row(tmp_path: Path) -> None:
    file = read(tmp_path, a_line(), '"1790583300,never closed')
    assert len(file.rows) == 1
    assert "expected a row of CSV" in problems(file)[0]


def test_rows_that_contradict_earlier_ones_are_bad(tmp_path: Path) -> None:
    settled = "1790590000,1,"
    file = read(
        tmp_path,
        a_line(rest=settled),
        a_line(rest="1790590001,1,"),
        a_line(rest="1790590000,0,"),
        a_line(market="other", rest=settled),
        a_line(token="m-no", rest=settled),
        a_line(token="m-no", rest="1790590000,0,"),
        a_line(token="m-maybe", rest="1790590000,0,"),
    )
    assert [row.line for row in file.rows] == [2, 7]
    expected = [
        "column resolved_at: expected 2026-09-28 10:06:40+00:00 as in line 2",
        "column payout: expected 1 as in line 2",
        "column condition_id: expected m for m-yes",
        "column payout: expected 1 less 1 of the other token",
        "column token_id: expected one of m-yes, m-no",
    ]
    for problem, wanted in zip(problems(file), expected, strict=True):
        assert wanted in problem


def test_the_same_log_twice_is_a_bad_row(tmp_path: Path) -> None:
    head = f"transaction_hash,{HEAD}"
    line = f"0xabc,{a_line(rest=',,5')}"
    other = f"0xabc,{a_line(rest=',,6')}"
    file = read(tmp_path, line, line, other, head=head)
    assert [row.line for row in file.rows] == [2, 4]
    assert "column log_index: expected another than in line 2" in problems(file)[0]


def test_columns_that_mean_nothing_are_named(tmp_path: Path) -> None:
    file = read(tmp_path, f"{a_line()},x", head=f"{HEAD},mood")
    assert file.ignored == ("mood",)


def test_a_byte_order_mark_and_spaces_are_no_hindrance(tmp_path: Path) -> None:
    file = read(tmp_path, a_line(), head="\ufeff" + HEAD.replace(",", ", "))
    assert len(file.rows) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1: expected the columns traded_at, wallet"),
        ("price,size\n", "expected the columns traded_at, wallet, .* received price, size"),
        (f"{HEAD},price\n", "expected each column once, received price twice"),
        (f"{HEAD}\n", "expected a fill, found 0 bad rows"),
        (f"{HEAD}\nx\n", "expected a fill, found 1 bad rows; line 2: expected 10 cells"),
    ],
)
def test_what_is_no_file_of_fills_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "fills.csv"
    path.write_text(text)
    with pytest.raises(CsvError, match=expected):
        read_fills(path)


def test_a_file_that_is_not_there_and_one_of_other_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CsvError, match="expected a file of fills: No such file"):
        read_fills(tmp_path / "nowhere.csv")
    other = tmp_path / "other.csv"
    other.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CsvError, match="expected UTF-8"):
        read_fills(other)
    other.write_text('"never closed')
    with pytest.raises(CsvError, match="expected a first line of column names"):
        read_fills(other)


def test_a_file_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fill_file, "ROWS_MAX", 2)
    with pytest.raises(CsvError, match="expected 2 rows at most"):
        read(tmp_path, a_line(), a_line(), a_line())
