import asyncio
from collections.abc import Sequence

import pytest

import ingest.listen
from exchange.port import PermanentError, UnavailableError
from ingest.listen import listen
from tests.ingest.desk import Ears, Script


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open streams again at once."""
    monkeypatch.setattr(ingest.listen, "REOPEN_AFTER_S", 0)


async def heard(script: Script[int], ears: Ears, count: int) -> list[int]:
    """Listen until so many events were taken."""
    taken: list[int] = []
    enough = asyncio.Event()

    async def take(event: int) -> None:
        taken.append(event)
        if len(taken) == count:
            enough.set()

    task = asyncio.create_task(listen("feed", script.stream, take, ears.health))
    done = asyncio.create_task(enough.wait())
    await asyncio.wait({task, done}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
    for each in (task, done):
        each.cancel()
    results = await asyncio.gather(task, done, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]
    return taken


@pytest.mark.parametrize(
    "why",
    [
        UnavailableError("gone"),
        PermanentError("refused"),
        ExceptionGroup("nodes", [ExceptionGroup("node", [UnavailableError("gone")])]),
    ],
    ids=repr,
)
async def test_a_stream_that_fails_is_opened_again(why: Exception, ears: Ears) -> None:
    parts: list[Sequence[int | Exception]] = [[1, why], [2], [3]]
    script = Script(parts)
    assert await heard(script, ears, 3) == [1, 2, 3]
    assert ears.failures("feed") == 2


async def test_a_bug_in_a_stream_ends_the_listener(ears: Ears) -> None:
    with pytest.raises(ZeroDivisionError):
        await heard(Script([[1, ZeroDivisionError("a bug")]]), ears, 2)


async def test_every_event_is_a_sign_of_life(ears: Ears) -> None:
    await heard(Script([[1, 2]]), ears, 2)
    labels = {"feed": "feed"}
    assert ears.registry.get_sample_value("whalecopy_feed_messages_total", labels) == 2


async def test_what_is_no_sign_of_life_is_taken_and_leaves_a_feed_silent(ears: Ears) -> None:
    taken: list[int] = []

    async def take(event: int) -> None:
        taken.append(event)
        if event == 3:
            raise ZeroDivisionError

    stream = Script([[1, 2, 3]]).stream
    with pytest.raises(ZeroDivisionError):
        await listen("feed", stream, take, ears.health, lambda event: event == 2)
    assert taken == [1, 2, 3]
    labels = {"feed": "feed"}
    assert ears.registry.get_sample_value("whalecopy_feed_messages_total", labels) == 1
