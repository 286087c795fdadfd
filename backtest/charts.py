"""Lines, areas and bars as inline SVG, coloured by the page's style."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape

WIDTH, LEFT, RIGHT = 720, 76, 12
POINTS_MAX = 600
_TOP, _BOTTOM = 10, 22


@dataclass(frozen=True, slots=True)
class Line:
    """A curve: x from 0 to 1 in rising order, y in USD or as a share."""

    points: Sequence[tuple[float, float]]
    style: str
    is_area: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """What the curve's axes say: y at top and bottom, x at both ends."""

    y_low: float
    y_high: float
    y_labels: tuple[tuple[float, str], ...]
    x_first: str
    x_last: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a bar chart, with the range in which luck may put it."""

    label: str
    amount: Decimal
    text: str
    low: float | None
    high: float | None


def curve(title: str, line: Line, axis: Axis, height: int) -> str:
    """Return a curve over time."""
    drawn = " ".join(
        f"{_x(x):.1f},{_y(y, axis, height):.1f}" for x, y in thinned(line.points, POINTS_MAX)
    )
    shape = f'<polyline class="{line.style}" points="{drawn}"/>'
    if line.is_area:
        base = _y(0.0, axis, height)
        ends = f"{_x(0.0):.1f},{base:.1f} {drawn} {_x(1.0):.1f},{base:.1f}"
        shape = f'<polygon class="{line.style}" points="{ends}"/>'
    grid = "".join(_grid_line(at, text, axis, height) for at, text in axis.y_labels)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{grid}{shape}"
        f'<text x="{LEFT}" y="{height - 5}">{escape(axis.x_first)}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{height - 5}" class="end">{escape(axis.x_last)}</text></svg>'
    )


def bars(title: str, rows: Sequence[Bar]) -> str:
    """Return horizontal bars from a zero line, gains to the right."""
    row_height, label = 30, 190
    height = max(len(rows), 1) * row_height + 8
    reach = [abs(float(row.amount)) for row in rows]
    reach += [abs(end) for row in rows for end in (row.low, row.high) if end is not None]
    scale = max([*reach, 0.01])
    middle = (label + WIDTH - 90) / 2
    half = WIDTH - 90 - middle
    drawn = []
    for index, row in enumerate(rows):
        y = 4 + index * row_height
        drawn.append(_bar(row, y, middle, half / scale))
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>"
        f'<line class="zero" x1="{middle:.1f}" y1="0" x2="{middle:.1f}" y2="{height}"/>'
        f"{''.join(drawn)}</svg>"
    )


def thinned(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """Return about `most` points that keep every stretch's lowest and highest."""
    if len(points) <= most:
        return list(points)
    size = -(-2 * len(points) // most)
    kept: list[tuple[float, float]] = [points[0]]
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        ends = {min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])}
        kept.extend(sorted(ends))
    return [*kept, points[-1]]


def _bar(row: Bar, y: int, middle: float, unit: float) -> str:
    end = middle + float(row.amount) * unit
    style = "loss" if row.amount < 0 else "gain"
    left, width = min(middle, end), max(abs(end - middle), 1.0)
    whisker = ""
    if row.low is not None and row.high is not None:
        low, high = middle + row.low * unit, middle + row.high * unit
        whisker = (
            f'<path class="whisker" d="M{low:.1f} {y + 6}v10M{low:.1f} {y + 11}H{high:.1f}'
            f'M{high:.1f} {y + 6}v10"/>'
        )
    return (
        f'<text x="0" y="{y + 16}">{escape(row.label[:24])}</text>'
        f'<rect class="{style}" x="{left:.1f}" y="{y + 3}" width="{width:.1f}" height="16"/>'
        f'{whisker}<text x="{WIDTH}" y="{y + 16}" class="end">{escape(row.text)}</text>'
    )


def _grid_line(at: float, text: str, axis: Axis, height: int) -> str:
    y = _y(at, axis, height)
    return (
        f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" class="end">{escape(text)}</text>'
    )


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(amount: float, axis: Axis, height: int) -> float:
    span = axis.y_high - axis.y_low
    return _TOP + (axis.y_high - amount) / span * (height - _TOP - _BOTTOM)
