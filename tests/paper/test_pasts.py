from polymarket.models.data import Position

from paper.model import MICROS
from paper.pasts import closed_position_rows, outcomes, shifted
from tests.paper.told_venue import DAY_MS, NOW, a_past_wallet


def test_a_past_is_written_as_closed_positions_that_say_they_are_invented() -> None:
    rows = closed_position_rows(a_past_wallet())
    assert [row["realized_pnl"] for row in rows] == [250, -100]
    assert [row["entry_cost_usdc"] for row in rows] == [1_000, 500]
    assert [row["percent_pnl"] for row in rows] == [25, -20]
    assert [row["category"] for row in rows] == ["crypto", "sports"]
    for row in rows:
        assert row["invented"] is True
        assert str(row["title"]).startswith("Invented past trade")
        parsed = Position.parse_response(row)
        assert parsed.status == "CLOSED"
        assert parsed.first_entry_at is not None
        assert parsed.last_event_at is not None
        assert parsed.first_entry_at < parsed.last_event_at
    assert rows[0]["condition_id"] != rows[1]["condition_id"]


def test_a_past_can_be_moved_in_time() -> None:
    moved = shifted(a_past_wallet(), DAY_MS)
    assert moved.history[1].closed_at == NOW - DAY_MS
    assert moved.history[1].opened_at == NOW - 2 * DAY_MS
    assert moved.name == "kestrel"


def test_outcomes_tell_profit_and_volume() -> None:
    first, second = outcomes(a_past_wallet().history)
    assert (first.pnl, first.notional, first.volume) == (
        250 * MICROS,
        1_000 * MICROS,
        2_000 * MICROS,
    )
    assert second.at == NOW - 2 * DAY_MS
