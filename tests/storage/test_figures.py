from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from storage.figures import BookedFill, compute_figures, redemption_cash
from tests.storage.builders import NOW, later, order_hash, price, shares, usd
from trading.positions import PositionFill
from trading.types import Settlement, Shares, Side, Usd


def fill(
    name: str,
    side: Side = Side.BUY,
    *,
    size: str = "10",
    cost: str = "5",
    settlement: Settlement = Settlement.CONFIRMED,
    released: bool = True,
    settled_at: datetime | None = NOW,
) -> BookedFill:
    each = PositionFill(
        trade_id=name,
        order_hash=order_hash(name),
        side=side,
        size=shares(size),
        cost=usd(cost),
        fee=usd("0.1"),
        settlement=settlement,
        matched_at=NOW,
    )
    return BookedFill(each, released, settled_at if settlement.is_final else None)


def test_nothing_bought_is_nothing() -> None:
    figures = compute_figures([])
    assert figures.size == figures.exposure == figures.realised_pnl == 0
    assert figures.avg_entry_price is None
    assert not figures.was_bought


def test_a_reservation_covers_its_fills_until_it_is_released() -> None:
    assert compute_figures([fill("a", released=False)]).exposure == 0
    assert compute_figures([fill("a")]).exposure == 5


def test_a_late_pending_purchase_is_exposure_at_once() -> None:
    figures = compute_figures([fill("a", settlement=Settlement.MINED)])
    assert figures.exposure == 5
    assert figures.settled_size == 0


def test_a_pending_sale_leaves_the_exposure() -> None:
    sale = fill("b", Side.SELL, cost="7", settlement=Settlement.MATCHED)
    figures = compute_figures([fill("a"), sale])
    assert figures.size == 0
    assert figures.exposure == 5
    confirmed = compute_figures([fill("a"), fill("b", Side.SELL, cost="7")])
    assert confirmed.exposure == 0
    assert confirmed.realised_pnl == Decimal("1.8")


def test_a_refused_fill_counts_nowhere() -> None:
    figures = compute_figures([fill("a", settlement=Settlement.FAILED)])
    assert figures == compute_figures([]) or figures.pnl_by_day == {NOW.date(): 0}
    assert figures.size == 0


def test_a_sale_known_before_its_purchase_is_never_less_than_nothing() -> None:
    figures = compute_figures([fill("b", Side.SELL)])
    assert figures.size == figures.settled_size == figures.exposure == 0


def test_days_are_utc_dates_of_confirmation() -> None:
    tokyo = timedelta(hours=9)
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    before = replace(fill("a"), settled_at=midnight - timedelta(microseconds=1))
    after = replace(fill("b", Side.SELL, cost="9"), settled_at=midnight + tokyo - tokyo)
    assert compute_figures([before, after]).pnl_by_day == {
        date(2026, 11, 22): Decimal("-0.1"),
        date(2026, 11, 23): Decimal("3.9"),
    }


def test_a_redemption_pays_in_micro_units_rounded_down() -> None:
    assert redemption_cash(shares("0.000003"), price("0.5")) == Decimal("0.000001")
    assert redemption_cash(shares("12.345678"), price("1")) == Decimal("12.345678")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Side),
            st.integers(1, 10_000_000),
            st.integers(0, 10_000_000),
            st.sampled_from(Settlement),
            st.booleans(),
            st.integers(0, 400_000),
        ),
        max_size=12,
    )
)
def test_days_add_up_to_the_whole_and_exposure_is_never_negative(
    drawn: list[tuple[Side, int, int, Settlement, bool, int]],
) -> None:
    booked = []
    for n, (side, size, cost, settlement, released, second) in enumerate(drawn):
        each = fill(str(n), side, settlement=settlement, released=released)
        exact = replace(
            each.fill,
            size=Shares(Decimal(size) / 1_000_000),
            cost=Usd(Decimal(cost) / 1_000_000),
            matched_at=later(second),
        )
        settled_at = later(second + 5) if settlement.is_final else None
        booked.append(replace(each, fill=exact, settled_at=settled_at))
    figures = compute_figures(booked)
    assert sum(figures.pnl_by_day.values(), Decimal(0)) == figures.realised_pnl
    assert figures.exposure >= 0
    assert figures.settled_size >= 0
