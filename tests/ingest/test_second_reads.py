import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

import ingest.second_reads
from exchange.port import UnavailableError
from ingest.second_reads import SecondReads
from tests.ingest.desk import Ears, book_of, until, utc_now
from tests.storage.builders import NO, YES
from trading.types import OrderBook, TokenId

SOON = timedelta(milliseconds=20)


class Books:
    """Answers with books of what is asked for, but not the first few times."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.asked: list[Sequence[TokenId]] = []

    async def fetch_books(self, token_ids: Sequence[TokenId]) -> Sequence[OrderBook]:
        self.asked.append(token_ids)
        if self.away:
            self.away -= 1
            raise UnavailableError("HTTP 503")
        return [book_of("0.40", token_id=token_id) for token_id in token_ids]


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again soon."""
    monkeypatch.setattr(ingest.second_reads, "ASK_EVERY", SOON)


@asynccontextmanager
async def reading(books: Books, taken: list[OrderBook], ears: Ears) -> AsyncIterator[SecondReads]:
    seconds = SecondReads(books, taken.append, utc_now, ears.health)
    task = asyncio.create_task(seconds.run())
    try:
        yield seconds
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_book_is_asked_for_when_it_is_due(ears: Ears) -> None:
    books, taken = Books(), list[OrderBook]()
    due_at = utc_now() + 2 * SOON

    async def came() -> bool:
        return bool(taken)

    async with reading(books, taken, ears) as seconds:
        seconds.want(NO, utc_now() + timedelta(hours=1))
        seconds.want(YES, due_at)
        seconds.want(YES, due_at + SOON)
        await until(came)
    assert books.asked == [[YES]]
    assert taken[0].received_at >= due_at


async def test_an_answer_that_does_not_come_is_asked_for_again(ears: Ears) -> None:
    books, taken = Books(away=2), list[OrderBook]()

    async def came() -> bool:
        return bool(taken)

    async with reading(books, taken, ears) as seconds:
        seconds.want(YES, utc_now())
        await until(came)
    assert len(books.asked) == 3
    assert ears.failures("second_read") == 2


async def test_one_token_is_asked_for_now_and_then_however_often_it_is_wanted(ears: Ears) -> None:
    books, taken = Books(), list[OrderBook]()
    begun = utc_now()

    async def came() -> bool:
        seconds.want(YES, begun)
        return len(taken) == 3

    async with reading(books, taken, ears) as seconds:
        await until(came)
    assert utc_now() - begun >= 2 * SOON


async def test_what_is_not_held_any_more_is_not_asked_for(ears: Ears) -> None:
    books, taken = Books(), list[OrderBook]()

    async def came() -> bool:
        return len(taken) == 1

    async with reading(books, taken, ears) as seconds:
        seconds.want(NO, utc_now() + SOON)
        seconds.keep_only(frozenset({YES}))
        seconds.want(YES, utc_now() + 2 * SOON)
        await until(came)
        seconds.keep_only(frozenset())
    assert books.asked == [[YES]]
