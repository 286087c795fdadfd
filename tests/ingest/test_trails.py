import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest

import ingest.trails
from ingest.exits import ExitDesk
from ingest.trails import Trails
from storage.level_port import LevelStore
from storage.port import Levels, PositionRecord, StorageUnavailableError
from tests.ingest.desk import Ears, until
from tests.ingest.test_exits import RULES, look, position
from tests.storage.builders import price
from trading.types import PositionId

P1 = PositionId("p1")


class Store:
    """Takes levels, unless it is told to be away or that somebody else moved them."""

    def __init__(self, newest: PositionRecord | None = None, answers: Sequence[str] = ()) -> None:
        self.newest = newest
        self.answers = list(answers)
        self.stored: list[Levels] = []
        self.asked = 0

    async def swap_levels(self, position_id: PositionId, before: Levels, after: Levels) -> bool:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else ""
        if answer == "away":
            raise StorageUnavailableError("away")
        if answer == "moved":
            return False
        self.stored.append(after)
        return True

    async def load_position(self, position_id: PositionId) -> PositionRecord | None:
        return self.newest


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(ingest.trails, "RETRY_S", 0)


@asynccontextmanager
async def trailing(desk: ExitDesk, store: Store, ears: Ears) -> AsyncIterator[Trails]:
    trails = Trails(desk, cast("LevelStore", store), ears.health)
    task = asyncio.create_task(trails.run())
    try:
        yield trails
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def risen() -> ExitDesk:
    desk = ExitDesk(RULES)
    desk.follow([position()])
    look(desk, "0.50", 0)
    return desk


async def test_levels_are_stored_once_also_when_the_database_was_away(ears: Ears) -> None:
    store = Store(answers=["away"])

    async def stored() -> bool:
        return bool(store.stored)

    async with trailing(risen(), store, ears) as trails:
        trails.moved(P1)
        await until(stored)
        for _ in range(3):
            trails.moved(P1)
            await asyncio.sleep(0)
    assert store.stored == [Levels(price("0.42"), price("0.65"), None, price("0.50"))]
    assert ears.failures("levels") == 1


async def test_levels_that_a_person_moved_meanwhile_stand(ears: Ears) -> None:
    desk = risen()
    theirs = Levels(price("0.30"), None, None, price("0.50"))
    desk.take_stored(P1, theirs)
    found = desk.levels_of(P1)
    assert found is not None
    desk.follow([position()])
    look(desk, "0.50", 1)
    store = Store(found[0], ["moved"])

    async def taken() -> bool:
        now = desk.levels_of(P1)
        return now is not None and now[1].stop_loss == price("0.30")

    async with trailing(desk, store, ears) as trails:
        trails.moved(P1)
        await until(taken)
    assert store.stored == []


async def test_a_position_that_is_gone_is_passed_over(ears: Ears) -> None:
    desk, store = risen(), Store(None, ["moved", "", "moved"])

    async def asked() -> bool:
        return store.asked == 1

    async with trailing(desk, store, ears) as trails:
        trails.moved(PositionId("unknown"))
        trails.moved(P1)
        await until(asked)
