"""The first and the last step of a copied trade: the verdict that stands, the end that stands."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from temporalio.exceptions import ApplicationError

from activities.signals import ASSESS, SignalActivities, SignalPorts, describe
from storage.decision_inputs import read_inputs
from tests.activities.desk import SIGNAL, Desk
from tests.fakes import Answer
from tests.storage.builders import market, signal, whale, whale_fill
from trading.types import ExitReason, Reason, Side, SignalId, SignalState, TokenId, Wallet
from trading.verdict import decide_again, differences


async def test_a_good_signal_is_copied_and_the_first_verdict_stands(desk: Desk) -> None:
    await desk.tell()
    assessment = await desk.signals.assess_signal(SIGNAL)
    assert assessment.is_copied
    assert assessment.summary.startswith("BUY 48")
    assert assessment.give_up_at == desk.clock() + timedelta(seconds=90)
    desk.clock.advance(timedelta(seconds=60))
    desk.venue.quote(None)
    assert await desk.signals.assess_signal(SIGNAL) == assessment


async def test_a_signal_that_is_too_old_asks_the_venue_nothing(desk: Desk) -> None:
    told = replace(signal("lost"), token_id=TokenId("9" * 77), traded_at=desk.clock())
    await desk.store.record_signal(told, desk.clock())
    desk.clock.advance(timedelta(seconds=6))
    desk.venue.script.is_away = True
    old = await desk.signals.assess_signal(SignalId("lost"))
    assert (old.reason, old.ended_as) == (Reason.SIGNAL_TOO_OLD, SignalState.EXPIRED)


async def test_whoever_started_a_trade_is_told_of_its_end(desk: Desk) -> None:
    told: list[SignalId] = []
    store = desk.store
    ports = SignalPorts(store, store, store, store, desk.markets, desk.bell, store, told.append)
    signals = SignalActivities(ports, desk.rules, desk.clock)
    await desk.tell("no")
    await signals.refuse_signal(SignalId("no"), SignalState.FILTERED, Reason.WHALE_UNKNOWN)
    order_hash = await desk.committed()
    await desk.traded(order_hash)
    await signals.conclude_signal(SIGNAL, [order_hash])
    assert told == ["no", SIGNAL]


async def test_every_no_says_how_the_signal_ends(desk: Desk) -> None:
    await desk.tell("old")
    desk.clock.advance(timedelta(seconds=6))
    old = await desk.signals.assess_signal(SignalId("old"))
    assert (old.reason, old.ended_as) == (Reason.SIGNAL_TOO_OLD, SignalState.EXPIRED)
    await desk.tell("strange")
    await desk.store.save_whale(whale(followed=False), desk.clock())
    strange = await desk.signals.assess_signal(SignalId("strange"))
    assert (strange.reason, strange.ended_as) == (Reason.WHALE_UNKNOWN, SignalState.FILTERED)
    assert strange.reason is not None
    ended = await desk.signals.refuse_signal(strange.signal_id, strange.ended_as, strange.reason)
    assert ended.state is await desk.state("strange") is SignalState.FILTERED
    stored = await desk.store.load_signal(strange.signal_id)
    assert stored is not None
    assert stored.refusal is not None
    assert stored.refusal.numbers["whale_price"] == "0.510000"


async def test_a_market_or_a_whale_that_nobody_knows_is_refused(desk: Desk) -> None:
    desk.venue.market, known = None, desk.venue.market
    told = replace(signal("lost"), token_id=TokenId("9" * 77))
    await desk.store.record_signal(told, desk.clock())
    lost = await desk.signals.assess_signal(SignalId("lost"))
    assert lost.reason is Reason.MARKET_UNKNOWN
    desk.venue.market = known
    stranger = replace(signal("who"), wallet=Wallet("0x" + "99" * 20))
    await desk.store.record_signal(stranger, desk.clock())
    assert (await desk.signals.assess_signal(SignalId("who"))).reason is Reason.WHALE_UNKNOWN


async def test_a_second_signal_in_a_token_reckons_with_what_is_held(desk: Desk) -> None:
    await desk.traded(await desk.committed("s1", size="10"))
    await desk.tell("s2")
    await desk.signals.assess_signal(SignalId("s2"))
    verdict = await desk.store.load_decision(SignalId("s2"), "assess_signal")
    assert verdict is not None
    assert verdict["held"] == "10.000000"


async def test_a_whale_that_sells_takes_our_share_along(desk: Desk) -> None:
    await desk.store.record_fill(whale_fill("6001", traded_at=desk.clock() - timedelta(hours=1)))
    position = await desk.opened()
    await desk.tell("out", Side.SELL)
    assessment = await desk.signals.assess_signal(SignalId("out"))
    assert assessment.position_id == position.position_id
    assert assessment.exit_share == Decimal("3000.5") / 6001
    await desk.store.begin_exit(position.position_id, ExitReason.OPERATOR, desk.clock())
    desk.venue.resolve("1", "0")
    await desk.env.run(desk.positions.await_redemption, position.position_id)
    gone = await desk.signals.assess_signal(SignalId("out"))
    assert gone.reason is Reason.NO_POSITION_TO_REDUCE


async def test_a_whale_that_sells_what_we_do_not_hold_is_ignored(desk: Desk) -> None:
    await desk.tell("out", Side.SELL)
    assessment = await desk.signals.assess_signal(SignalId("out"))
    assert assessment.reason is Reason.NO_POSITION_TO_REDUCE


@pytest.mark.parametrize(
    ("answer", "end", "cancelled"),
    [
        (Answer.MATCH, SignalState.FILLED, SignalState.FILLED),
        (Answer.KILL, SignalState.UNFILLED, SignalState.CANCELLED),
        (Answer.REJECT, SignalState.VENUE_REJECTED, SignalState.CANCELLED),
    ],
)
async def test_a_signal_ends_as_its_order_did(
    desk: Desk, answer: Answer, end: SignalState, cancelled: SignalState
) -> None:
    desk.venue.answer_with(answer, answer)
    first, second = await desk.committed("s1"), await desk.committed("s2")
    await desk.orders.place_order(second)
    for order_hash in (first, second):
        await desk.traded(order_hash)
    assert (await desk.signals.conclude_signal(SignalId("s1"), [first])).state is end
    assert (await desk.signals.cancel_signal(SignalId("s2"), [second])).state is cancelled
    assert (await desk.signals.cancel_signal(SignalId("s1"), [first])).state is end


async def test_a_part_is_partial_and_nothing_at_all_is_nothing(desk: Desk) -> None:
    desk.venue.script.matched_share = Decimal("0.5")
    order_hash = await desk.committed()
    await desk.traded(order_hash)
    assert (await desk.signals.conclude_signal(SIGNAL, [order_hash])).state is SignalState.PARTIAL
    await desk.tell("none")
    ended = await desk.signals.conclude_exit_signal(SignalId("none"), [])
    assert ended.state is SignalState.UNFILLED


async def test_a_person_s_word_before_anything_was_sent_is_a_cancel(desk: Desk) -> None:
    order_hash = await desk.committed()
    await desk.orders.stop_orders(SIGNAL)
    ended = await desk.signals.cancel_signal(SIGNAL, [order_hash])
    assert ended.state is SignalState.CANCELLED


async def test_an_order_that_is_not_done_ends_nothing(desk: Desk) -> None:
    desk.venue.answer_with(Answer.LOST_AFTER)
    order_hash = await desk.committed()
    with pytest.raises(ApplicationError):
        await desk.orders.place_order(order_hash)
    with pytest.raises(AssertionError, match="to be done"):
        await desk.signals.conclude_signal(SIGNAL, [order_hash])


async def test_the_end_that_another_writes_is_waited_for(desk: Desk) -> None:
    await desk.tell()

    async def end() -> None:
        await desk.store.finish_signal(SIGNAL, SignalState.FILLED, None, desk.clock())

    desk.bell.plans.append(end)
    ended = await desk.env.run(desk.signals.await_end, SIGNAL)
    assert ended.state is SignalState.FILLED
    assert len(desk.heartbeats) == 1


def test_a_trade_is_described_for_people() -> None:
    said = describe(signal(), market(), "120", "0.44")
    assert said == "BUY 120 Yes @ ≤0.44 'Will it?' after 0xb2b2…b2b2"
    assert "SELL 120 Yes @ ≥0.44" in describe(signal(side=Side.SELL), market(), "120", "0.44")
    assert describe(signal(), None) == "BUY 77777777 @ 0.5100 'unknown market' after 0xb2b2…b2b2"


async def test_a_verdict_is_kept_with_what_it_was_made_from(desk: Desk) -> None:
    await desk.tell()
    await desk.signals.assess_signal(SIGNAL)
    verdict = await desk.store.load_decision(SIGNAL, ASSESS)
    inputs = read_inputs(await desk.store.load_inputs(SIGNAL, ASSESS))
    assert verdict is not None
    assert inputs is not None
    assert not differences(verdict, decide_again(inputs.facts, inputs.rules))
