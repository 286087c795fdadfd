"""One exit, however long it takes: in composition, once each, and with a person called."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from storage.port import PositionRecord
from storage.reviews import ReviewKind
from tests.fakes import Answer
from tests.storage.builders import shares
from tests.workflows.hall import Hall, until
from tests.workflows.test_position import CLOSE, reviewed
from trading.types import (
    ExitReason,
    ExitRequest,
    PositionState,
    Settlement,
    Side,
    SignalId,
    SignalState,
)
from workflows import options
from workflows.position import PositionWorkflow


async def sold_by(hall: Hall, name: str, share: str) -> ExitRequest:
    """Let the whale sell, and return what its copy asks of the position."""
    signal_id = SignalId(f"{name}-{hall.queue[-8:]}")
    await hall.desk.tell(signal_id, Side.SELL)
    return ExitRequest(ExitReason.WHALE_EXIT, Decimal(share), signal_id, who="whale")


async def is_over(hall: Hall, *requests: ExitRequest) -> bool:
    """Tell whether the signals of all these have ended."""
    ids = [request.signal_id for request in requests if request.signal_id is not None]
    return all([(await hall.desk.state(signal_id)).is_terminal for signal_id in ids])


async def size_of(hall: Hall, position: PositionRecord) -> Decimal:
    return (await hall.desk.position(position.position_id)).size


async def pages(hall: Hall, *, open_only: bool) -> list[str]:
    found = await hall.desk.store.list_reviews(open_only=open_only, limit=10)
    return [s.review.reason for s in found if s.review.kind is ReviewKind.EXIT_STUCK]


async def test_two_whale_sales_that_come_together_are_one_exit_and_end_once(hall: Hall) -> None:
    position = await hall.desk.opened()
    asked = [await sold_by(hall, "a", "0.5"), await sold_by(hall, "b", "0.3")]
    owner = await hall.own(position.position_id)
    for request in (*asked, asked[0]):
        await owner.signal(PositionWorkflow.request_exit, request)
    async with hall.worker():
        await until(lambda: is_over(hall, *asked))
    after = await hall.desk.position(position.position_id)
    assert (after.size, after.exit_epoch) == (shares(35), 1)
    assert after.state is PositionState.OPEN
    assert len(hall.desk.venue.posts) == 2


async def test_what_is_asked_during_an_exit_follows_it(hall: Hall) -> None:
    position = await hall.desk.opened()
    first, second = await sold_by(hall, "a", "0.5"), await sold_by(hall, "b", "0.3")
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)

        async def ask() -> None:
            hall.desk.venue.script.posting = None
            await owner.signal(PositionWorkflow.request_exit, second)

        hall.desk.venue.script.posting = ask
        await owner.signal(PositionWorkflow.request_exit, first)
        await until(lambda: is_over(hall, first, second))
    after = await hall.desk.position(position.position_id)
    assert (after.size, after.exit_epoch) == (shares(35), 2)
    assert len(hall.desk.venue.posts) == 3


async def test_stop_target_person_and_whale_at_once_are_one_exit(hall: Hall) -> None:
    position = await hall.desk.opened()
    whale = await sold_by(hall, "a", "0.5")
    reasons = (ExitReason.TAKE_PROFIT, ExitReason.STOP_LOSS)
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        await asyncio.gather(
            *(owner.signal(PositionWorkflow.request_exit, ExitRequest(r)) for r in reasons),
            owner.signal(PositionWorkflow.request_exit, whale),
            owner.signal(PositionWorkflow.request_exit, CLOSE),
        )
        review = await owner.result()
    assert review.state is PositionState.CLOSED
    assert await hall.desk.state(whale.signal_id or "") in (SignalState.FILLED, SignalState.PARTIAL)
    assert await size_of(hall, position) == 0
    sales = [o for o in hall.desk.venue.orders.values() if o.intent.side is Side.SELL]
    assert sum(order.matched for order in sales) == position.size


async def test_who_wants_all_right_after_one_who_wants_a_share_has_the_same_exit(
    hall: Hall,
) -> None:
    position = await hall.desk.opened()
    whale = await sold_by(hall, "a", "0.5")
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)

        async def ask() -> None:
            hall.desk.venue.script.looking = None
            await owner.signal(PositionWorkflow.request_exit, CLOSE)

        hall.desk.venue.script.looking = ask
        await owner.signal(PositionWorkflow.request_exit, whale)
        review = await owner.result()
    assert (review.state, review.exit_epoch) == (PositionState.CLOSED, 1)
    assert await hall.desk.state(whale.signal_id or "") is SignalState.FILLED


async def test_what_the_chain_refuses_is_sold_again_by_the_same_exit(hall: Hall) -> None:
    position = await hall.desk.opened()
    script = hall.desk.venue.script
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        script.settlement = Settlement.FAILED
        script.settled_after = timedelta(milliseconds=1)

        async def mend() -> None:
            if len(hall.desk.venue.posts) == 3:
                hall.desk.venue.trades = hall.desk.venue.trades[:1]
                script.settlement = Settlement.CONFIRMED

        script.posting = mend
        await owner.signal(PositionWorkflow.request_exit, CLOSE)
        review = await owner.result()
    assert (review.state, review.exit_epoch) == (PositionState.CLOSED, 1)
    assert len(hall.desk.venue.posts) >= 3


async def test_an_exit_that_is_not_done_calls_a_person_until_it_is(jumping_hall: Hall) -> None:
    hall = jumping_hall
    position = await hall.desk.opened()
    hall.desk.venue.quote(None)
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await owner.signal(PositionWorkflow.request_exit, CLOSE)

        ending = asyncio.ensure_future(owner.result())  # time passes while this is awaited

        async def has_paged() -> bool:
            return (await hall.desk.events()).count("exit_stuck") >= 4

        await until(has_paged)  # no order could be made, and after 1, 5 and 15 minutes
        assert await pages(hall, open_only=True) == [
            "exit 1 is not done, no order: no order can be made: BOOK_INVALID"
        ]
        hall.desk.venue.quote("0.50", "0.51")
        review = await ending
    assert review.state is PositionState.CLOSED
    assert await pages(hall, open_only=True) == []
    assert (await hall.desk.events()).count("exit_stuck") == 4


async def test_a_long_partial_exit_sells_its_share_once_over_many_runs(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "POSITION_EVENTS_MAX", 25)
    monkeypatch.setattr(options, "EXIT_RETRY_FIRST", timedelta(milliseconds=20))
    position = await hall.desk.opened()
    asked = [await sold_by(hall, "a", "0.5"), await sold_by(hall, "b", "0.3")]
    hall.desk.venue.script.matched_share = Decimal("0.5")
    hall.desk.venue.answer_with(*[Answer.KILL] * 4)
    owner = await hall.own(position.position_id)
    first = owner.first_execution_run_id
    for request in asked:
        await owner.signal(PositionWorkflow.request_exit, request)
    async with hall.worker():
        await until(lambda: is_over(hall, *asked))
        assert (await owner.describe()).run_id != first
    after = await hall.desk.position(position.position_id)
    assert after.exit_epoch == 1
    assert 35 <= after.size < 40, "what is left of an exit below the smallest order stays"
