"""The whole portfolio's P&L adds up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from tests.trading.scene import price, shares, usd
from trading.portfolio import (
    CurveFigures,
    EquityPoint,
    Pnl,
    PositionPnl,
    add_up,
    drawdown_of,
    identity_gap,
    measure_curve,
    pnl_by,
    realised_by_day,
)
from trading.positions import PositionFigures, PositionFill, fold_position
from trading.types import (
    MICRO,
    ZERO,
    ConditionId,
    OrderHash,
    PositionId,
    Price,
    Settlement,
    Shares,
    Side,
    Usd,
    Wallet,
)

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CONFIRMED, MATCHED, FAILED = Settlement.CONFIRMED, Settlement.MATCHED, Settlement.FAILED
WHALES = tuple(Wallet(f"0x{n}") for n in range(2))
MARKETS = tuple(ConditionId(f"0xm{n}") for n in range(2))
FOLD = fold_position
PAYOUTS = (Price(Decimal(0)), Price(Decimal("0.5")), Price(Decimal(1)))


def position(
    name: str = "p", *, size: str = "10", cost: str = "4", realised: str = "0", mark: str | None
) -> PositionPnl:
    return PositionPnl(
        position_id=PositionId(name),
        whale=WHALES[0],
        condition_id=MARKETS[0],
        size=shares(size),
        cost=usd(cost),
        fees=usd("0.1"),
        realised=usd(realised),
        mark=None if mark is None else price(mark),
    )


def point(minute: int, equity: str, deposits: str = "100") -> EquityPoint:
    return EquityPoint(AT + timedelta(minutes=minute), usd(equity), Usd(ZERO), usd(deposits))


def test_nothing_held_is_worth_nothing_and_adds_up() -> None:
    assert add_up([]) == Pnl()
    assert identity_gap(Pnl(), usd("5"), usd("5")) == 0


def test_a_position_is_worth_its_cost_before_the_first_mark_and_its_mark_then() -> None:
    assert position(mark=None).worth == 4
    assert position(mark=None).unrealised == 0
    assert position(mark="0.55").worth == Decimal("5.5")
    assert position(mark="0.55").unrealised == Decimal("1.5")


def test_positions_add_up_and_are_split_by_any_key() -> None:
    held = position("a", realised="-1", mark="0.5")
    over = position("b", size="0", cost="0", realised="3", mark="1")
    found = add_up([held, over])
    assert found == Pnl(2, 1, usd("4"), usd("5"), usd("0.2"), usd("2"))
    assert [found.unrealised, found.total] == [1, 3]
    split = pnl_by([held, over, held], lambda each: each.position_id)
    assert split[held.position_id] == add_up([held, held])
    assert split[over.position_id].total == 3


@pytest.mark.parametrize(
    ("pnl", "peak", "deposits", "expected"),
    [
        ("5", "5", "100", "0"),
        ("-1", "4", "96", "0.05"),
        ("9", "4", "96", "0"),
        ("-300", "4", "96", "1"),
        ("-1", "0", "0", "0"),
    ],
)
def test_drawdown_is_the_share_of_the_peak_that_is_lost(
    pnl: str, peak: str, deposits: str, expected: str
) -> None:
    assert drawdown_of(usd(pnl), usd(peak), usd(deposits)) == Decimal(expected)


def test_a_curve_is_measured_from_its_peak_and_deposits_are_no_gain() -> None:
    curve = [point(0, "100"), point(1, "120"), point(2, "90"), point(3, "158", "150")]
    assert measure_curve(curve) == CurveFigures(
        gain=usd("8") / 150,
        drawdown=Decimal(12) / 170,
        drawdown_worst=Decimal("0.25"),
        equity_low=usd("90"),
        equity_high=usd("158"),
    )
    assert measure_curve([]) is None
    alone = measure_curve([point(0, "3", "0")])
    assert alone is not None
    assert alone.gain is None


def fill(
    name: str,
    side: Side,
    size: Decimal,
    cost: Decimal,
    *,
    fee: Decimal = ZERO,
    settlement: Settlement = MATCHED,
    at: datetime = AT,
) -> PositionFill:
    return PositionFill(
        name, OrderHash(name), side, Shares(size), Usd(cost), Usd(fee), settlement, at
    )


def test_days_are_utc_dates_of_confirmation_and_add_up() -> None:
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    bought = fill("a", Side.BUY, Decimal(10), Decimal(4), fee=Decimal(1), settlement=CONFIRMED)
    sold = fill("b", Side.SELL, Decimal(10), Decimal(6), settlement=CONFIRMED, at=midnight)
    tokyo = midnight.astimezone(tz=None)
    days = realised_by_day([(bought, midnight - timedelta(seconds=1)), (sold, tokyo)])
    assert [str(day) for day in days] == ["2026-11-22", "2026-11-23"]
    assert list(days.values()) == [Decimal(-1), Decimal(2)]
    assert realised_by_day([]) == {}


# The identity: whatever happens, realised + unrealised is cash + worth - deposits.


@dataclass
class Books:
    """A venue's account that knows nothing of P&L, and the fills that our books are made of."""

    cash: Decimal = ZERO
    deposits: Decimal = ZERO
    held: dict[int, Decimal] = field(default_factory=dict)
    fills: dict[int, list[PositionFill]] = field(default_factory=dict)
    marks: dict[int, Price] = field(default_factory=dict)
    pending: list[tuple[int, PositionFill]] = field(default_factory=list)
    clock: int = 0

    def deposit(self, cash: Decimal) -> None:
        self.cash += cash
        self.deposits += cash

    def trade(self, token: int, side: Side, size: Decimal, terms: tuple[Decimal, Decimal]) -> None:
        """Match a trade at a price for a fee; it is not settled yet."""
        self.clock += 1
        at, fee = terms
        moment = AT + timedelta(minutes=self.clock)
        each = fill(f"t{self.clock}", side, size, size * at, fee=fee, at=moment)
        self.fills.setdefault(token, []).append(each)
        self.pending.append((token, each))

    def settle(self, index: int, settlement: Settlement) -> None:
        """Let the chain speak of a pending trade."""
        token, each = self.pending.pop(index % len(self.pending))
        place = self.fills[token].index(each)
        self.fills[token][place] = replace_settlement(each, settlement)
        if settlement is FAILED:
            return
        sign = 1 if each.side is Side.BUY else -1
        self.held[token] = self.held.get(token, ZERO) + sign * each.size
        self.cash -= sign * each.cost + each.fee

    def resolve(self, token: int, payout: Price) -> None:
        """Pay out what is held, rounded down to the micro-unit."""
        size = self.held.get(token, ZERO)
        self.marks[token] = payout
        if size <= 0:
            return
        self.clock += 1
        paid = (size * payout).quantize(MICRO, ROUND_FLOOR)
        moment = AT + timedelta(minutes=self.clock)
        redeemed = fill(f"r{self.clock}", Side.SELL, size, paid, settlement=CONFIRMED, at=moment)
        self.fills[token].append(redeemed)
        self.held[token] = ZERO
        self.cash += paid

    def positions(self) -> Sequence[PositionPnl]:
        found = []
        for token, fills in self.fills.items():
            holding = fold_position(fills).settled
            assert holding.size == self.held.get(token, ZERO)
            found.append(
                PositionPnl(
                    position_id=PositionId(f"p{token}"),
                    whale=WHALES[token % 2],
                    condition_id=MARKETS[token // 2],
                    size=holding.size,
                    cost=holding.cost,
                    fees=holding.fees,
                    realised=holding.realised_pnl,
                    mark=self.marks.get(token),
                )
            )
        return found


def replace_settlement(each: PositionFill, settlement: Settlement) -> PositionFill:
    return fill(
        each.trade_id,
        each.side,
        each.size,
        each.cost,
        fee=each.fee,
        settlement=settlement,
        at=each.matched_at,
    )


TOKENS = st.integers(0, 3)
MICROS = st.integers(1, 5_000_000).map(lambda n: Decimal(n) / 1_000_000)
CENTS = st.integers(1, 99).map(lambda n: Decimal(n) / 100)
FEES = st.integers(0, 200_000).map(lambda n: Decimal(n) / 1_000_000)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deposit"), st.integers(-100, 1000).map(Decimal)),
        st.tuples(st.just("trade"), TOKENS, st.sampled_from(Side), MICROS, st.tuples(CENTS, FEES)),
        st.tuples(st.just("settle"), st.integers(0, 50), st.sampled_from([CONFIRMED, FAILED])),
        st.tuples(st.just("mark"), TOKENS, CENTS),
        st.tuples(st.just("resolve"), TOKENS, st.sampled_from(PAYOUTS)),
    ),
    max_size=40,
)


