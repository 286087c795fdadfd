import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

import ingest.shards
from ingest.shards import WatchShards
from storage.port import StorageUnavailableError
from storage.watch_port import WATCH_LEASE, shard_of
from tests.ingest.desk import Ears, until
from tests.storage.builders import NO, NOW, YES


class Leases:
    """Answers what it is told to, one after another; the last answer for ever."""

    def __init__(self, *answers: Mapping[int, int] | None) -> None:
        self._answers = list(answers)
        self.renewed = 0
        self.released: list[str] = []

    async def renew_watch(self, holder: str, now: datetime) -> Mapping[int, int]:
        self.renewed += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            raise StorageUnavailableError("away")
        return answer

    async def release_watch(self, holder: str) -> None:
        self.released.append(holder)
        raise StorageUnavailableError("away")

    async def last_watched(self) -> datetime | None:
        return None


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Renew at once."""
    monkeypatch.setattr(ingest.shards, "RENEW_EVERY_S", 0)


async def run(shards: WatchShards, leases: Leases, times: int) -> int:
    """Run until so many renewals were asked for; return how often the holding changed."""
    changes: list[bool] = []
    task = asyncio.create_task(shards.run(lambda: changes.append(shards.watches(YES))))

    async def renewed() -> bool:
        return leases.renewed >= times

    await until(renewed)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return len(changes)


async def test_a_shard_is_ours_from_the_first_answer_on_and_given_back(ears: Ears) -> None:
    leases = Leases({shard_of(YES): 1})
    shards = WatchShards(leases, "a", lambda: NOW, ears.health)
    assert not shards.watches(YES)
    seen: list[tuple[bool, bool, bool]] = []
    task = asyncio.create_task(
        shards.run(lambda: seen.append((shards.watches(YES), shards.holds(YES), shards.holds(NO))))
    )

    async def told() -> bool:
        return bool(seen)

    await until(told)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert seen == [(True, True, False)]
    assert shard_of(YES) != shard_of(NO)
    assert leases.released == ["a"]
    assert not shards.watches(YES)


async def test_a_shard_that_another_took_is_ours_no_more(ears: Ears) -> None:
    leases = Leases({shard_of(YES): 1}, {})
    shards = WatchShards(leases, "a", lambda: NOW, ears.health)
    assert await run(shards, leases, 3) == 2


async def test_a_lease_that_could_not_be_renewed_runs_out(ears: Ears) -> None:
    """Another may have the shard by then: no exit is asked for, but prices are heard on."""
    now = [NOW]
    leases = Leases({shard_of(YES): 1}, None)
    shards = WatchShards(leases, "a", lambda: now[0], ears.health)
    found: list[tuple[bool, bool, bool]] = []

    async def lapsed() -> bool:
        found.append((shards.watches(YES), shards.holds(YES), shards.is_current))
        now[0] += timedelta(seconds=1)
        return found[-1] == (True, False, False)

    task = asyncio.create_task(shards.run(lambda: None))
    await until(lapsed)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert now[0] - NOW >= WATCH_LEASE
    assert ears.failures("watch_lease") >= 1
