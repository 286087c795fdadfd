"""Silent books are asked for in batches; an answer that does not come is asked for again."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

import exchange.polymarket.rereads
from exchange.polymarket.market_talk import MarketTalk
from exchange.polymarket.rereads import BATCH, BATCHES_MAX, reread_for_ever
from exchange.port import BookChange, MarketEvent, UnavailableError
from tests.exchange.fake_venue import LIMIT_S
from tests.exchange.samples import AT, clock
from trading.types import OrderBook, Price, Shares, TokenId

NUMBERS = frozenset(TokenId(str(number)) for number in range(BATCH * BATCHES_MAX + 50))


class Desk:
    """A talk that wants many tokens, what it emitted, and what was asked for."""

    def __init__(self) -> None:
        self.emitted: list[TokenId] = []
        self.asked: list[Sequence[TokenId]] = []
        self.away = 1
        self.all_told = asyncio.Event()
        self.now = clock()
        self.talk = MarketTalk(self._emit, lambda: self.now, self._fetch_book)
        self.talk.want(NUMBERS)

    async def _emit(self, event: MarketEvent) -> None:
        assert isinstance(event, BookChange)
        self.emitted.append(event.book.token_id)
        if len(self.emitted) == len(NUMBERS):
            self.all_told.set()

    async def _fetch_book(self, token_id: TokenId) -> OrderBook:
        raise AssertionError(token_id)

    async def fetch_books(self, token_ids: Sequence[TokenId]) -> Sequence[OrderBook]:
        if self.away:
            self.away -= 1
            raise UnavailableError("HTTP 503")
        self.asked.append(token_ids)
        return [book(token_id) for token_id in (*token_ids, TokenId("999999"))]

    def clock(self) -> datetime:
        return self.now


def book(token_id: TokenId) -> OrderBook:
    return OrderBook(token_id, (), (), AT, AT, Price(Decimal("0.01")), Shares(Decimal(5)))


async def test_silent_books_are_asked_for_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange.polymarket.rereads, "EVERY_S", 0)
    desk = Desk()
    desk.now = AT + timedelta(seconds=60)
    task = asyncio.create_task(reread_for_ever([desk.talk], desk.fetch_books, desk.clock))
    async with asyncio.timeout(LIMIT_S):
        await desk.all_told.wait()
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sorted(desk.emitted) == sorted(NUMBERS)
    assert [len(batch) for batch in desk.asked] == [BATCH] * BATCHES_MAX + [50]
