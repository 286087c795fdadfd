"""Tests of positions whose market has a result: paid once, booked when paid, and never sooner."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import cast

import pytest

from activities.redeeming import Redeeming
from activities.redemption import RedemptionActivities, RedemptionKeeper
from storage.port import PositionRecord, PositionStore
from tests.activities.desk import Desk
from tests.activities.redeem_desk import (
    RULES,
    STEPS_MAX,
    FakeChain,
    Killed,
    activities_of,
    check_books,
    draw_fates,
    limits_used,
    open_chain,
    ports_of,
    redemption_cash,
)
from tests.fakes import Answer
from trading.types import Market, OrderHash, OrderType, PositionId, PositionState, Price

OUTCOMES = {
    "win": ("1", "0"),
    "lose": ("0", "1"),
    "void": ("0.5", "0.5"),
    "disputed": ("1", "0"),
}
Step = Callable[[], Awaitable[None]]


async def run_to_end(
    desk: Desk, chain: FakeChain, position_id: PositionId, later: Mapping[int, Step] | None = None
) -> PositionState:
    """Redeem, begun anew whenever its process is killed; look at the books at every pause."""
    steps, plans = 0, dict(later or {})

    async def pause(time: timedelta) -> None:
        nonlocal steps
        steps += 1
        assert steps < STEPS_MAX, "expected an end"
        await check_books(desk, chain, position_id)
        await desk.clock.pause(time)
        plan = plans.pop(steps, None)
        if plan is not None:
            await plan()

    while True:
        activities = activities_of(desk, chain)
        activities._pause = pause
        try:
            state = await desk.env.run(activities.redeem_position, position_id)
        except Killed:
            await desk.clock.pause(timedelta(seconds=8))  # until the server gives it to another
            continue
        await check_books(desk, chain, position_id)
        return state


async def order_of(desk: Desk, order_hash: OrderHash) -> PositionId:
    intent = await desk.store.load_intent(order_hash)
    assert intent is not None
    return intent.position_id


# Orders at the moment of the result: each returns its position, and what ends the order later.


async def never_sent(desk: Desk) -> tuple[PositionId, Step]:
    order_hash = await desk.committed()

    async def end() -> None:
        desk.clock.advance(timedelta(seconds=60))
        await desk.env.run(desk.orders.await_fill, order_hash)
        await desk.env.run(desk.orders.await_settlement, order_hash)
        await desk.orders.record_fills(order_hash)

    return await order_of(desk, order_hash), end


async def resting(desk: Desk) -> tuple[PositionId, Step]:
    desk.rules = desk.rules.with_entry_order_type(OrderType.GTC)
    desk.venue.answer_with(Answer.LIVE)
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    desk.venue.fill(order_hash, "0.5")

    async def end() -> None:
        await desk.venue.cancel_orders([order_hash])
        await desk.env.run(desk.orders.await_fill, order_hash)
        await desk.env.run(desk.orders.await_settlement, order_hash)
        await desk.orders.record_fills(order_hash)

    return await order_of(desk, order_hash), end


async def matched(desk: Desk) -> tuple[PositionId, Step]:
    order_hash = await desk.committed()
    await desk.orders.place_order(order_hash)
    await desk.env.run(desk.orders.await_fill, order_hash)
    position_id = (await desk.orders.record_fills(order_hash)).position_id

    async def end() -> None:
        await desk.env.run(desk.orders.await_settlement, order_hash)
        await desk.orders.record_fills(order_hash)

    return position_id, end


async def held(desk: Desk) -> tuple[PositionId, Step]:
    position = await desk.opened()

    async def end() -> None:
        """Nothing is under way."""

    return position.position_id, end


async def leaving(desk: Desk) -> tuple[PositionId, Step]:
    position = await desk.opened()
    order_hash = await desk.exit_of(position)
    desk.venue.script.matched_share = Decimal("0.4")
    await desk.orders.place_order(order_hash)
    await desk.env.run(desk.orders.await_fill, order_hash)
    await desk.orders.record_fills(order_hash)

    async def end() -> None:
        await desk.env.run(desk.orders.await_settlement, order_hash)
        await desk.orders.record_fills(order_hash)

    return position.position_id, end


PHASES = (never_sent, resting, matched, held, leaving)


async def resolve_in(desk: Desk, phase: Callable[..., object], outcome: str, seed: int) -> None:
    rng = random.Random(f"{seed} {phase.__name__} {outcome}")
    position_id, end = await phase(desk)  # type: ignore[misc]
    chain = FakeChain(desk, desk.venue.wallet, fates=draw_fates(rng))
    if rng.random() < 0.3:
        chain.pays_itself_at = desk.clock() + timedelta(seconds=rng.randrange(40))
    if outcome == "disputed":
        chain.reported_at = desk.clock() + timedelta(seconds=rng.randrange(10, 120))
        if chain.pays_itself_at is not None:
            chain.pays_itself_at = chain.reported_at + timedelta(seconds=5)
    desk.venue.resolve(*OUTCOMES[outcome], paid=False)
    state = await run_to_end(desk, chain, position_id, {rng.randrange(1, 8): end})
    position = await desk.position(position_id)
    assert state is position.state
    assert state.is_over, (seed, phase.__name__, outcome)
    assert await redemption_cash(desk) == chain.paid, (seed, phase.__name__, outcome)
    assert position.exposure == await limits_used(desk) == 0
    assert position.size == 0 or Decimal(OUTCOMES[outcome][0]) == 0
    assert await desk.store.open_sending(desk.venue.wallet) is None


@pytest.mark.parametrize(
    ("phase", "outcome"),
    [
        (never_sent, "win"),
        (resting, "void"),
        (matched, "disputed"),
        (held, "lose"),
        (leaving, "win"),
    ],
)
async def test_a_market_may_end_at_any_phase_of_an_order(
    desk: Desk, phase: Callable[..., object], outcome: str
) -> None:
    await resolve_in(desk, phase, outcome, seed=1)


@pytest.mark.acceptance
@pytest.mark.parametrize("seed", range(1, 11))
@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)
async def test_a_market_may_end_at_any_phase_by_seed(
    desk: Desk, phase: Callable[..., object], outcome: str, seed: int
) -> None:
    await resolve_in(desk, phase, outcome, seed)


async def test_a_kill_between_sending_and_noting_redeems_once(desk: Desk) -> None:
    position = await desk.opened()
    chain = open_chain(desk, "killed", "killed")
    desk.venue.resolve("1", "0", paid=False)
    assert await run_to_end(desk, chain, position.position_id) is PositionState.REDEEMED
    assert [mined.paid for mined in chain.mined] == [position.size]
    assert len(set(chain.sent)) == 1, "expected the same bytes at every sending"


async def test_what_the_platform_redeems_is_adopted_and_not_repeated(desk: Desk) -> None:
    position = await desk.opened()
    chain = open_chain(desk)
    chain.pays_itself_at = desk.clock() + timedelta(seconds=2)
    desk.venue.resolve("1", "0", paid=False)
    assert await run_to_end(desk, chain, position.position_id) is PositionState.REDEEMED
    assert (chain.sent, chain.paid) == ([], position.size)


async def test_a_redemption_of_a_person_ends_ours(desk: Desk) -> None:
    position = await desk.opened()
    chain = open_chain(desk, *["lost_before"] * 9)
    desk.venue.resolve("1", "0", paid=False)

    async def person_redeems() -> None:
        chain.pays_itself_at = desk.clock()

    steps = {12: person_redeems}
    assert await run_to_end(desk, chain, position.position_id, steps) is PositionState.REDEEMED
    assert chain.sent
    assert await desk.store.open_sending(desk.venue.wallet) is None
    assert not chain.mined


async def test_positions_of_one_condition_are_redeemed_in_one_transaction(desk: Desk) -> None:
    first = await desk.opened("s1")
    second = await desk.opened("s2")  # adds to the same position: one whale, one token
    assert second.position_id == first.position_id
    chain = open_chain(desk)
    desk.venue.resolve("1", "0", paid=False)
    assert await run_to_end(desk, chain, first.position_id) is PositionState.REDEEMED
    assert [mined.paid for mined in chain.mined] == [second.size]


async def test_without_a_way_to_send_it_waits_for_the_platform(desk: Desk) -> None:
    position = await desk.opened()
    chain = open_chain(desk)
    chain.may_send = False
    chain.pays_itself_at = desk.clock() + timedelta(minutes=3)
    desk.venue.resolve("1", "0", paid=False)
    assert await run_to_end(desk, chain, position.position_id) is PositionState.REDEEMED
    assert not chain.sent


async def test_a_day_without_pay_calls_a_person(desk: Desk) -> None:
    position = await desk.opened()
    chain = open_chain(desk)
    chain.may_send = False
    desk.venue.resolve("1", "0", paid=False)

    async def pass_a_day() -> None:
        desk.clock.advance(RULES.page_after)

    async def pay() -> None:
        assert (await desk.position(position.position_id)).state is PositionState.REDEEMABLE
        chain.pays_itself_at = desk.clock()

    assert await run_to_end(desk, chain, position.position_id, {3: pass_a_day, 6: pay})
    assert list(await desk.events()).count("redemption_page") == 1


async def test_a_chain_that_pays_otherwise_than_the_venue_says_books_nothing(desk: Desk) -> None:
    position = await desk.opened()
    chain = open_chain(desk)
    chain.payouts = (Price(Decimal("0.5")), Price(Decimal("0.5")))
    desk.venue.resolve("1", "0", paid=False)

    async def agree() -> None:
        assert (await desk.position(position.position_id)).state is PositionState.RESOLVED
        assert await redemption_cash(desk) == 0
        chain.payouts = None

    assert await run_to_end(desk, chain, position.position_id, {6: agree})
    assert list(await desk.events()).count("redemption_page") == 1


async def test_a_chain_that_is_away_is_asked_again(desk: Desk) -> None:
    position = await desk.opened()
    chain = open_chain(desk)
    chain.is_away = True
    desk.venue.resolve("1", "0", paid=False)

    async def come_back() -> None:
        chain.is_away = False

    assert await run_to_end(desk, chain, position.position_id, {5: come_back})
    assert chain.paid == position.size


async def test_a_position_without_a_result_waits(desk: Desk) -> None:
    position = await desk.opened()
    chain = open_chain(desk)

    async def end() -> None:
        desk.venue.resolve("0", "1", paid=False)

    assert await run_to_end(desk, chain, position.position_id, {4: end})
    again = await desk.env.run(activities_of(desk, chain).redeem_position, position.position_id)
    assert again is PositionState.REDEEMED
    assert not chain.sent
    assert await redemption_cash(desk) == 0


# Negative controls: the checks above see what they are there for.


class BooksAtOnce(RedemptionActivities):
    """Takes a result for money."""

    async def _settle(self, record: PositionRecord, *rest: object) -> PositionState:
        return await self._book(record, Price(Decimal(1)))


async def test_capital_freed_before_redemption_would_be_seen(desk: Desk) -> None:
    position = await desk.opened()
    chain = open_chain(desk)
    desk.venue.resolve("1", "0", paid=False)
    activities = activities_of(desk, chain, kind=BooksAtOnce)
    await desk.env.run(activities.redeem_position, position.position_id)
    with pytest.raises(AssertionError, match=r"booked .* of 0 that the chain has paid"):
        await check_books(desk, chain, position.position_id)


class Forgets(Redeeming):
    """Keeps no note of what it sends."""

    async def drive(self, market: Market) -> None:
        request = await self._ports.redeemer.prepare(market)
        await self._ports.redeemer.redeem(request)


@pytest.mark.parametrize(("kind", "is_seen"), [(Redeeming, False), (Forgets, True)])
async def test_a_second_redemption_would_be_seen(
    desk: Desk, kind: type[Redeeming], is_seen: bool
) -> None:
    position = await desk.opened()
    chain = open_chain(desk, "slow")
    chain.queues = True
    desk.venue.resolve("1", "0", paid=False)
    activities = activities_of(desk, chain, redeeming=kind)
    await desk.env.run(activities.redeem_position, position.position_id)
    await desk.clock.pause(timedelta(minutes=5))
    chain._turn()
    if not is_seen:
        await check_books(desk, chain, position.position_id)
        return
    with pytest.raises(AssertionError, match="redeemed by"):
        await check_books(desk, chain, position.position_id)


# The keeper


async def test_the_keeper_redeems_dust_and_calls_for_late_results(desk: Desk) -> None:
    position = await desk.opened()
    chain = open_chain(desk)
    keeper = RedemptionKeeper(ports_of(desk, chain), RULES, desk.clock)
    market = desk.venue.market
    assert market is not None
    assert market.ends_at is not None
    await keeper.look()
    desk.clock.now = market.ends_at + RULES.page_after
    for _ in range(2):
        await keeper.look()
    assert list(await desk.events()).count("redemption_page") == 1
    desk.venue.market = replace(market, ends_at=None)
    await desk.markets.refresh(position.token_id)
    await keeper.look()


class DustShelf:
    """Positions of which one is closed and still holds something."""

    def __init__(self, record: PositionRecord) -> None:
        self.record = record

    async def list_open(self) -> list[PositionRecord]:
        return []

    async def list_dust(self) -> list[PositionRecord]:
        return [self.record]


async def test_dust_that_is_worth_something_is_redeemed_after_a_while(desk: Desk) -> None:
    position = await desk.opened()
    chain = open_chain(desk)
    shelf = cast(PositionStore, DustShelf(replace(position, state=PositionState.CLOSED)))
    ports = replace(ports_of(desk, chain), positions=shelf)
    keeper = RedemptionKeeper(ports, RULES, desk.clock)
    await keeper.look()
    desk.venue.resolve("0", "1", paid=False)
    await keeper.look()
    desk.venue.resolve("1", "0", paid=False)
    await keeper.look()
    assert chain.sent == []
    desk.clock.advance(RULES.grace)
    await keeper.look()
    assert len(chain.sent) == 1
    desk.clock.advance(RULES.sendings_apart)
    await keeper.look()
    assert chain.paid == position.size
    assert len(chain.mined) == 1


async def test_the_keeper_goes_on_when_nobody_answers(desk: Desk) -> None:
    await desk.opened()
    chain = open_chain(desk)
    market = desk.venue.market
    assert market is not None
    assert market.ends_at is not None
    desk.clock.now = market.ends_at + RULES.page_after
    desk.venue.script.is_away = True
    looks = 0

    async def pause(time: timedelta) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise Killed

    with pytest.raises(Killed):
        await RedemptionKeeper(ports_of(desk, chain), RULES, desk.clock).run(pause)
    assert looks == 3
