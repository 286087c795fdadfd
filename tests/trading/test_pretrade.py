"""Every pre-trade control refuses what passes it, at its number, and nothing less."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.pretrade import (
    Asked,
    Breach,
    Control,
    PriceRules,
    RecentEntries,
    Sending,
    Stop,
    ThrottleCaps,
    check_cost,
    check_exit,
    check_outflow,
    check_price,
    check_sending,
    check_throttles,
)
from trading.rules import Rules
from trading.types import Price, Reason, Shares, Side, Usd

RULES = Rules()
PRICES = PriceRules(RULES.filters, RULES.slippage, RULES.exits)
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
QUIET = RecentEntries(open_orders=0, orders=0, orders_token=0, notional=Usd(Decimal(0)), repeats=0)
CAPS = ThrottleCaps.of(RULES.risk)
SENDING = Sending(
    side=Side.BUY,
    now=NOON,
    expires_at=NOON + timedelta(seconds=5),
    retry_until=NOON + timedelta(seconds=12),
    copies=0,
    copies_max=4,
    epoch=7,
    lease_epoch=7,
)


def asked(price: str, side: Side = Side.BUY, tick: str = "0.01") -> Asked:
    return Asked(side, Price(Decimal(price)), Price(Decimal(tick)))


def control(breach: Breach | None) -> Control | None:
    return None if breach is None else breach.control


@pytest.mark.parametrize(
    ("price", "side", "broken"),
    [
        ("0.50", Side.BUY, None),
        ("0.51", Side.BUY, None),
        ("0.52", Side.BUY, Control.COLLAR),
        ("0", Side.BUY, Control.PRICE_RANGE),
        ("1", Side.SELL, Control.PRICE_RANGE),
        ("-0.01", Side.BUY, Control.PRICE_RANGE),
        ("NaN", Side.BUY, Control.PRICE_RANGE),
        ("0.505", Side.BUY, Control.TICK),
        ("0.99", Side.SELL, None),
        ("0.01", Side.SELL, None),
    ],
)
def test_an_entry_pays_no_more_than_the_whale_and_two_percent(
    price: str, side: Side, broken: Control | None
) -> None:
    breach = check_price(asked(price, side), PRICES, Price(Decimal("0.505")))
    assert control(breach) is broken
    assert breach is None or breach.reason is Reason.PRICE_OUT_OF_BAND


def test_an_exit_goes_below_the_floor_on_a_persons_word_only() -> None:
    low = asked("0.009", Side.SELL, tick="0.001")
    assert control(check_price(low, PRICES)) is Control.BAND
    for lowest, broken in (("0.009", None), ("0.0095", Control.BAND), ("0.5", Control.BAND)):
        word = replace(low, lowest=Price(Decimal(lowest)))
        assert control(check_price(word, PRICES)) is broken


def test_without_the_whales_price_the_band_still_bounds_an_entry() -> None:
    assert check_price(asked("0.96"), PRICES) is None
    assert control(check_price(asked("0.97"), PRICES)) is Control.BAND


def test_one_entry_costs_no_more_than_the_most_that_an_order_may() -> None:
    most = RULES.risk.order_max
    assert check_cost(most, RULES.risk) is None
    over = check_cost(Usd(most + Decimal("0.000001")), RULES.risk)
    assert control(over) is Control.ORDER_MAX


def test_an_exit_sells_what_is_held_and_not_offered() -> None:
    five, two, three = (Shares(Decimal(n)) for n in (5, 2, 3))
    assert check_exit(three, five, two) is None
    breach = check_exit(Shares(Decimal("3.01")), five, two)
    assert breach == Breach(Control.HELD, "3.01", "3")
    assert check_exit(two, two, five) == Breach(Control.HELD, "2", "0")


@pytest.mark.parametrize(
    ("recent", "broken"),
    [
        (QUIET, None),
        (replace(QUIET, open_orders=19), None),
        (replace(QUIET, open_orders=20), Control.OPEN_ORDERS),
        (replace(QUIET, orders=29), None),
        (replace(QUIET, orders=30), Control.ORDERS_PER_MIN),
        (replace(QUIET, orders_token=5), None),
        (replace(QUIET, orders_token=6), Control.ORDERS_PER_MIN_TOKEN),
        (replace(QUIET, notional=Usd(Decimal(4950))), None),
        (replace(QUIET, notional=Usd(Decimal("4950.01"))), Control.NOTIONAL_PER_MIN),
        (replace(QUIET, notional_day=Usd(Decimal(34_950))), None),
        (replace(QUIET, notional_day=Usd(Decimal("34_950.01"))), Control.NOTIONAL_PER_DAY),
        (replace(QUIET, repeats=2), None),
        (replace(QUIET, repeats=3), Control.REPEATS),
        (replace(QUIET, attempts=2), None),
        (replace(QUIET, attempts=3), Control.ATTEMPTS),
        (replace(QUIET, twins=1), Control.DUPLICATE),
        (replace(QUIET, crosses=1), Control.SELF_CROSS),
    ],
)
def test_each_throttle_refuses_at_its_number(recent: RecentEntries, broken: Control | None) -> None:
    breach = check_throttles(recent, Usd(Decimal(50)), CAPS)
    assert control(breach) is broken
    assert breach is None or breach.reason is Reason.ORDER_THROTTLE


def test_a_refusal_says_what_was_wanted_and_what_is_allowed() -> None:
    breach = check_throttles(replace(QUIET, repeats=3), Usd(Decimal(50)), CAPS)
    assert breach is not None
    assert breach.numbers == {"throttle": "repeats", "wanted": "4", "cap": "3"}
    assert breach.describe() == "repeats: expected 3 at most, an order wanted 4"


def test_repeats_attempts_and_a_days_dollars_are_counted_when_they_are_limited() -> None:
    free = replace(CAPS, repeats=0, attempts=0, notional_per_day=None)
    much = replace(QUIET, repeats=99, attempts=99, notional_day=Usd(Decimal(10**9)))
    assert check_throttles(much, Usd(Decimal(1)), free) is None


@pytest.mark.parametrize(
    ("broken", "stop"),
    [
        (Control.ATTEMPTS, Stop.WALLET),
        (Control.DUPLICATE, Stop.WALLET),
        (Control.ORDERS_OUT, Stop.WALLET),
        (Control.REPEATS, Stop.TOKEN),
        (Control.ORDERS_PER_MIN, Stop.COUNTED),
        (Control.ORDERS_PER_MIN_TOKEN, Stop.COUNTED),
        (Control.NOTIONAL_PER_MIN, Stop.COUNTED),
        (Control.OPEN_ORDERS, Stop.COUNTED),
        (Control.NOTIONAL_PER_DAY, Stop.NOTHING),
        (Control.SELF_CROSS, Stop.NOTHING),
        (Control.COLLAR, Stop.NOTHING),
    ],
)
def test_what_only_a_fault_can_ask_for_stops_more_than_what_a_busy_minute_does(
    broken: Control, stop: Stop
) -> None:
    assert Breach(broken, "2", "1").stop is stop


@pytest.mark.parametrize(
    ("sending", "broken"),
    [
        (SENDING, None),
        (replace(SENDING, epoch=6), Control.EPOCH),
        (replace(SENDING, lease_epoch=None), Control.EPOCH),
        (replace(SENDING, build="a", lease_build="b"), Control.BUILD),
        (replace(SENDING, build="a", lease_build="a"), None),
        (replace(SENDING, now=SENDING.expires_at), Control.EXPIRY),
        (replace(SENDING, now=SENDING.expires_at, copies=1), None),
        (replace(SENDING, now=SENDING.retry_until, copies=1), Control.EXPIRY),
        (replace(SENDING, copies=3), None),
        (replace(SENDING, copies=4), Control.COPIES),
        (replace(SENDING, halt="a test"), Control.HALT),
        (replace(SENDING, halt="a test", side=Side.SELL), None),
        (replace(SENDING, epoch=6, side=Side.SELL), Control.EPOCH),
    ],
)
def test_no_copy_leaves_that_may_not(sending: Sending, broken: Control | None) -> None:
    assert control(check_sending(sending)) is broken


def test_no_more_orders_leave_than_intents_were_committed() -> None:
    assert check_outflow(5, 5) is None
    assert check_outflow(6, 5) == Breach(Control.ORDERS_OUT, "6", "5")


COUNTS = st.integers(0, 50)


@given(COUNTS, COUNTS, COUNTS, COUNTS, st.integers(0, 10_000))
def test_what_passes_has_room_for_one_more_of_everything(
    open_orders: int, orders: int, orders_token: int, repeats: int, notional: int
) -> None:
    recent = RecentEntries(open_orders, orders, orders_token, Usd(Decimal(notional)), repeats)
    cost = Usd(Decimal(100))
    has_room = (
        open_orders < CAPS.open_orders
        and orders < CAPS.orders_per_min
        and orders_token < CAPS.orders_per_min_token
        and notional + cost <= CAPS.notional_per_min
        and repeats < CAPS.repeats
    )
    assert (check_throttles(recent, cost, CAPS) is None) is has_room
