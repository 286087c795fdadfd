"""An exit's steps: fixed when it began, down the ladder, told apart why it waits."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from activities.orders import OrderActivities, OrderPorts
from activities.records import Command, ExitStep, PositionCommand, PositionNote
from activities.send_gate import NO_WAIT, SendGate
from exchange.sign_port import SignRefusal
from storage.guard_port import Kill, KillSource
from storage.port import PositionRecord
from storage.reviews import ReviewKind
from tests.activities.desk import Desk
from tests.activities.test_orders_signing import signed_by
from tests.activities.test_positions import begin, sell
from tests.fakes import Answer, FakeLease
from tests.storage.builders import price, shares, usd
from trading.pretrade import Control
from trading.types import (
    ExitReason,
    ExitRequest,
    PositionState,
    Reason,
    Shares,
    Side,
    SignalId,
)


def whale(share: str, signal: str) -> ExitRequest:
    return ExitRequest(ExitReason.WHALE_EXIT, Decimal(share), SignalId(signal))


async def asked(desk: Desk, position: PositionRecord, *requests: ExitRequest) -> ExitStep:
    return await desk.positions.begin_exit(
        position.position_id, requests[0].reason, Decimal(1), requests
    )


async def pages(desk: Desk) -> list[str]:
    found = await desk.store.list_reviews(open_only=True, limit=10)
    return [s.review.reason for s in found if s.review.kind is ReviewKind.EXIT_STUCK]


async def test_two_whale_sales_sell_one_after_the_other_of_what_was_held(desk: Desk) -> None:
    position = await desk.opened()
    step = await asked(desk, position, whale("0.5", "a"), whale("0.3", "b"))
    assert (step.target, step.signal_ids, step.is_whole) == (shares(65), ("a", "b"), False)
    stop = ExitRequest(ExitReason.STOP_LOSS)
    joined = await asked(desk, position, stop, whale("0.1", "c"))
    assert (joined.target, joined.reason, joined.signal_ids) == (
        step.target,
        ExitReason.WHALE_EXIT,
        step.signal_ids,
    )
    assert not joined.is_served, "it wanted more than the exit that runs sells"


async def test_who_wants_everything_gets_it_and_names_the_exit(desk: Desk) -> None:
    position = await desk.opened()
    stop = ExitRequest(ExitReason.STOP_LOSS)
    step = await asked(desk, position, whale("0.5", "a"), stop)
    assert (step.target, step.reason, step.is_whole) == (shares(100), stop.reason, True)


async def test_a_new_owner_sells_what_the_lost_one_had_begun_to_sell(desk: Desk) -> None:
    position = await desk.opened()
    first = await asked(desk, position, whale("0.5", "a"))
    later = await begin(desk, position)
    assert (later.target, later.signal_ids, later.began_at) == (
        shares(50),
        (SignalId("a"),),
        first.began_at,
    )


async def test_a_sale_that_was_answered_is_not_sold_again(desk: Desk) -> None:
    position = await desk.opened()
    await sell(desk, await asked(desk, position, whale("0.5", "a")))
    await desk.positions.end_exit(position.position_id)
    again = await asked(desk, position, whale("0.5", "a"))
    assert (again.exit_epoch, again.target, again.is_finished) == (2, shares(0), True)


async def test_a_rest_too_small_to_be_sold_goes_with_the_others(desk: Desk) -> None:
    position = await desk.opened()
    step = await asked(desk, position, whale("0.97", "a"))
    assert step.target == 100


@pytest.mark.parametrize("fallen_to", ["0.42", "0.20", "0.02"])
async def test_an_exit_goes_down_the_ladder_and_never_below_the_floor(
    desk: Desk, fallen_to: str
) -> None:
    exits = replace(desk.rules.exits, floor=price("0.05"))
    desk.rules = replace(desk.rules, exits=exits)
    position = await desk.opened()
    await desk.positions.review_position(position.position_id)
    desk.venue.quote(fallen_to)
    step = await asked(desk, position, ExitRequest(ExitReason.STOP_LOSS))
    prices = []
    for _ in range(6):
        if step.attempt is None:
            break
        prices.append((await desk.pricing.estimate_slippage(step.attempt)).limit_price)
        step = await sell(desk, step)
    ladder = [price("0.41"), price("0.41"), price("0.37"), *[price("0.05")] * 3]
    tries = {"0.42": 1, "0.20": 4, "0.02": 6}[fallen_to]
    assert prices == ladder[:tries]
    assert step.is_finished is (tries < 6)
    said = [
        "exit 1 is not done, at the floor: "
        "nobody buys at 0.05; tried on, never below but on a person's word"
    ]
    assert await pages(desk) == (said if tries == 6 else [])


@pytest.mark.parametrize("no", [SignRefusal(Control.EXITS_PER_MIN, "481", "480"), None])
async def test_an_attempt_of_which_no_order_left_is_no_step_down_the_ladder(
    desk: Desk, no: SignRefusal | None
) -> None:
    """A signer that refuses or is silent must not make us sell at the floor."""
    position = await desk.opened()
    await desk.positions.review_position(position.position_id)
    desk.venue.quote("0.20")
    step = await asked(desk, position, ExitRequest(ExitReason.STOP_LOSS))
    for tried in range(1, 5):
        assert step.attempt is not None
        assert step.attempt.number == tried
        estimate = await desk.pricing.estimate_slippage(step.attempt)
        assert estimate.limit_price == price("0.41"), tried
        ticket = await desk.risk.check_risk(step.attempt, estimate)
        assert ticket.order_hash is not None
        if no is None:
            desk.clock.advance(desk.rules.orders.retry_until)  # it was away all the time
        await signed_by(desk, no).place_order(ticket.order_hash)
        await desk.orders.record_fills(ticket.order_hash)
        step = await desk.positions.next_exit_step(position.position_id, step)
    assert len(desk.venue.posts) == 1, "the entry"
    assert await pages(desk) == []
    prices = []
    for _ in range(3):
        assert step.attempt is not None
        prices.append((await desk.pricing.estimate_slippage(step.attempt)).limit_price)
        step = await sell(desk, step)
    assert prices == [price("0.41"), price("0.41"), price("0.37")]


async def test_a_refusal_does_not_make_us_forget_what_the_venue_sees_of_our_shares(
    desk: Desk,
) -> None:
    position = await desk.opened()
    desk.venue.script.refusal = (400, "not enough balance / allowance")
    desk.venue.answer_with(Answer.REJECT)
    desk.venue.script.shares = Shares(Decimal(40))
    step = await sell(desk, await begin(desk, position))
    assert step.attempt is not None
    estimate = await desk.pricing.estimate_slippage(step.attempt)
    ticket = await desk.risk.check_risk(step.attempt, estimate)
    assert ticket.order_hash is not None
    no = SignRefusal(Control.EXITS_PER_MIN, "481", "480")
    await signed_by(desk, no).place_order(ticket.order_hash)
    await desk.orders.record_fills(ticket.order_hash)
    step = await desk.positions.next_exit_step(position.position_id, step)
    assert step.attempt is not None
    assert step.attempt.size == 40


async def test_a_person_lets_an_exit_go_below_the_floor_from_its_first_try(desk: Desk) -> None:
    exits = replace(desk.rules.exits, floor=price("0.05"))
    desk.rules = replace(desk.rules, exits=exits)
    position = await desk.opened()
    desk.venue.quote("0.03")
    person = ExitRequest(ExitReason.OPERATOR, who="ann", why="news", lowest=price("0.02"))
    step = await asked(desk, position, person)
    assert step.attempt is not None
    assert (await desk.pricing.estimate_slippage(step.attempt)).limit_price == price("0.02")
    assert (await sell(desk, step)).is_finished


async def test_an_exit_that_is_stuck_at_the_floor_goes_below_it_on_a_persons_word(
    desk: Desk,
) -> None:
    """A whale's or a level's request never does, whatever it says."""
    exits = replace(desk.rules.exits, floor=price("0.05"))
    desk.rules = replace(desk.rules, exits=exits)
    position = await desk.opened()
    desk.venue.quote("0.03")
    step = await asked(desk, position, ExitRequest(ExitReason.WHALE_EXIT, lowest=price("0.01")))
    for _ in range(5):
        step = await sell(desk, step)
        assert not step.is_finished
    command = Command("ann", "news")
    kind, words = PositionCommand.CLOSE_SHARE, "close 1 of it, down to 0.02"
    note = PositionNote("k", kind, command, position.position_id, words, price("0.02"))
    await desk.positions.obey(note)
    await desk.positions.obey(replace(note, key="higher", lowest=price("0.04")))
    step = await sell(desk, step)  # it was priced before she said so
    assert step.attempt is not None
    assert step.attempt.limit_price == price("0.02")
    assert (await sell(desk, step)).is_finished
    assert await desk.store.find_lowest(position.position_id, 1) == price("0.02")


async def test_an_exit_begins_without_asking_the_venue_for_its_market(desk: Desk) -> None:
    position = await desk.opened()
    known, desk.venue.market = desk.venue.market, None
    step = await begin(desk, position)
    assert step.attempt is not None
    desk.venue.market = known
    assert (await sell(desk, step)).is_finished


async def test_what_is_not_settled_is_told_apart_from_what_is_not_there(desk: Desk) -> None:
    position = await desk.opened()
    desk.venue.script.refusal = (400, "not enough balance / allowance")
    desk.venue.answer_with(Answer.REJECT)
    step = await sell(desk, await begin(desk, position))
    assert step.attempt is None
    assert step.summary == "no balance: the venue sees 1 of our 100 shares"
    desk.venue.script.hides_shares = True
    unseen = await desk.positions.next_exit_step(position.position_id, step)
    assert unseen.attempt is not None, "who cannot be asked does not stop an exit"
    desk.venue.script.hides_shares = False
    desk.venue.script.shares = Shares(Decimal(40))
    some = await desk.positions.next_exit_step(position.position_id, step)
    assert some.attempt is not None
    assert some.attempt.size == 40
    desk.venue.script.shares = Shares(Decimal(1000))
    assert (await sell(desk, some)).attempt is not None


async def test_an_unsettled_entry_is_waited_for(desk: Desk) -> None:
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    await desk.env.run(desk.orders.await_fill, order_hash)
    position_id = (await desk.orders.record_fills(order_hash)).position_id
    step = await begin(desk, await desk.position(position_id))
    assert step.summary == "waiting for the entry to settle: 0 of 100 are"


async def test_only_what_is_not_done_is_waited_for_again(desk: Desk) -> None:
    position = await desk.opened()
    desk.venue.script.matched_share = Decimal("0.5")
    step = await sell(desk, await begin(desk, position))
    assert (len(step.order_hashes), step.unresolved) == (1, ())
    assert step.attempt is not None
    ticket = await desk.risk.check_risk(
        step.attempt, await desk.pricing.estimate_slippage(step.attempt)
    )
    waiting = await desk.positions.next_exit_step(position.position_id, step)
    assert waiting.unresolved == (ticket.order_hash,)


async def test_a_person_is_called_until_the_exit_ends(desk: Desk) -> None:
    position = await desk.opened()
    step = await begin(desk, position)
    for name in ("1 min", "5 min"):
        await desk.positions.page_exit(position.position_id, step, name)
    assert await pages(desk) == ["exit 1 is not done, 1 min: sell 100 of 100"]
    await sell(desk, step)
    assert await desk.positions.end_exit(position.position_id) is PositionState.CLOSED
    assert await pages(desk) == []


async def test_an_exit_passes_every_halt_the_kill_switch_and_entries_that_wait(desk: Desk) -> None:
    """What stops entries, all of it at once, does not keep an exit for a moment."""
    position = await desk.opened()
    throttle = replace(desk.rules.throttle, entries_per_s=Decimal("0.001"), entries_burst=1)
    rules = replace(desk.rules, throttle=throttle, risk=replace(desk.rules.risk, wallet_max=usd(1)))

    async def hold_entries(side: Side) -> bool:
        return side is Side.BUY

    gate = SendGate(throttle, desk.clock, desk.clock.pause, hold_entries)
    assert await gate.admit(Side.BUY) == NO_WAIT
    assert await gate.admit(Side.BUY) > timedelta(minutes=10), "entries wait for their bucket"
    ports = OrderPorts(desk.venue, desk.store, desk.detective, desk.bell, FakeLease(), gate)
    orders = OrderActivities(ports, rules.orders, desk.clock)
    desk.rules = rules
    await desk.store.halt_wallet("a person", desk.clock())
    await desk.store.halt_token(position.token_id, "a fault", desk.clock())
    await desk.store.pull_switch(Kill(KillSource.COMMAND, "ann", "drill", desk.clock()))
    assert (await desk.store.load_portfolio(desk.clock())).entries_halted
    assert (await desk.ticket("s2")).reason is Reason.ENTRIES_HALTED
    step = await begin(desk, position)
    assert step.attempt is not None
    ticket = await desk.risk.check_risk(
        step.attempt, await desk.pricing.estimate_slippage(step.attempt)
    )
    assert ticket.order_hash is not None
    begun = desk.clock()
    report = await orders.place_order(ticket.order_hash)
    assert (report.matched, desk.clock()) == (position.size, begun)
