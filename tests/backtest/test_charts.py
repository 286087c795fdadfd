"""Curves and bars are well-formed SVG that keeps the extremes."""

from decimal import Decimal
from xml.etree import ElementTree as ET

from backtest.charts import POINTS_MAX, WIDTH, Axis, Bar, Line, bars, curve, thinned

AXIS = Axis(0.0, 10.0, ((0.0, "$0"), (10.0, "$10")), "first", "last")


def test_a_curve_fits_its_frame() -> None:
    drawn = ET.fromstring(curve("Equity", Line([(0, 0), (0.5, 10), (1, 5)], "equity"), AXIS, 200))
    line = drawn.find("polyline")
    assert line is not None
    points = [tuple(map(float, p.split(","))) for p in line.attrib["points"].split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= 200 for x, y in points)
    assert points[1][1] < points[2][1] < points[0][1]
    assert [text.text for text in drawn.findall("text")] == ["$0", "$10", "first", "last"]


def test_an_area_is_closed_at_zero() -> None:
    axis = Axis(-0.1, 0.0, (), "", "")
    drawn = ET.fromstring(curve("Fall", Line([(0, 0), (1, -0.1)], "fall", is_area=True), axis, 100))
    shape = drawn.find("polygon")
    assert shape is not None
    assert len(shape.attrib["points"].split()) == 4


def test_bars_show_gains_losses_and_ranges() -> None:
    rows = [
        Bar("one & two", Decimal(5), "+$5", -1.0, 9.0),
        Bar("three", Decimal(-2), "-$2", None, None),
    ]
    drawn = ET.fromstring(bars("P&L", rows))
    assert [bar.attrib["class"] for bar in drawn.findall("rect")] == ["gain", "loss"]
    assert len(drawn.findall("path")) == 1
    assert "one & two" in [text.text for text in drawn.findall("text")]


def test_no_bars_are_no_error() -> None:
    assert ET.fromstring(bars("P&L", [])).findall("rect") == []


def test_thinning_keeps_the_extremes_and_the_ends() -> None:
    points = [(n / 10_000, float(n % 77)) for n in range(10_000)]
    points[4321] = (0.4321, 1000.0)
    points[5432] = (0.5432, -1000.0)
    kept = thinned(points, POINTS_MAX)
    assert len(kept) <= POINTS_MAX + 4
    assert {points[0], points[4321], points[5432], points[-1]} <= set(kept)
    assert kept == sorted(kept)
    assert thinned(points[:10], POINTS_MAX) == points[:10]
