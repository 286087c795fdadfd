"""The gate before every POST: who waits, who is told to come later."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from activities.send_gate import SendGate
from tests.fakes import FakeClock
from trading.rules import ThrottleRules
from trading.submits import SubmitKind, SubmitOutcome, VenueMode
from trading.types import Side

NOW = datetime(2026, 11, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)
AT_ONCE = timedelta(0)
RULES = ThrottleRules(entries_per_s=Decimal(1), entries_burst=2)


def gate() -> tuple[SendGate, FakeClock]:
    clock = FakeClock(NOW)
    return SendGate(RULES, clock, clock.pause), clock


async def test_a_burst_passes_and_the_next_wait_for_their_token() -> None:
    guard, clock = gate()
    for _ in range(2):
        assert await guard.admit(Side.BUY) == AT_ONCE
    assert clock() == NOW
    assert await guard.admit(Side.BUY) == AT_ONCE
    assert clock() == NOW + SECOND


async def test_who_would_wait_too_long_is_told_to_come_later_and_takes_no_token() -> None:
    guard, clock = gate()
    slow = SendGate(RULES, clock, lambda _: _nothing())
    for _ in range(4):
        assert await slow.admit(Side.BUY) == AT_ONCE
    assert await slow.admit(Side.BUY) == 3 * SECOND
    assert await slow.admit(Side.BUY) == 3 * SECOND
    assert guard.restriction is None


async def _nothing() -> None:
    return None


async def test_exits_never_stand_behind_entries() -> None:
    guard, clock = gate()
    for _ in range(2):
        await guard.admit(Side.BUY)
    assert await guard.admit(Side.SELL) == AT_ONCE
    assert clock() == NOW


async def test_while_the_venue_works_no_orders_everybody_is_told_until_when() -> None:
    guard, clock = gate()
    restarting = SubmitOutcome(
        SubmitKind.NOT_NOW, None, "", retry_after_s=Decimal(5), mode=VenueMode.RESTARTING
    )
    guard.note(restarting)
    assert guard.restriction is not None
    assert await guard.admit(Side.BUY) == 5 * SECOND
    assert await guard.admit(Side.SELL) == 5 * SECOND
    clock.advance(5 * SECOND)
    assert await guard.admit(Side.SELL) == AT_ONCE