def take(books: Books, step: tuple[object, ...]) -> None:
    """Do one drawn step; a sale beyond what is held or on its way is left out."""
    match step:
        case ("deposit", Decimal() as cash):
            books.deposit(cash)
        case ("trade", int(token), Side() as side, Decimal() as size, (Decimal() as at, fee)):
            free = sum(
                (f.size if f.side is Side.BUY else -f.size)
                for f in books.fills.get(token, [])
                if f.settlement is CONFIRMED or (f.side is Side.SELL and f.settlement is MATCHED)
            )
            if side is Side.BUY or size <= free:
                assert isinstance(fee, Decimal)
                books.trade(token, side, size, (at, fee))
        case ("settle", int(index), Settlement() as settlement) if books.pending:
            books.settle(index, settlement)
        case ("mark", int(token), Decimal() as at):
            books.marks[token] = Price(at)
        case ("resolve", int(token), Decimal() as payout):
            if all(pending != token for pending, _ in books.pending):
                books.resolve(token, Price(payout))


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_realised_and_unrealised_are_cash_and_worth_less_deposits(
    steps: list[tuple[object, ...]],
) -> None:
    assert_identity(steps)


def assert_identity(steps: Sequence[tuple[object, ...]]) -> None:
    books = Books()
    for step in steps:
        take(books, step)
        positions = books.positions()
        total = add_up(positions)
        assert identity_gap(total, Usd(books.cash), Usd(books.deposits)) == 0
        for key in (lambda p: p.whale, lambda p: p.condition_id, lambda p: p.position_id):
            parts = pnl_by(positions, key).values()
            assert sum((part.total for part in parts), ZERO) == total.total


