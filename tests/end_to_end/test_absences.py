"""Whoever guards positions is killed while prices fall: every exit that is due is taken once."""

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest

from activities.records import Command
from tests.end_to_end.absences import LISTENER, TEMPORAL, WORKER, Falls, Scene, open_scene
from trading.types import PositionId, TokenId
from workflows import names

pytestmark = pytest.mark.acceptance  # twins: tests/activities/test_backstop.py, test_position.py
AWAY_S = 300.0
WITHIN_S = 60.0
BY_TIMER_S = 15 * 60.0
GUARDED_S = 30.0
NEVER_S = 1e9
CLOSE_EARLIER_S = 12
IN_FLIGHT_S = 10
STOOD_IN = "SELECT type FROM events WHERE type = 'prices_unwatched'"
STOOD_DOWN = "SELECT type FROM events WHERE type = 'prices_watched'"
Tell = Callable[[str, object], None]


async def waits(scene: Scene, within_s: float, tell: Tell) -> Mapping[TokenId, float]:
    """Return how long after its price each exit came to the venue; all have `within_s`."""
    fallen = await scene.fallen()
    sold = await scene.until_sold(fallen, max(fallen.values()) + within_s)
    found = {token: sold.get(token, NEVER_S) - at for token, at in fallen.items()}
    tell("seconds", sorted(round(wait, 1) for wait in found.values()))
    return found


async def test_without_a_listener_for_five_minutes_every_exit_is_taken_within_one(
    record_property: Tell,
) -> None:
    falls = Falls(positions=50, falls=25, ready_s=240, every_s=11)
    async with open_scene(falls) as scene:
        await scene.until_s(falls.ready_s - 2)
        await scene.kill_for_good(LISTENER)
        killed_s = scene.now_s()
        assert falls.at_s(falls.falls - 1) < killed_s + AWAY_S, "all fall while it is away"
        found = await waits(scene, WITHIN_S, record_property)
        assert min(found.values()) > 0, found
        assert max(found.values()) <= WITHIN_S, found
        assert await scene.rows(STOOD_IN), "it was the backstop"
        await scene.until_s(killed_s + AWAY_S)
        await scene.listen_again()

        async def is_watched() -> bool:
            return bool(await scene.rows(STOOD_DOWN))

        await scene.until(is_watched, "prices that are watched again", WITHIN_S)
        await scene.assert_left_once(WITHIN_S)


async def test_with_the_backstop_dead_too_every_exit_is_taken_by_the_positions_own_timer(
    record_property: Tell,
) -> None:
    falls = Falls(positions=50, falls=25, ready_s=240, every_s=2)
    async with open_scene(falls) as scene:
        await scene.stop_reconciling()
        await scene.kill_for_good(LISTENER)
        await scene.until_s(falls.ready_s - 1)  # the sweep that ran has ended by then
        found = await waits(scene, BY_TIMER_S, record_property)
        assert min(found.values()) > 0, found
        assert max(found.values()) <= BY_TIMER_S, found
        assert not await scene.rows(STOOD_IN), "neither the listener nor the backstop"
        await scene.assert_left_once(WITHIN_S)


async def test_after_temporal_worker_and_listener_were_killed_a_stop_is_kept_within_half_a_minute(
    record_property: Tell,
) -> None:
    falls = Falls(positions=3, falls=1, ready_s=150, every_s=1)
    async with open_scene(falls) as scene:
        await scene.until_s(falls.ready_s - CLOSE_EARLIER_S)
        closed = await begin_slow_exit(scene)
        for part in (TEMPORAL, WORKER, LISTENER):
            scene.kill(part)
            await asyncio.sleep(1)
        killed_s = scene.now_s()
        found = await waits(scene, WITHIN_S, record_property)
        (fell_s,) = (await scene.fallen()).values()
        (took_s,) = found.values()
        record_property("after_the_last_kill", round(fell_s + took_s - killed_s, 1))
        assert 0 < fell_s + took_s - killed_s <= GUARDED_S, (killed_s, fell_s, took_s)
        await scene.assert_left_once(WITHIN_S, closed={closed: "OPERATOR"})
        sales = await scene.sales()
        filled = [order["token_id"] for order in sales if Decimal(order["matched"]) > 0]
        assert sorted(filled) == sorted({*filled}), sales
        assert sum(order["token_id"] == closed for order in sales) == 1, "it was in flight"


async def begin_slow_exit(scene: Scene) -> TokenId:
    """Close the last position by hand; the venue takes its order and matches it later."""
    held = {row["token_id"]: row["position_id"] for row in await scene.positions()}
    token = (await scene.tokens())[-1]
    rule = {"at": "post_order", "fault": "delayed", "match": {"side": "SELL"}, "count": 1}
    await scene.plan_faults({**rule, "delay_s": IN_FLIGHT_S})
    owner = names.position_workflow_id(PositionId(held[token]))
    handle = (await scene.temporal()).get_workflow_handle(owner)
    await handle.execute_update(names.CLOSE, Command("test", "enough"))

    async def is_sent() -> bool:
        return token in await scene.sold()

    await scene.until(is_sent, "an exit in flight", WITHIN_S)
    return token
