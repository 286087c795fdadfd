"""What counts as evidence on an order, and when silence counts as death."""

from datetime import timedelta

from tests.activities.desk import Desk
from tests.fakes import Answer
from trading.orders import Intent, Ruling
from trading.types import OrderHash, OrderState, OrderType


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
    look = await desk.detective.look(intent)
    assert look.progress.state is OrderState.MATCHED
    assert look.progress.matched == look.progress.size
    assert not look.is_silent
    assert look == await desk.detective.look(intent)


async def test_a_venue_that_is_away_proves_nothing_however_long_it_stays_away(desk: Desk) -> None:
    intent, _ = await posted(desk, Answer.LOST_BEFORE)
    desk.venue.script.is_away = True
    look = await desk.detective.look(intent)
    assert look.progress.state is OrderState.UNKNOWN
    assert not look.is_silent
    desk.clock.advance(timedelta(hours=1))
    assert (await desk.detective.resolve(intent)).state is OrderState.UNKNOWN


async def test_an_order_known_to_the_chain_or_to_a_silent_chain_is_never_void(desk: Desk) -> None:
    intent, _ = await posted(desk, Answer.LOST_AFTER)
    desk.venue.script.forgets_ended = True
    desk.venue.script.trades_seen_after = timedelta(hours=1)
    desk.clock.advance(timedelta(seconds=59))
    assert (await desk.detective.resolve(intent)).state is OrderState.UNKNOWN
    desk.venue.script.is_chain_away = True
    assert (await desk.detective.resolve(intent)).state is OrderState.UNKNOWN


async def test_nothing_is_ruled_before_the_time_for_sending_and_the_quarantine_are_over(
    desk: Desk,
) -> None:
    intent, _ = await posted(desk, Answer.LOST_BEFORE)
    for _ in range(2):
        assert (await desk.detective.resolve(intent)).state is OrderState.UNKNOWN
        desk.clock.advance(timedelta(seconds=20))
    desk.clock.advance(timedelta(seconds=20))
    assert (await desk.detective.resolve(intent)).state is OrderState.VOID


async def test_an_order_that_left_the_book_is_dead_only_when_nothing_was_heard_for_long(
    desk: Desk,
) -> None:
    desk.rules = desk.rules.with_entry_order_type(OrderType.GTC)
    intent, order_hash = await posted(desk, Answer.LIVE)
    await desk.detective.look(intent)
    await desk.venue.cancel_orders([order_hash])
    desk.venue.script.forgets_ended = True
    detective = desk.detective
    assert (await detective.resolve(intent, is_asked_to_die=True)).state is OrderState.LIVE
    desk.clock.advance(timedelta(seconds=7))
    assert (await detective.resolve(intent)).state is OrderState.LIVE  # nobody asked it to die
    resolved = await detective.resolve(intent, is_asked_to_die=True)
    assert resolved.state is OrderState.CANCELLED


async def test_an_order_that_is_seen_again_begins_a_new_silence(desk: Desk) -> None:
    desk.rules = desk.rules.with_entry_order_type(OrderType.GTC)
    intent, order_hash = await posted(desk, Answer.LIVE)
    booked, detective = desk.venue.orders.pop(order_hash), desk.detective
    assert (await detective.resolve(intent, is_asked_to_die=True)).state is OrderState.UNKNOWN
    desk.clock.advance(timedelta(seconds=5))
    desk.venue.orders[order_hash] = booked
    assert (await detective.resolve(intent, is_asked_to_die=True)).state is OrderState.LIVE
    del desk.venue.orders[order_hash]
    desk.clock.advance(timedelta(seconds=5))
    assert (await detective.resolve(intent, is_asked_to_die=True)).state is OrderState.LIVE


async def test_fills_that_only_the_chain_knows_keep_an_order_alive(desk: Desk) -> None:
    desk.rules = desk.rules.with_entry_order_type(OrderType.GTC)
    intent, order_hash = await posted(desk, Answer.LIVE)
    await desk.detective.look(intent)
    desk.venue.fill(order_hash)
    desk.venue.script.forgets_ended = True
    desk.venue.script.trades_seen_after = timedelta(hours=1)
    detective = desk.detective
    for _ in range(2):
        desk.clock.advance(timedelta(seconds=30))
        resolved = await detective.resolve(intent, is_asked_to_die=True)
        assert resolved.state is OrderState.LIVE


async def test_an_order_that_stays_unknown_too_long_halts_its_token(desk: Desk) -> None:
    intent, _ = await posted(desk, Answer.LOST_BEFORE)
    desk.venue.script.is_away = True
    desk.clock.advance(timedelta(seconds=59))
    await desk.detective.resolve(intent)
    assert not await desk.halts()
    desk.clock.advance(timedelta(seconds=2))
    for _ in range(2):
        await desk.detective.resolve(intent)
    (halt,) = await desk.halts()
    assert intent.order.order_hash in halt