def without_fees(fills: Sequence[PositionFill]) -> PositionFigures:
    return FOLD([replace(each, fee=Usd(ZERO)) for each in fills])


def with_what_failed(fills: Sequence[PositionFill]) -> PositionFigures:
    failed = [replace(each, settlement=CONFIRMED) for each in fills if each.settlement is FAILED]
    return FOLD([*(each for each in fills if each.settlement is not FAILED), *failed])


def with_what_is_pending(fills: Sequence[PositionFill]) -> PositionFigures:
    figures = FOLD(fills)
    return replace(figures, settled=figures.provisional)


def to_the_cent(fills: Sequence[PositionFill]) -> PositionFigures:
    figures = FOLD(fills)
    cents = Usd(figures.settled.gross_pnl.quantize(Decimal("0.01")))
    return replace(figures, settled=replace(figures.settled, gross_pnl=cents))


@pytest.mark.parametrize(
    "planted", [without_fees, with_what_failed, with_what_is_pending, to_the_cent]
)
def test_books_that_are_kept_wrongly_break_the_identity(
    monkeypatch: pytest.MonkeyPatch, planted: Callable[[Sequence[PositionFill]], PositionFigures]
) -> None:
    def breaks(steps: Sequence[tuple[object, ...]]) -> bool:
        try:
            assert_identity(steps)
        except AssertionError:
            return True
        return False

    monkeypatch.setattr("tests.trading.test_portfolio.fold_position", planted)
    looking = settings(max_examples=2_000, deadline=None, phases=[Phase.generate])
    steps = find(STEPS, breaks, settings=looking)
    monkeypatch.setattr("tests.trading.test_portfolio.fold_position", FOLD)
    assert not breaks(steps)


@given(STEPS)
@settings(max_examples=50, deadline=None)
def test_days_add_up_to_what_was_realised(steps: list[tuple[object, ...]]) -> None:
    books = Books()
    for step in steps:
        take(books, step)
    for token, fills in books.fills.items():
        settled = [(f, f.matched_at + timedelta(hours=9 * token)) for f in fills]
        days = realised_by_day([each for each in settled if each[0].settlement is not MATCHED])
        realised = fold_position(fills).settled.realised_pnl
        assert sum(days.values(), ZERO) == realised


def test_money_that_is_not_booked_shows_as_a_gap() -> None:
    books = Books()
    books.deposit(Decimal(100))
    books.trade(0, Side.BUY, Decimal(10), (Decimal("0.4"), Decimal("0.1")))
    books.settle(0, CONFIRMED)
    books.cash += Decimal("0.000001")
    gap = identity_gap(add_up(books.positions()), Usd(books.cash), Usd(books.deposits))
    assert gap == Decimal("-0.000001")
