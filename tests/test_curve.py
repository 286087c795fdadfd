from datetime import timedelta
from decimal import Decimal

from curve import curve_json, curve_text, spark
from tests.storage.builders import NOW, usd
from trading.portfolio import EquityPoint


def points(*equity: str) -> list[EquityPoint]:
    return [
        EquityPoint(NOW + timedelta(minutes=n), usd(each), usd(0), usd(100))
        for n, each in enumerate(equity)
    ]


def test_a_curve_is_drawn_from_its_lowest_to_its_highest() -> None:
    assert spark(points("100", "107", "103.5", "100")) == "▁█▄▁"
    assert spark(points("100", "100")) == "▁▁"


def test_deposits_do_not_move_the_line() -> None:
    richer = [*points("100"), EquityPoint(NOW, usd(200), usd(0), usd(200))]
    assert spark(richer) == "▁▁"


def test_people_see_span_and_worst_drawdown() -> None:
    assert curve_text(points("100", "120", "90")) == "▃█▁ $90.00 to $120.00, worst drawdown 25.00%"
    assert curve_text([]) == "no sample yet"


def test_programs_get_every_point_and_shares_as_text() -> None:
    told = curve_json(points("100", "125", "100"))
    assert (told["gain"], told["drawdown_worst"]) == ("0.000000", "0.200000")
    assert told["equity_high"] == "125"
    listed = told["points"]
    assert isinstance(listed, list)
    assert listed[1] == {"at": "2026-11-22T12:01:00+00:00", "equity": "125", "pnl": "25"}
    assert curve_json([])["points"] == []
    assert Decimal(str(told["drawdown"])) == Decimal("0.2")
