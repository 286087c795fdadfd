import asyncio

from ingest.wanted import Wanted


async def test_every_reader_wakes_when_the_set_changes() -> None:
    wanted: Wanted[int] = Wanted(frozenset({1}))
    readers = [asyncio.create_task(wanted.changed()) for _ in range(2)]
    await asyncio.sleep(0)
    wanted.replace(frozenset({1}))
    await asyncio.sleep(0)
    assert not any(reader.done() for reader in readers)
    wanted.replace(frozenset({1, 2}))
    async with asyncio.timeout(5):
        await asyncio.gather(*readers)
    assert wanted.current() == {1, 2}


async def test_a_reader_waits_for_the_next_change() -> None:
    wanted: Wanted[int] = Wanted()
    wanted.replace(frozenset({1}))
    waiting = asyncio.create_task(wanted.changed())
    await asyncio.sleep(0)
    assert not waiting.done()
    wanted.replace(frozenset())
    async with asyncio.timeout(5):
        await waiting
