"""The shipped tape of recorded books, played at speed by the whole stack."""

from pathlib import Path

import pytest

from tests.end_to_end.a_run import Run
from tests.end_to_end.test_replay import assert_balanced

pytestmark = pytest.mark.acceptance
WHOLE_TAPE_S = 3_600.0  # as much again as it plays, and a slow machine's start


async def test_two_markets_of_the_shipped_tape_trade_twice_on_one_home(folder: Path) -> None:
    plays = set()
    for _ in range(2):
        run = Run(folder / "twice", "--speed", "20", "--markets", "2")
        try:
            ended = await run.ended(WHOLE_TAPE_S)
        finally:
            run.stop()
        assert_balanced(ended)
        assert ended.number("signals") > 0, ended.told
        plays.add(ended.text("play"))
    assert len(plays) == 2


async def test_the_whole_shipped_tape_trades_and_every_book_balances(folder: Path) -> None:
    run = Run(folder / "whole", "--speed", "20")
    try:
        ended = await run.ended(WHOLE_TAPE_S)
    finally:
        run.stop()
    assert_balanced(ended)
    assert ended.number("signals") >= 200, ended.told
    assert ended.number("signals_copied") >= 1, ended.told
