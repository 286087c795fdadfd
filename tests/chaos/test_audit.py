from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256

import pytest

from tests.chaos.audit import CHECKS, audit, every_signal_ends_once, history_p95, peak_costs
from tests.chaos.books import (
    Books,
    Evidence,
    Fill,
    Halt,
    LimitBreach,
    Order,
    Position,
    Samples,
    Signal,
    TaskFailure,
    VenueOrder,
    Workflow,
)

WALLET, WHALE, MARKET, TOKEN = "0xours", "0xwhale", "0xmarket", "77"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CAPS = {"WALLET": Decimal(100), "WHALE": Decimal(100), "MARKET": Decimal(100)}


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def an_order(order_id: str, **changes: object) -> Order:
    order = Order(
        order_id=order_id,
        intent_id=f"intent of {order_id}",
        signal_id="s1",
        position_id="p1",
        token_id=TOKEN,
        is_entry=True,
        attempt=1,
        exit_epoch=0,
        expires_at=at(5),
        retry_until=at(12),
        status="MATCHED",
        size_matched=Decimal(100),
        posts=1,
        first_sent_at=at(1),
        released_at=at(9),
    )
    return replace(order, **changes)  # type: ignore[arg-type]


def a_fill(order_id: str, side: str, second: float, **changes: object) -> Fill:
    cost = Decimal(40) if side == "BUY" else Decimal(41)
    fill = Fill(
        trade_id=f"trade of {order_id}",
        order_id=order_id,
        token_id=TOKEN,
        side=side,
        size=Decimal(100),
        cost=cost,
        fee=Decimal("0.05"),
        status="CONFIRMED",
        at=at(second),
    )
    return replace(fill, **changes)  # type: ignore[arg-type]


def a_venue_order(order_id: str, side: str, second: float, **changes: object) -> VenueOrder:
    order = VenueOrder(order_id, TOKEN, side, Decimal(100), Decimal(100), "MATCHED", 1, at(second))
    return replace(order, **changes)  # type: ignore[arg-type]


def ours(fill: Fill, second: float) -> Fill:
    return replace(fill, settled_at=at(second), position_id="p1")


def clean() -> Books:
    """One purchase, sold again in full, and one order that found nothing before it."""
    bought, sold = a_fill("buy", "BUY", 2), a_fill("sell", "SELL", 30)
    nothing = {"status": "CANCELLED", "matched": Decimal(0)}
    return Books(
        wallet=WALLET,
        planned={(WHALE, "BUY", "3001"): 1, (WHALE, "SELL", "3001"): 2},
        caps=CAPS,
        venue_orders=(
            a_venue_order("none", "BUY", 1, **{**nothing, "status": "CANCELED"}),
            a_venue_order("buy", "BUY", 2),
            a_venue_order("sell", "SELL", 30),
        ),
        venue_fills=(bought, sold),
        venue_cash=Decimal("1000.90"),
        signals=(
            Signal("s1", WHALE, "BUY", Decimal("3001.000000"), "FILLED", at(0)),
            Signal("s2", WHALE, "SELL", Decimal(3001), "FILLED", at(28)),
        ),
        orders=(
            an_order("none", status="CANCELLED", size_matched=Decimal(0), released_at=at(2)),
            an_order("buy", attempt=2, first_sent_at=at(1.5), expires_at=at(6)),
            an_order("sell", is_entry=False, signal_id=None, exit_epoch=1, first_sent_at=at(29)),
        ),
        fills=(ours(bought, 8), ours(sold, 35)),
        evidence=(
            Evidence("none", "submit", "REJECTED CANCELLED no orders found to match", at(1.2)),
            Evidence("buy", "submit", "ACCEPTED MATCHED matched", at(2)),
        ),
        positions=(Position("p1", WHALE, MARKET, TOKEN, "CLOSED", Decimal(0), Decimal(0)),),
        ledger_cash=Decimal("1000.90"),
        workflows=(
            Workflow("copy-trade/s1", "r1", "CopyTradeWorkflow", "COMPLETED", 30),
            Workflow("position/p1", "r2", "PositionWorkflow", "COMPLETED", 60),
        ),
        samples=Samples(100, {"WALLET": Decimal(41)}),
        quiescent_s=3.0,
    )


def with_order(order_id: str, **changes: object) -> Books:
    books = clean()
    found = {o.order_id: o for o in books.orders}
    found[order_id] = replace(found[order_id], **changes)  # type: ignore[arg-type]
    return replace(books, orders=tuple(found.values()))


def with_more(name: str, *rows: object) -> Books:
    books = clean()
    return replace(books, **{name: (*getattr(books, name), *rows)})  # type: ignore[arg-type]


def broken(invariant: str, books: Books) -> None:
    """Assert that the audit finds this violation, and names the invariant."""
    found = audit(books)
    assert invariant in {violation.invariant for violation in found}, found


