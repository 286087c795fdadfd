"""No copy of an order leaves without a right of the records; one that tries stops everything."""

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest

from activities import turnstile
from activities.turnstile import OutflowError, Turnstile
from storage.port import StorageUnavailableError
from tests.storage.builders import NOW, entry, order_hash

ONE = entry("s1#1")
OTHER = entry("s2#1")


def test_each_copy_uses_up_a_right() -> None:
    gate = Turnstile()
    for _ in range(2):
        gate.admit(ONE.order.order_hash)
    for _ in range(2):
        gate.let_out(ONE)
    assert gate.breach is None
    with pytest.raises(OutflowError, match="found none"):
        gate.let_out(ONE)
    assert gate.breach is not None
    assert gate.breach.wanted.startswith("3 (0x")
    assert gate.breach.cap == "2"


def test_a_right_that_was_withdrawn_lets_nothing_out() -> None:
    gate = Turnstile()
    gate.withdraw(ONE.order.order_hash)  # there is none: nothing to take back
    gate.admit(ONE.order.order_hash)
    gate.withdraw(ONE.order.order_hash)
    with pytest.raises(OutflowError):
        gate.let_out(ONE)
    assert gate.breach is not None
    assert gate.breach.cap == "0"


def test_after_one_that_had_no_right_nothing_leaves_any_more() -> None:
    gate = Turnstile()
    gate.admit(ONE.order.order_hash)
    with pytest.raises(OutflowError):
        gate.let_out(OTHER)
    with pytest.raises(OutflowError):
        gate.let_out(ONE)
    assert gate.breach is not None
    assert OTHER.order.order_hash in gate.breach.wanted


def test_a_thousand_posts_in_a_loop_let_out_the_one_that_had_a_right() -> None:
    gate, left = Turnstile(), 0
    gate.admit(ONE.order.order_hash)
    for _ in range(1000):
        try:
            gate.let_out(ONE)
        except OutflowError:
            continue
        left += 1
    assert left == 1


def test_rights_that_nobody_used_are_forgotten_some_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnstile, "RIGHTS_MAX", 2)
    gate = Turnstile()
    for name in ("a", "b", "c"):
        gate.admit(order_hash(name))
    with pytest.raises(OutflowError):
        gate.let_out(replace(ONE, order=replace(ONE.order, order_hash=order_hash("a"))))


async def test_entries_halt_with_the_figures_even_when_the_records_are_away_at_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turnstile, "RETRY_S", 0)
    gate, told, tries = Turnstile(), [], iter([StorageUnavailableError("away")])

    async def halt(reason: str, now: datetime) -> None:
        for error in tries:
            raise error
        told.append((reason, now))

    keeper = asyncio.create_task(gate.keep(halt, lambda: NOW))
    await asyncio.sleep(0)
    assert not told
    with pytest.raises(OutflowError):
        gate.let_out(ONE)
    await keeper
    words = f"orders_out: expected 0 at most, an order wanted 1 ({ONE.order.order_hash})"
    assert told == [(words, NOW)]
