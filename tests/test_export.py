import csv
import io
import resource
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from export import cell_text, export, whole_file, write_csv
from inquire import InquireError
from portfolio_command import BEGINNING, END, ExportAsk
from storage.postgres import PostgresStore
from storage.view_export import Cell
from tests.storage.builders import NOW, WALLET, bought, market, usd
from trading.profiles import DEFAULT
from trading.rules import RiskRules, Rules

ALL = ExportAsk("ledger", BEGINNING, END, None)


@dataclass(frozen=True)
class Stack:
    """Where to ask."""

    home: Path
    database_url: str = ""
    rules: Rules = DEFAULT


@pytest.fixture
async def stack(database_url: str, tmp_path: Path) -> Stack:
    """A stack that bought of a market with a hostile name."""
    store = PostgresStore(database_url, RiskRules(), WALLET)
    await store.record_deposit(usd(10_000), "bankroll", NOW)
    assert await store.acquire_lease(WALLET, "us", NOW) == 1
    await store.save_market(replace(market(), question='=HYPERLINK("x","a\nb")'), NOW)
    await bought(store, fee="0.1")
    await store.close()
    return Stack(tmp_path, database_url)


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def names_in(place: Path) -> list[str]:
    return [each.name for each in place.iterdir()]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (Decimal("-0.000001"), "-0.000001"),
        (Decimal("1E+2"), "100"),
        (Decimal("123456789012.654321"), "123456789012.654321"),
        (
            datetime(2026, 11, 22, 14, 0, tzinfo=timezone(timedelta(hours=2))),
            "2026-11-22T12:00:00.000000Z",
        ),
        ("0xabc", "0xabc"),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("＝1", "'＝1"),  # noqa: RUF001
        ("", ""),
    ],
)
def test_a_cell_is_exact_and_no_formula(cell: Cell, expected: str) -> None:
    assert cell_text(cell) == expected


async def test_the_ledger_is_written_to_a_file_that_only_we_can_read(
    stack: Stack, tmp_path: Path
) -> None:
    path = tmp_path / "ledger.csv"
    assert await export(stack, replace(ALL, output=path)) == 3
    found = read(path.read_text())
    assert [row["cash_usd"] for row in found] == ["10000.000000", "-50.000000", "-0.100000"]
    assert found[0]["at_utc"] == "2026-11-22T12:00:00.000000Z"
    assert found[-1]["cash_after_usd"] == "9949.900000"
    assert path.stat().st_mode & 0o777 == 0o600
    assert names_in(tmp_path) == ["ledger.csv"]


async def test_what_the_venue_wrote_is_no_formula(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await export(stack, replace(ALL, what="trades")) == 1
    [row] = read(capsys.readouterr().out)
    assert row["question"] == '\'=HYPERLINK("x","a\nb")'
    assert row["fee_usd"] == "0.100000"


async def test_a_period_is_from_its_beginning_until_before_its_end(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await export(stack, replace(ALL, what="pnl", until=NOW)) == 0
    assert await export(stack, replace(ALL, what="pnl", since=NOW)) == 2
    assert len(capsys.readouterr().out.splitlines()) == 1 + 1 + 2


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "books.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(path) as file:
        file.write(f"half {1 / 0}")
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]
    with whole_file(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
    assert [each.read_text() for each in tmp_path.iterdir()] == ["new"]


async def test_a_place_that_cannot_be_written_is_told(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(InquireError, match="cannot be written"):
        await export(stack, replace(ALL, output=tmp_path / "nowhere" / "x.csv"))


async def test_many_rows_take_no_more_memory_than_few(tmp_path: Path) -> None:
    async def rows() -> AsyncIterator[list[Cell]]:
        yield ["n", "at_utc", "cash_usd"]
        for n in range(50_000):
            yield [n, datetime(2026, 1, 1, tzinfo=UTC), Decimal(n) / 1_000_000]

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with whole_file(tmp_path / "many.csv") as file:
        assert await write_csv(rows(), file) == 50_000
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 20_000