def test_clean_books_violate_nothing() -> None:
    assert audit(clean()) == []


def test_every_invariant_has_its_check() -> None:
    assert len(CHECKS) == 13


UNKNOWN_ORDER = a_venue_order("never recorded", "BUY", 3, matched=Decimal(0))
DOUBLE = an_order("twice", intent_id="intent of buy", status="REJECTED", size_matched=Decimal(0))

PLANTED: dict[str, tuple[str, Callable[[], Books]]] = {
    "an order that only the venue knows": ("I1", lambda: with_more("venue_orders", UNKNOWN_ORDER)),
    "an order listed twice": (
        "I1",
        lambda: with_more("venue_orders", a_venue_order("buy", "BUY", 2)),
    ),
    "an order that only we know": ("I1", lambda: with_more("orders", an_order("ghost"))),
    "an order that we gave up and the venue booked": (
        "I1",
        lambda: with_order("buy", status="VOID"),
    ),
    "two orders of one intent": ("I2", lambda: with_more("orders", DOUBLE)),
    "an attempt without proof": ("I2", lambda: replace(clean(), evidence=())),
    "an attempt before the proof": ("I2", lambda: with_order("buy", first_sent_at=at(1.1))),
    "a fill of an attempt after the next one came": (
        "I2",
        lambda: with_more("venue_fills", a_fill("none", "BUY", 4)),
    ),
    "a fill that we do not have": ("I3", lambda: replace(clean(), fills=clean().fills[:1])),
    "a fill that the venue does not have": (
        "I3",
        lambda: replace(clean(), venue_fills=clean().venue_fills[:1]),
    ),
    "a fill of another cost": (
        "I3",
        lambda: replace(
            clean(),
            venue_fills=(
                a_fill("buy", "BUY", 2, cost=Decimal("40.000001")),
                clean().venue_fills[1],
            ),
        ),
    ),
    "a fill that the chain refused and we count": (
        "I3",
        lambda: replace(
            clean(),
            venue_fills=(a_fill("buy", "BUY", 2, status="FAILED"), clean().venue_fills[1]),
        ),
    ),
    "a position of another size": (
        "I3",
        lambda: replace(
            clean(),
            positions=(Position("p1", WHALE, MARKET, TOKEN, "CLOSED", Decimal(1), Decimal(1)),),
        ),
    ),
    "a fill in no position": (
        "I3",
        lambda: replace(
            clean(), fills=(clean().fills[0], replace(clean().fills[1], position_id="p2"))
        ),
    ),
    "tokens that nobody bought": (
        "I3",
        lambda: replace(clean(), venue_tokens={"88": Decimal(5)}),
    ),
    "a matched size that differs": ("I3", lambda: with_order("buy", size_matched=Decimal(99))),
    "a sample above the cap": (
        "I4",
        lambda: replace(
            clean(),
            samples=Samples(
                9, {}, (LimitBreach("WALLET", WALLET, Decimal(101), Decimal(100), at(3)),)
            ),
        ),
    ),
    "no sample at all": ("I4", lambda: replace(clean(), samples=Samples())),
    "more held at the venue than the cap": (
        "I4",
        lambda: replace(clean(), caps={"MARKET": Decimal("39.99")}),
    ),
    "a signal that never ended": (
        "I5",
        lambda: replace(clean(), signals=(replace(clean().signals[0], state="RUNNING"),)),
    ),
    "a whale order that was not heard": (
        "I5",
        lambda: replace(clean(), signals=clean().signals[:1]),
    ),
    "a whale order that became two signals": (
        "I5",
        lambda: with_more("signals", replace(clean().signals[0], signal_id="s3")),
    ),
    "a signal of nobody": (
        "I5",
        lambda: with_more("signals", replace(clean().signals[0], size=Decimal(1))),
    ),
    "a reservation left": ("I6", lambda: with_order("buy", reserved_open=True)),
    "an order not done": ("I6", lambda: with_order("buy", is_done=False)),
    "an order not booked": ("I6", lambda: with_order("buy", is_applied=False)),
    "a reservation released early": (
        "I6",
        lambda: replace(clean(), samples=Samples(9, {}, (), ("buy",))),
    ),
    "a micro-unit of cash": (
        "I7",
        lambda: replace(clean(), ledger_cash=Decimal("1000.900001")),
    ),
    "more orders than intents": (
        "I8",
        lambda: with_more("venue_orders", replace(UNKNOWN_ORDER, side="SELL")),
    ),
    "an entry booked after it expired": (
        "I9",
        lambda: replace(
            clean(), venue_orders=(*clean().venue_orders[:1], a_venue_order("buy", "BUY", 9.5))
        ),
    ),
    "a repeat booked after the time for repeats": (
        "I9",
        lambda: replace(
            with_order("buy", posts=2),
            venue_orders=(*clean().venue_orders[:1], a_venue_order("buy", "BUY", 15.5)),
        ),
    ),
    "an entry first sent after it expired": (
        "I9",
        lambda: with_order("buy", first_sent_at=at(6.1)),
    ),
    "an entry after a halt": (
        "I9",
        lambda: replace(clean(), halts=(Halt("TOKEN", TOKEN, "a fault", at(-2)),)),
    ),
    "a position without an owner": (
        "I10",
        lambda: replace(
            clean(),
            positions=(Position("p1", WHALE, MARKET, TOKEN, "OPEN", Decimal(0), Decimal(0)),),
        ),
    ),
    "more sold than bought": (
        "I11",
        lambda: replace(clean(), venue_fills=(a_fill("sell", "SELL", 1), a_fill("buy", "BUY", 2))),
    ),
    "an exit that the venue could not cover": (
        "I11",
        lambda: with_order("sell", error="not enough balance / allowance"),
    ),
    "a workflow that failed": (
        "I12",
        lambda: with_more(
            "workflows", Workflow("copy-trade/s2", "r3", "CopyTradeWorkflow", "FAILED", 9)
        ),
    ),
    "a task that failed": (
        "I12",
        lambda: with_more(
            "task_failures",
            TaskFailure(
                "copy-trade/s1", "WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR", "nondet"
            ),
        ),
    ),
    "a long history": (
        "I12",
        lambda: replace(
            clean(),
            workflows=(Workflow("copy-trade/s1", "r1", "CopyTradeWorkflow", "COMPLETED", 61),),
        ),
    ),
    "no rest": ("I14", lambda: replace(clean(), quiescent_s=None)),
    "a late rest": ("I14", lambda: replace(clean(), quiescent_s=90.1)),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_found(name: str) -> None:
    invariant, books = PLANTED[name]
    broken(invariant, books())


def test_every_invariant_has_a_planted_violation() -> None:
    numbers = {int(invariant[1:]) for invariant, _ in PLANTED.values()}
    assert numbers == {*range(1, 13), 14}


def test_a_violation_names_what_it_is_about() -> None:
    (violation,) = audit(with_order("buy", reserved_open=True))
    assert violation.ids == ("buy", "intent of buy")


def test_a_task_that_fails_by_a_new_signal_is_harmless() -> None:
    cause = "WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND"
    assert audit(with_more("task_failures", TaskFailure("position/p1", cause, ""))) == []


def test_a_fill_that_failed_on_both_sides_counts_nowhere() -> None:
    books = clean()
    failed = a_fill("none", "BUY", 1.1, status="FAILED", trade_id="refused", size=Decimal(50))
    changed = replace(
        with_order("none", size_matched=Decimal(50)),
        venue_orders=(replace(books.venue_orders[0], matched=Decimal(50)), *books.venue_orders[1:]),
        venue_fills=(failed, *books.venue_fills),
        fills=(ours(failed, 1.2), *books.fills),
    )
    assert audit(changed) == []


def test_a_trade_that_meets_an_order_twice_is_added_up() -> None:
    books = clean()
    half = a_fill("buy", "BUY", 2, size=Decimal(50), cost=Decimal(20), fee=Decimal("0.025"))
    assert audit(replace(books, venue_fills=(half, half, books.venue_fills[1]))) == []


def test_a_sale_takes_its_share_of_the_cost_off() -> None:
    half = a_fill("sell", "SELL", 30, size=Decimal(50))
    again = a_fill("none", "BUY", 40, cost=Decimal(15))
    books = replace(clean(), venue_fills=(a_fill("buy", "BUY", 2), half, again))
    assert peak_costs(books)["POSITION", "p1"] == Decimal(40)
    books = replace(books, venue_fills=(*books.venue_fills, a_fill("none", "BUY", 41)))
    assert peak_costs(books)["WALLET", WALLET] == Decimal(75)


def test_few_histories_are_judged_by_their_median() -> None:
    lengths = (10, 20, 90)
    runs = tuple(Workflow(str(n), "r", "CopyTradeWorkflow", "COMPLETED", n) for n in lengths)
    assert history_p95(replace(clean(), workflows=runs)) == 20
    assert history_p95(replace(clean(), workflows=())) == 0
    many = tuple(Workflow(str(n), "r", "CopyTradeWorkflow", "COMPLETED", n) for n in range(200))
    assert history_p95(replace(clean(), workflows=many)) == 190


def test_trades_that_add_up_to_an_order_prove_that_it_is_dead() -> None:
    parts = tuple(
        Evidence("none", "trade", f"MATCHED {size} for 4 fee 0.01 as t{size}", at(1.2))
        for size in ("60", "40")
    )
    whole = replace(clean(), evidence=parts)
    assert [v for v in audit(whole) if v.invariant == "I2"] == []
    part = replace(clean(), evidence=parts[:1])
    assert [v.invariant for v in audit(part) if v.invariant == "I2"] == ["I2"]


def asked(**changes: object) -> Books:
    """The whale's sale was answered by nothing, and what is owed was asked for afterwards."""
    bought, sold = clean().signals
    sold = replace(sold, token_id=TOKEN)
    answered = replace(sold, state="FILTERED", finished_at=at(29))
    name = sha256(b"mirror|p1|0").hexdigest()
    request = replace(sold, signal_id=name, committed_at=at(34), finished_at=at(36))
    return replace(clean(), signals=(bought, answered, replace(request, **changes)))  # type: ignore[arg-type]


def test_what_an_answered_sale_left_may_be_asked_for_again() -> None:
    assert list(every_signal_ends_once(asked())) == []
    assert list(every_signal_ends_once(asked(size=Decimal(7)))) == []  # of its last part


@pytest.mark.parametrize(
    "changes",
    [
        {"committed_at": at(28.5)},  # while the whale's sale was not answered
        {"signal_id": sha256(b"mirror|p2|0").hexdigest()},  # of no position
        {"token_id": "78"},
        {"signal_id": "s3"},
    ],
)
def test_a_sale_that_is_told_twice_is_no_later_request(changes: dict[str, object]) -> None:
    assert [v.invariant for v in every_signal_ends_once(asked(**changes))] == ["I5"]


def test_a_whale_order_that_the_chain_refused_is_no_signal() -> None:
    """It met our resting order, and its trade never settled: nobody could hear of it."""
    failed = a_fill(
        "rest", "BUY", 40, status="FAILED", taker=WHALE.upper(), trade_size=Decimal(5000)
    )
    books = replace(clean(), planned={**clean().planned, (WHALE, "SELL", "5000"): 3})
    assert [v.invariant for v in every_signal_ends_once(books)] == ["I5"]
    refused = replace(books, venue_fills=(*books.venue_fills, failed))
    assert list(every_signal_ends_once(refused)) == []


def test_what_settled_of_a_whale_order_is_its_signal() -> None:
    failed = a_fill("rest", "BUY", 40, status="FAILED", taker=WHALE, trade_size=Decimal(2000))
    rest = Signal("s3", WHALE, "SELL", Decimal(3000), "FILTERED", at(41))
    books = replace(
        clean(),
        planned={**clean().planned, (WHALE, "SELL", "5000"): 3},
        signals=(*clean().signals, rest),
    )
    assert len(list(every_signal_ends_once(books))) == 2
    refused = replace(books, venue_fills=(*books.venue_fills, failed))
    assert list(every_signal_ends_once(refused)) == []


def test_a_whale_order_that_was_settled_in_parts_may_be_a_signal_for_each() -> None:
    parts = [Signal(f"s{n}", WHALE, "SELL", Decimal(n), "FILTERED", at(41)) for n in (2000, 3000)]
    books = replace(
        clean(),
        planned={**clean().planned, (WHALE, "SELL", "5000"): 3},
        signals=(*clean().signals, *parts),
    )
    assert len(list(every_signal_ends_once(books))) == 3
    met = [
        a_fill("rest", "BUY", 40, trade_id=f"t{n}", taker=WHALE, trade_size=Decimal(n))
        for n in (2000, 3000)
    ]
    split = replace(books, venue_fills=(*books.venue_fills, *met))
    assert list(every_signal_ends_once(split)) == []
    one = replace(books, venue_fills=(*books.venue_fills, met[0]))
    assert len(list(every_signal_ends_once(one))) == 3


@pytest.mark.parametrize(
    ("told", "lines"), [((3301, 2199), 0), ((5500,), 0), ((3301,), 2), ((3301, 2200), 3)]
)
def test_parts_that_were_mined_together_are_one_signal(told: tuple[int, ...], lines: int) -> None:
    met = [
        a_fill("rest", "BUY", 40, trade_id=f"t{n}", taker=WHALE, trade_size=Decimal(n))
        for n in (1100, 2201, 2199)
    ]
    elsewhere = a_fill("rest", "BUY", 20, trade_id="t4", taker=WHALE, trade_size=Decimal(1))
    signals = [Signal(f"s{n}", WHALE, "SELL", Decimal(n), "FILTERED", at(41)) for n in told]
    size = "5500"
    books = replace(
        clean(),
        planned={**clean().planned, (WHALE, "SELL", size): 3},
        signals=(*clean().signals, *signals),
        venue_fills=(*clean().venue_fills, *met, elsewhere),
    )
    assert len(list(every_signal_ends_once(books))) == lines
