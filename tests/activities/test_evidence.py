"""What counts as evidence on an order, and when silence counts as death."""

from datetime import timedelta

from tests.activities.desk import Desk
from tests.fakes import Answer
from trading.orders import Intent, Ruling
from trading.types import OrderHash, OrderState


async def posted(desk: Desk, answer: Answer) -> tuple[Intent, OrderHash]:
    order_hash = await desk.committed()
    intent = await desk.store.load_intent(order_hash)
    assert intent is not None
    desk.venue.answer_with(answer)
    await desk.store.begin_sending(order_hash, 1, desk.clock())
    await desk.venue.post_order(intent)
    lost = Ruling(OrderState.UNKNOWN, "no answer")
    await desk.store.fold(order_hash, [lost], desk.clock())
    return intent, order_hash


async def test_order_and_trades_are_folded_together(desk: Desk) -> None:
    intent, _ = await posted(desk, Answer.LOST_AFTER)
    progress = await desk.detective.look(intent)
    assert progress.state is OrderState.MATCHED
    assert progress.matched == progress.size
    assert progress == await desk.detective.look(intent)


async def test_a_venue_that_is_away_proves_nothing(desk: Desk) -> None:
    intent, _ = await posted(desk, Answer.LOST_AFTER)
    desk.venue.script.is_away = True
    assert (await desk.detective.look(intent)).state is OrderState.UNKNOWN


async def test_an_order_known_to_the_chain_or_to_a_silent_chain_is_never_void(desk: Desk) -> None:
    intent, order_hash = await posted(desk, Answer.LOST_AFTER)
    desk.clock.advance(timedelta(seconds=60))
    progress = await desk.progress(order_hash)
    assert await desk.detective.rule_on_absence(intent, progress) == progress
    desk.venue.script.is_away = True
    assert await desk.detective.rule_on_absence(intent, progress) == progress


async def test_nothing_is_ruled_before_the_time_for_sending_and_the_quarantine_are_over(
    desk: Desk,
) -> None:
    intent, order_hash = await posted(desk, Answer.LOST_BEFORE)
    progress = await desk.progress(order_hash)
    for _ in range(2):
        assert await desk.detective.rule_on_absence(intent, progress) == progress
        desk.clock.advance(timedelta(seconds=20))
    desk.clock.advance(timedelta(seconds=20))
    ruled = await desk.detective.rule_on_absence(intent, progress)
    assert ruled.state is OrderState.VOID
