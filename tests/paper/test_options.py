"""Tests of the local venue's command line."""

from decimal import Decimal
from pathlib import Path

import pytest

from paper.model import MICROS, VenueSettings
from paper.options import DEFAULT_HOME, SHIPPED_TAPE, parse_options


def test_nothing_given_plays_the_shipped_tape_on_a_free_port() -> None:
    options = parse_options([])
    assert (options.port, options.tape, options.home) == (0, SHIPPED_TAPE, DEFAULT_HOME)
    assert (options.speed, options.market_limit, options.resume) == (Decimal(1), None, False)
    assert options.settings == VenueSettings()
    assert SHIPPED_TAPE.is_file()


def test_everything_can_be_given() -> None:
    line = (
        "--port 8080 --tape t.tape --speed 20 --seed 7 --home h --bankroll 1000.5 --markets 2"
        " --resume --deposit-wallets-only --v1-dialect --no-auto-redeem --faults f.json"
    )
    options = parse_options(line.split())
    assert (options.port, options.tape, options.home) == (8080, Path("t.tape"), Path("h"))
    assert (options.speed, options.market_limit, options.resume) == (Decimal(20), 2, True)
    assert options.faults == Path("f.json")
    assert options.settings == VenueSettings(
        bankroll=1_000_500_000,
        deposit_wallets_only=True,
        v1_dialect=True,
        seed=7,
        auto_redeem=False,
    )


@pytest.mark.parametrize(
    "line",
    [
        "--port 65536",
        "--port -1",
        "--port x",
        "--speed 0",
        "--speed -1",
        "--speed nan",
        "--speed fast",
        "--speed 1e9",
        "--markets 0",
        "--markets x",
        "--bankroll -1",
        "--bankroll 0.0000001",
        "--bankroll inf",
        "--bankroll 1e12",
        "--unknown",
        "extra",
    ],
)
def test_a_wrong_command_line_ends_with_status_2_and_says_why(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_options(line.split())
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_bankroll_is_counted_in_micros() -> None:
    assert parse_options(["--bankroll", "3"]).settings.bankroll == 3 * MICROS
