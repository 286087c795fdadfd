"""The report says what was found, in words and as JSON."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from backtest.chance import Interval
from backtest.figures import figure
from backtest.plan import Plan
from backtest.replay import replay
from backtest.report import (
    as_json,
    as_text,
    dollars,
    duration_of,
    methods,
    percent,
    range_of,
    verdict,
)
from tests.backtest.past import WHALE, a_story
from tests.backtest.test_figures import a_replayed, an_outcome

PLAN = Plan(resamples=100)


def test_the_report_names_money_days_whales_and_methods() -> None:
    text = as_text(figure(replay(a_story(), PLAN), PLAN))
    for part in (
        "backtest of a made-up past",
        "whale orders   1 (1 FILLED)",
        "realised",
        "2026-03-02",
        "whale  ",
        "Benjamini-Hochberg over 2 wallets",
        "stationary bootstrap over 1 markets",
        "made up",
        "No evidence that copying",
    ):
        assert part in text


def test_json_has_the_same_exactly() -> None:
    found = json.loads(as_json(figure(replay(a_story(), PLAN), PLAN)))
    assert found["signals"] == 1
    assert found["fills"] == 1
    assert Decimal(found["pnl_usd"]) == Decimal(found["whales"][0]["pnl_usd"]) > 0
    assert Decimal(found["days"][0]["realised_pnl_usd"]) == Decimal(found["realised_pnl_usd"])
    assert found["whales"][0]["wallet"] == WHALE
    assert found["luck"]["has_evidence"] is False
    assert found["luck"]["pnl_low_usd"] is None
    assert found["verdict"].startswith("No evidence")
    assert "E" not in found["marked_pnl_usd"]


def test_equal_runs_give_equal_bytes() -> None:
    one, again = (as_json(figure(replay(a_story(), PLAN), PLAN)) for _ in range(2))
    assert one == again


def test_evidence_is_said_with_the_names() -> None:
    found = figure(a_replayed(*(an_outcome("90", f"m{n}") for n in range(40))), PLAN)
    assert verdict(found).startswith("Evidence that copying")
    assert "evidence for whale of 2 looked at" in verdict(found)


def test_nothing_copied_is_said_as_that() -> None:
    assert verdict(figure(a_replayed(), PLAN)) == "No evidence: nothing was copied."


def test_a_loss_beyond_luck_is_said_too() -> None:
    found = figure(a_replayed(*(an_outcome("-90", f"m{n}") for n in range(40))), PLAN)
    assert "No evidence" in verdict(found)
    assert "wholly below zero" in verdict(found)


def test_the_training_window_is_said() -> None:
    plan = replace(PLAN, train=timedelta(days=90), window=timedelta(days=7))
    text = "\n".join(methods(figure(a_replayed(), plan)))
    assert "each window of 7 days knows 90 days" in text
    text = "\n".join(methods(figure(a_replayed(), PLAN)))
    assert "each window of 24 hours knows everything before it" in text


def test_amounts_are_written_with_their_signs() -> None:
    assert dollars(Decimal("-1234.565")) == "-$1,234.56"
    assert dollars(Decimal("0.004"), signed=True) == "+$0.00"
    assert dollars(Decimal("-0.004")) == "$0.00"
    assert percent(Decimal("0.1234")) == "12.3 %"
    assert percent(None) == "none"
    assert range_of(Interval(-1.005, 2.5)) in ("-$1.00 to +$2.50", "-$1.01 to +$2.50")
    assert range_of(None) == "too few to tell"


def test_durations_are_told_as_a_person_would() -> None:
    assert duration_of(timedelta(hours=4.83)) == "4.8 hours"
    assert duration_of(timedelta(hours=1)) == "1 hour"
    assert duration_of(timedelta(days=1500)) == "1500 days"
    assert duration_of(timedelta(days=30)) == "30 days"
