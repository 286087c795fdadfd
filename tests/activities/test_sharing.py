import asyncio
from datetime import timedelta

import pytest

import activities.sharing
from activities.sharing import Shared
from tests.fakes import FakeClock
from tests.storage.builders import NOW

BRIEFLY = timedelta(seconds=1)


class Oracle:
    """Answers with the number of times it was asked; fails when told to, waits when told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def ask(self, key: str) -> str:
        self.asked += 1
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return f"{key}{self.asked}"


@pytest.fixture
def oracle() -> Oracle:
    return Oracle()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def shared(oracle: Oracle, clock: FakeClock) -> Shared[str, str]:
    return Shared(oracle.ask, BRIEFLY, clock)


async def test_an_answer_serves_for_a_while(shared: Shared[str, str], clock: FakeClock) -> None:
    assert await shared.get("a") == "a1"
    clock.advance(BRIEFLY)
    assert await shared.get("a") == "a1"
    assert await shared.get("b") == "b2"
    clock.advance(timedelta(microseconds=1))
    assert await shared.get("a") == "a3"


async def test_a_clock_that_was_set_back_makes_no_answer_young(
    shared: Shared[str, str], clock: FakeClock
) -> None:
    assert await shared.get("a") == "a1"
    clock.advance(-BRIEFLY)
    assert await shared.get("a") == "a2"


async def test_all_who_ask_at_once_ask_once(shared: Shared[str, str], oracle: Oracle) -> None:
    oracle.may_answer.clear()
    asking = [asyncio.create_task(shared.get("a")) for _ in range(9)]
    await asyncio.sleep(0)
    asking[0].cancel()
    oracle.may_answer.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == ["a2"] * 8


async def test_the_age_counts_from_the_question(
    shared: Shared[str, str], oracle: Oracle, clock: FakeClock
) -> None:
    oracle.may_answer.clear()
    asking = asyncio.create_task(shared.get("a"))
    await asyncio.sleep(0)
    clock.advance(BRIEFLY * 2)
    oracle.may_answer.set()
    assert await asking == "a1"
    assert await shared.get("a") == "a2"


async def test_a_failure_is_nobody_else_s(shared: Shared[str, str], oracle: Oracle) -> None:
    oracle.error = ValueError("no")
    with pytest.raises(ValueError, match="no"):
        await shared.get("a")
    oracle.error = None
    assert await shared.get("a") == "a2"


async def test_few_answers_are_kept(
    shared: Shared[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.sharing, "KEPT_MAX", 2)
    for key in ("a", "b", "a", "c"):
        await shared.get(key)
    assert await shared.get("a") == "a1"
    assert await shared.get("b") == "b4"
