"""What is said and heard on one socket of the market stream."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from exchange.polymarket.mirror import BookMirror
from exchange.polymarket.pump import Emit
from exchange.polymarket.wire import excerpt, read_objects
from exchange.polymarket.wire_clob import BookRow
from exchange.polymarket.wire_market import (
    LastTradeFrame,
    MarketFrame,
    PriceChangeFrame,
    ResolvedFrame,
    TickSizeFrame,
    read_market_frame,
)
from exchange.port import (
    BookChange,
    LastTrade,
    MarketEvent,
    MarketResolution,
    Quarantined,
    StreamReset,
    TickSizeChange,
    WireError,
)
from trading.types import ConditionId, OrderBook, Price, Shares, TokenId


class MarketTalk:
    """Subscribes to the tokens wanted of one socket, and mirrors their books."""

    name = "market"

    def __init__(
        self,
        emit: Emit[MarketEvent],
        clock: Callable[[], datetime],
        fetch_book: Callable[[TokenId], Awaitable[OrderBook]],
    ) -> None:
        """Start with no tokens."""
        self._emit = emit
        self._clock = clock
        self._fetch_book = fetch_book
        self._subscribed: frozenset[TokenId] = frozenset()
        self._mirrors: dict[TokenId, BookMirror] = {}
        self._ticks: dict[TokenId, Decimal] = {}
        self._minimums: dict[TokenId, Decimal] = {}
        self._stale: set[TokenId] = set()
        self.tokens: frozenset[TokenId] = frozenset()
        self.wake = asyncio.Event()

    def want(self, tokens: frozenset[TokenId]) -> None:
        """Change what is wanted; said as soon as the socket is free."""
        if tokens != self.tokens:
            self.tokens = tokens
            self.wake.set()

    async def wanted(self) -> None:
        """Return when at least one token is wanted."""
        while not self.tokens:
            await self.wake.wait()
            self.wake.clear()

    def hello(self) -> Sequence[str]:
        """Subscribe to everything wanted; books start anew from their snapshots."""
        self._mirrors.clear()
        self._stale.clear()
        self._subscribed = self.tokens
        return [_write({"type": "market", "assets_ids": sorted(self.tokens)})]

    def more(self) -> Sequence[str]:
        """Subscribe and unsubscribe the difference; ask anew for books that were dropped."""
        gone = self._subscribed - self.tokens
        for token_id in gone:
            self._forget(token_id)
        again = self._stale & self.tokens
        added = (self.tokens - self._subscribed) | again
        self._stale.clear()
        self._subscribed = self.tokens
        frames = []
        if gone or again:
            frames.append(_write({"operation": "unsubscribe", "assets_ids": sorted(gone | again)}))
        if added:
            frames.append(_write({"operation": "subscribe", "assets_ids": sorted(added)}))
        return frames

    async def greeted(self) -> None:
        """Tell that books start anew."""
        await self._emit(StreamReset(self._clock()))

    async def hear(self, text: str) -> bool:
        """Emit what a frame changed; hand what cannot be read to quarantine."""
        if not text.lstrip().startswith(("{", "[")):
            return False  # PONG, or a remark such as NO NEW ASSETS
        is_data = False
        try:
            for item in read_objects(text):
                frame = read_market_frame(item)
                if frame is not None:
                    is_data = True
                    await self._handle(frame)
        except WireError as error:
            await self._emit(Quarantined("market", str(error), excerpt(text)))
        return is_data

    async def _handle(self, frame: MarketFrame) -> None:
        match frame:
            case BookRow():
                await self._start_book(frame)
            case PriceChangeFrame():
                await self._change_books(frame)
            case LastTradeFrame():
                price, size = Price(frame.price), Shares(frame.size)
                await self._emit(LastTrade(frame.asset_id, price, size, frame.timestamp))
            case TickSizeFrame():
                await self._drop_book(frame)
            case ResolvedFrame():
                condition_id = ConditionId(frame.condition_id)
                await self._emit(MarketResolution(condition_id, frame.timestamp))
            case _:
                assert_never(frame)

    async def _start_book(self, row: BookRow) -> None:
        if row.asset_id not in self.tokens:
            return
        tick_size, min_size = await self._terms_of(row)
        mirror = BookMirror(row, tick_size, min_size)
        self._mirrors[row.asset_id] = mirror
        await self._emit(BookChange(mirror.book(self._clock())))

    async def _terms_of(self, row: BookRow) -> tuple[Price, Shares]:
        """Return tick and minimum size: the snapshot's, the last ones told, or asked for."""
        token_id = row.asset_id
        tick_size = row.tick_size or self._ticks.get(token_id)
        min_size = row.min_order_size or self._minimums.get(token_id)
        if tick_size is None or min_size is None:
            book = await self._fetch_book(token_id)
            tick_size, min_size = book.tick_size, book.min_size
        self._ticks[token_id], self._minimums[token_id] = tick_size, min_size
        return Price(tick_size), Shares(min_size)

    async def _change_books(self, frame: PriceChangeFrame) -> None:
        changed = []
        for change in frame.price_changes:
            mirror = self._mirrors.get(change.asset_id)
            if mirror is not None:
                mirror.apply(change, frame.timestamp)
                if mirror not in changed:
                    changed.append(mirror)
        for mirror in changed:
            await self._emit(BookChange(mirror.book(self._clock())))

    def _forget(self, token_id: TokenId) -> None:
        self._mirrors.pop(token_id, None)
        self._ticks.pop(token_id, None)
        self._minimums.pop(token_id, None)

    async def _drop_book(self, frame: TickSizeFrame) -> None:
        """Forget a book whose grid has changed, and ask for its snapshot."""
        self._mirrors.pop(frame.asset_id, None)
        self._ticks[frame.asset_id] = frame.new_tick_size
        if frame.asset_id in self.tokens:
            self._stale.add(frame.asset_id)
            self.wake.set()
            await self._emit(TickSizeChange(frame.asset_id, Price(frame.new_tick_size)))


def _write(frame: dict[str, object]) -> str:
    return json.dumps({**frame, "custom_feature_enabled": True})
