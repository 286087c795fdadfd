"""A lying reconciler, a looping dispatcher, a replayed queue: few orders leave, then a halt.

Each asks again and again, a thousand times before a release, for an order that passes every
filter, at the pace of a machine; the records and all between a wish and the venue are real.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

import storage.throttles
from activities.records import Attempt, Estimate
from tests.activities.desk import Desk, open_desk
from tests.storage.builders import NOW, market, price, shares, signal, usd
from trading.pretrade import Breach
from trading.types import ConditionId, Market, Reason, Side, SignalId, TokenId

TIMES, FEW = 1000, 75
PLANTED_TIMES = 45
TURN = timedelta(milliseconds=50)
TEN = shares(10)
ESTIMATE = Estimate(usd(0), price("0.51"), price("0.52"), price("0.505"))
MARKETS = 50


async def ask(desk: Desk, attempt: Attempt) -> Reason | None:
    """Wish for an entry and send it; return why it was refused."""
    desk.clock.advance(TURN)
    ticket = await desk.risk.check_risk(attempt, ESTIMATE)
    if ticket.order_hash is not None:
        with suppress(ApplicationError):
            await desk.orders.place_order(ticket.order_hash)
    return ticket.reason


async def lying_reconciler(desk: Desk, times: int) -> set[Reason | None]:
    """Say again and again that what a signal bought is missing, and buy it once more."""
    await desk.tell("lied")
    wish = Attempt(1, Side.BUY, TEN, price("0.52"), signal_id=SignalId("lied"))
    return {await ask(desk, replace(wish, number=n)) for n in range(1, times + 1)}


async def looping_dispatcher(desk: Desk, times: int) -> set[Reason | None]:
    """Hand out the same whale order again and again, under another name each time."""
    found = set()
    for n in range(times):
        await desk.tell(f"loop{n}")
        wish = Attempt(1, Side.BUY, TEN, price("0.52"), signal_id=SignalId(f"loop{n}"))
        found.add(await ask(desk, wish))
    return found


async def replayed_queue(desk: Desk, times: int) -> set[Reason | None]:
    """Hand out old orders of many markets as if they had just been seen."""
    tokens = [await other_market(desk, n) for n in range(MARKETS)]
    found = set()
    for n in range(times):
        told = replace(
            signal(f"old{n}"),
            token_id=tokens[n % MARKETS].token_ids[0],
            traded_at=desk.clock(),
            detected_at=desk.clock(),
        )
        await desk.store.record_signal(told, desk.clock())
        wish = Attempt(1, Side.BUY, TEN, price("0.52"), signal_id=told.signal_id)
        found.add(await ask(desk, wish))
    return found


async def other_market(desk: Desk, n: int) -> Market:
    made = replace(
        market(),
        condition_id=ConditionId(f"0x{n:064x}"),
        token_ids=(TokenId(f"7{n:03}"), TokenId(f"8{n:03}")),
        ends_at=NOW + timedelta(days=3),
    )
    await desk.store.save_market(made, NOW)
    return made


RUNAWAYS = {
    "lying reconciler": (lying_reconciler, 3, "duplicate: expected 0 at most"),
    "looping dispatcher": (looping_dispatcher, 3, "repeats: expected 3 at most"),
    "replayed queue": (replayed_queue, 30, "30 entries throttled in a minute"),
}


async def check(desk: Desk, name: str, times: int) -> None:
    runaway, most, reason = RUNAWAYS[name]
    refusals = await runaway(desk, times)
    assert 1 <= len(desk.venue.posts) <= most
    assert refusals == {None, Reason.ORDER_THROTTLE, Reason.ENTRIES_HALTED}
    [halt] = await desk.halts()
    assert halt.startswith(reason)
    assert (await desk.events()).count("entries_halted") == 1


@pytest.mark.parametrize("name", RUNAWAYS)
async def test_a_runaway_sends_what_the_throttle_lets_pass_and_then_entries_are_halted(
    desk: Desk, name: str
) -> None:
    await check(desk, name, FEW)


@pytest.mark.acceptance
@pytest.mark.parametrize("name", RUNAWAYS)
async def test_a_runaway_of_a_thousand_turns_sends_no_more(desk: Desk, name: str) -> None:
    await check(desk, name, TIMES)


@pytest.mark.parametrize("name", RUNAWAYS)
async def test_without_the_throttles_a_runaway_is_noticed(
    desk: Desk, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runaway, most, _ = RUNAWAYS[name]

    def nothing(*_: object) -> Breach | None:
        return None

    monkeypatch.setattr(storage.throttles, "check_throttles", nothing)
    await runaway(desk, PLANTED_TIMES)
    assert len(desk.venue.posts) > most
    assert await desk.halts() == []


async def test_throttles_are_shared_by_workers_and_hold_over_a_restart(
    desk: Desk, database_url: str
) -> None:
    await looping_dispatcher(desk, 2)
    async with open_desk(database_url, desk.clock()) as other:
        other.clock.advance(timedelta(minutes=1))
        for n in range(10):
            await other.tell(f"again{n}")
            await ask(other, Attempt(1, Side.BUY, TEN, price("0.52"), signal_id=_id(n)))
        assert len(desk.venue.posts) + len(other.venue.posts) == 3
        assert (await other.halts())[0].startswith("repeats")


def _id(n: int) -> SignalId:
    return SignalId(f"again{n}")
